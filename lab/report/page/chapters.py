"""How the report is divided: the sections of the paper, with their numbers and figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lab.report.rows import Row


@dataclass(frozen=True)
class Plate:
    """A figure of the report. name : of its file; title : as the paper counts; caption : what is to be seen."""

    name: str
    title: str
    caption: str


@dataclass(frozen=True)
class Chapter:
    """A section of the paper. groups : beginnings of the ids of its numbers."""

    number: str
    title: str
    groups: tuple[str, ...]
    plates: tuple[Plate, ...]

    def rows(self, rows: Iterable[Row]) -> list[Row]:
        return [one for one in rows if one.id.partition("-")[0] in self.groups]


CHAPTERS = (
    Chapter(
        "3.1",
        "Absorption and luminescence",
        ("ABS", "PL", "DOP", "QD"),
        (
            Plate(
                "figure1a",
                "Fig. 1a",
                "The undoped film: absorbance against its blank, baseline taken off, and luminescence under 405 nm, "
                "all regions together, with the two bands that the counts tell apart, the free exciton and the "
                "shallow defects.",
            ),
            Plate(
                "figure2",
                "Fig. 2",
                "(a) Luminescence of the doped films A to D, each divided by its perovskite area. (b) The dots' band "
                "rescaled to the doping of B: proportional within a few tens of per cent. (c) Excitation spectra of "
                "A and B beside what dots would show that the film only shades.",
            ),
        ),
    ),
    Chapter(
        "3.2",
        "Coupling between film and dots",
        ("PLE",),
        (
            Plate(
                "figure3a",
                "Fig. 3a",
                "How much more, or less, the dots shine than uncoupled ones would, against the wavelength of "
                "excitation, with one standard deviation. A is quenched everywhere; B is sensitised in region II.",
            ),
        ),
    ),
    Chapter(
        "3.3",
        "Lifetime images",
        ("DRF", "FLIM", "FIT", "DIS"),
        (
            Plate(
                "figure4",
                "Fig. 4",
                "Films A (above) and B (below): intensity of the perovskite and of the dots, and the slow lifetime in "
                "every pixel. Scans were registered row by row before they were summed; contours are the clusters of "
                "dots.",
            ),
            Plate(
                "figure5",
                "Fig. 5",
                "Decays of two pixels with their fits; distributions of the slow lifetime, weighted with intensity, "
                "of both films and of A with few and with many dots.",
            ),
        ),
    ),
    Chapter(
        "3.4",
        "Single emitters",
        ("SQ", "G2", "EMI", "BLK"),
        (
            Plate(
                "figure6",
                "Fig. 6",
                "Single dots under 561 nm: where the perovskite is dark the dots stand out one by one; coincidences "
                "of one of them with the fitted antibunching dip; the trace of a bright one with its ON and OFF "
                "levels.",
            ),
            Plate(
                "single-emitters",
                "The cohort",
                "Rise times of dots in the film and on glass, with what an effective medium predicts; ON fractions "
                "film by film; how long dots live before they bleach.",
            ),
        ),
    ),
)
