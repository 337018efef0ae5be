"""The bench process: everything in the room but the laser light, and its one wire to the light process."""

from pathlib import Path

from devices.iocs.counters import CountersIOC
from devices.iocs.doses import Doses
from devices.iocs.exposure import ExposureIOC
from devices.iocs.filters import FiltersIOC
from devices.iocs.instrument import InstrumentIOC
from devices.iocs.light_link import LightLink
from devices.iocs.measuring import Measuring
from devices.iocs.piezo import StageIOC
from devices.iocs.sample import SampleIOC
from devices.iocs.scanner import ScannerIOC
from devices.iocs.spads import SpadsIOC
from devices.iocs.spectrofluorometer import SpectrofluorometerIOC
from devices.iocs.timeharp import TimeHarpIOC


def table_groups(
    prefix: str, bench, fs5, *, raw_folder: Path, wiring: str, delay_ns: float, doses: Path | None = None, key: str = ""
) -> list[InstrumentIOC]:
    """Build the IOC groups around their backends (see `devices.iocs.backends`: `Bench`, `Spectrofluorometer`).

    key : of the link to the light process (`devices.iocs.light_link.link_key`)
    doses : the file that keeps what light the samples have seen; None forgets
    """
    link, measuring = LightLink(prefix, key), Measuring()
    dark = {"trip": link.trip, "darken": link.darken}
    spads = SpadsIOC(f"{prefix}spads:", spads=bench.spads, illumination=bench.illumination, **dark)
    exposure = ExposureIOC(f"{prefix}exposure:", bench=bench, doses=Doses(doses), measuring=measuring, **dark)
    shared = {"bench": bench, "spads": spads, "exposure": exposure, "measuring": measuring}
    card = TimeHarpIOC(f"{prefix}timeharp:", raw_folder=raw_folder, wiring=wiring, delay_ns=delay_ns, **shared)
    scanner = card.scanner = ScannerIOC(f"{prefix}scanner:", card=card, **shared)
    stage = StageIOC(f"{prefix}piezo:", stage=bench.stage, measuring=measuring)
    filters = FiltersIOC(f"{prefix}filters:", filters=bench.filters, link=link, measuring=measuring)
    chamber = SpectrofluorometerIOC(f"{prefix}fs5:", backend=fs5)
    others = (stage, filters, card, chamber)
    return [
        stage,
        filters,
        SampleIOC(f"{prefix}sample:", bench=bench, darken=link.darken, measuring=measuring, others=others),
        spads,
        exposure,
        card,
        CountersIOC(f"{prefix}counters:", raw_folder=raw_folder, **shared),
        scanner,
        chamber,
    ]
