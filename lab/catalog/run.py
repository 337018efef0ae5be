"""One recorded run: `db[-1]`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from databroker.v1 import Header

from lab.catalog import curves, facts, images, reading
from lab.night.numbers import numbers_of
from lab.shown import Shown
from lab.stored.analyses import ending
from lab.stored.streams import arrays_of
from lab.wording import labelled

if TYPE_CHECKING:
    from analysis.formats.photons import Photons
    from lab.catalog.catalog import Catalog
    from lab.catalog.views import Decays, Image, PairCurve, Spectrum, Trace

log = logging.getLogger(__name__)


class Run(Shown, Header):
    """One run: start, stop, tables, arrays, and what was found in it; its repr is a card."""

    db: Catalog

    @property
    def purpose(self) -> str:
        """What the run is for: "measurement" or "analysis"."""
        return self.start.get("purpose", "unknown")

    @property
    def exit_status(self) -> str:
        """How the run ended: success, abort, fail, interrupted, or still open."""
        return ending(self.stop)

    def table(self, stream_name: str = "primary", fields: Iterable[str] | None = None, **kwargs: Any) -> Any:
        """Return one stream as a pandas DataFrame, time first, then the columns by name."""
        if (table := self.db.told_table(self.uid, stream_name, fields)) is None:
            table = super().table(stream_name, fields=fields, **kwargs)
        return table[["time", *sorted(column for column in table if column != "time")]]

    def array(self, key: str, stream: str = "primary") -> Any:
        """Return an array client: `[10:20]` fetches only those frames."""
        return self.db.array(self.uid, key, stream)

    def documents(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the run's documents as they were emitted; with arguments, those of the broker."""
        return super().documents(*args, **kwargs) if args or kwargs else self.db.documents(self.uid)

    def derived(self) -> Run | None:
        """Return the newest analysis of this run."""
        return self.db.derived(self.uid)

    def fit(self) -> Any:
        """The result as RE(...) returned it, computed again from what is stored; nothing is written."""
        return reading.fit(self)

    def image(self, *names: str) -> Image | tuple[Image, ...]:
        """An image with its errors: "qd", "perovskite", and of a raster "tau1", "tau2", "fraction", "deviance", ..."""
        found = tuple(images.image(self, name) for name in names or ("qd",))
        return found[0] if len(found) == 1 else found

    def decays(self, *, registered: bool = False, **region: Any) -> Decays:
        """Histograms of arrival times (ny, nx, n_bins), or with `row=3, column=4` the sum of these pixels (n_bins,).

        region : row, column: a number or a slice, both of them if one; route: "perovskite" or "qd"
        registered : scans are moved onto each other before they are added, as for the lifetimes
        """
        return curves.decays(self, registered=registered, **region)

    def g2(self) -> PairCurve:
        """Coincidences of an `hbt` run against lag, with the fit."""
        return curves.pairs(self)

    def trace(self) -> Trace:
        """Counts, or rates, against time."""
        return curves.trace(self)

    def spectrum(self) -> Spectrum:
        """The spectrum with its errors."""
        return curves.spectrum(self)

    def photons(self) -> Photons:
        """The photons of a run that recorded them one by one."""
        return curves.photons(self)

    def export(self, path: str | Path, **options: Any) -> Path:
        """Write the run into a file for other programs: .ptu, .h5, .nxs, .ome.tif, .csv."""
        from lab.export import export

        return export(self, path, **options)

    def headline(self) -> str:
        """What was found, in a few words; "" if nothing is known."""
        try:
            analysis = self if self.purpose == "analysis" else self.db.analysis_of(self)
            told = () if analysis is None else found_in(analysis)
        except Exception as why:  # a card that cannot tell everything still tells the rest
            log.debug("nothing can be told of run %s: %s", self.uid[:8], why)
            return ""
        return ", ".join(f"{each.quantity} {each.value}" for each in told[:2])

    def picture(self) -> Path | None:
        """The overview that was drawn when the run ended, if there is one."""
        return self.db.overview_of(self.uid)

    def __repr__(self) -> str:
        start, stop = self.start, self.stop or {}
        counts = ", ".join(f"{n} {stream}" for stream, n in sorted(stop.get("num_events", {}).items()))
        took = f"{stop['time'] - start['time']:.0f} s" if stop else "not ended"
        lines = [facts.title(start, self.exit_status)]
        lines += labelled("took", [f"{took}; events: {counts}" if counts else took])
        reason = str(stop.get("reason", "")).splitlines()
        lines += labelled("why", [reason[0][:100]] if reason else [])
        for label, told in (("light", facts.light(start)), ("settings", facts.settings(start))):
            lines += labelled(label, [told] if told else [])
        return "\n".join([*lines, *self._found(), *self._whereabouts()])

    def _found(self) -> list[str]:
        found = self.headline()
        warnings = [f"  WARNING     {text}" for text in list(self.start.get("warnings", ()))[:2]]
        return [*labelled("found", [found] if found else []), *warnings]

    def _whereabouts(self) -> list[str]:
        start, lines = self.start, []
        if "analysis_of" in start:
            of = [uid[:8] for uid in start["analysis_of"]]
            lines += labelled("is", [f"analysis of {', '.join(of[:4])}{f' and {len(of) - 4} more' * (len(of) > 4)}"])
        analysis = self.db.analysis_of(self) if self.purpose == "measurement" else None
        lines += labelled("stored", [f'db["{analysis.uid[:8]}"] (analysis)'] if analysis is not None else [])
        following = self.db.continued_in(self.uid) if self.exit_status != "success" else ""
        lines += labelled("continued", [f"continued in {following[:8]}"] if following else [])
        told = facts.origin(start)
        lines += labelled("origin", [told] if told else [])
        picture = self.picture()
        lines += labelled("figure", [str(picture)] if picture is not None else [])
        return [*lines, *labelled("has", [", ".join(reading.readings(start))])]


def found_in(analysis: Run) -> Any:
    """The numbers of a stored analysis."""
    data = {key: value for key, (value, _) in arrays_of(analysis.documents()).items()}
    return numbers_of(analysis.start.get("plan_name", ""), data)
