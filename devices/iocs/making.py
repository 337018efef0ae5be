"""The IOC groups of both processes, on the twin or on the drivers that lab.toml names."""

import argparse
from pathlib import Path
from typing import Any

from devices.iocs.backing import driver_for, options_for, spectrofluorometer
from devices.iocs.config import ConfigError, LabConfig
from devices.iocs.drivers.memory import BenchMemory
from devices.iocs.instrument import InstrumentIOC
from devices.iocs.mixes import DETECTION, real

BEAM, MEMORY, DOTS, WORLD, REMEMBERED = "beam.bin", "bench.bin", "dots", "world.json", "real_bench.json"
BENCH = ("stage", "filters", *DETECTION)


def make_light(options: argparse.Namespace, config: LabConfig) -> list[InstrumentIOC]:
    """The light groups on the backend that lab.toml names."""
    from devices.iocs.light import light_groups
    from devices.iocs.light_link import link_key

    light, rates = real_light(options, config) if "shutter" in real(config) else twin_light(options)
    permitted = {"table": config.pairing, "key": link_key(options.folder)}
    return light_groups(config.channel_access.prefix, light, **rates, **permitted)


def twin_light(options: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The simulated lasers, and the rates of the pulsed one."""
    from devices.iocs.twin.light import TwinLight
    from devices.iocs.twin.preset import load as load_preset

    laser = load_preset(options.preset.split(",")[0]).instrument.laser
    light = TwinLight(options.folder / BEAM, laser)
    return light, {"repetition_hz": laser.repetition_hz, "rates_hz": laser.rates_hz}


def real_light(options: argparse.Namespace, config: LabConfig) -> tuple[Any, dict[str, Any]]:
    """The real lasers and their shutter, and what is declared of them."""
    from devices.iocs.drivers.light.real_light import RealLight
    from devices.iocs.drivers.light.told_light import ToldLight

    pulsed_laser, cw, shutter = (
        driver_for(config, name, options.folder) for name in ("pulsed_laser", "cw_laser", "shutter")
    )
    try:
        light = RealLight(pulsed_laser, cw, shutter, interlock=options_for(config, "shutter").interlock)
    except ValueError as why:
        raise ConfigError(f"{config.file}: instruments.{why}") from why
    pulsed, by_hand = options_for(config, "pulsed_laser"), {"pulsed": "pulsed_laser", "cw": "cw_laser"}
    set_to = {laser: getattr(options_for(config, name), "w_cm2", 0.0) for laser, name in by_hand.items()}
    rates = {"repetition_hz": pulsed.repetition_hz, "rates_hz": tuple(pulsed.rates_hz), "declared_w_cm2": set_to}
    return ToldLight(light, options.folder / BEAM), rates


def leave_real(groups: list[InstrumentIOC]) -> None:
    """End dark, and leave the ports; the twin remembers by itself."""
    from devices.iocs.drivers.bench import RealBench
    from devices.iocs.drivers.light.told_light import ToldLight

    held = [getattr(group, name, None) for group in groups for name in ("light", "bench")]
    for one in {id(one): one for one in held}.values():
        if isinstance(one, ToldLight | RealBench):
            one.close()


def make_bench(options: argparse.Namespace, config: LabConfig) -> list[InstrumentIOC]:
    """The bench groups on the backends that lab.toml names."""
    from devices.iocs.drivers.bench import RealBench
    from devices.iocs.light_link import link_key
    from devices.iocs.table import table_groups

    bench, fs5 = benches(options, config)
    if options.only == "bench" and isinstance(bench, RealBench):
        bench.greet()
    measured_for_good = options.folder if "sample" in real(config) else options.folder / DOTS
    return table_groups(
        config.channel_access.prefix,
        bench,
        fs5,
        raw_folder=options.raw,
        wiring=getattr(bench.card, "cabled", "") or config.microscope.wiring,
        delay_ns=config.microscope.delay_ns,
        doses=measured_for_good / "doses.sqlite",
        key=link_key(options.folder),
    )


def benches(options: argparse.Namespace, config: LabConfig) -> tuple[Any, Any]:
    """The bench, of the twin, real or mixed, and the spectrofluorometer."""
    there = real(config)
    drivers = [name for name in BENCH if name in there]
    twin = twin_bench(options) if len(drivers) < len(BENCH) or "spectrofluorometer" not in there else None
    bench = real_bench(options, config, twin) if drivers else twin
    return bench, spectrofluorometer(config, twin)


def twin_bench(options: argparse.Namespace) -> Any:
    """The simulated bench."""
    from devices.iocs.beam import BeamReader
    from devices.iocs.twin.bench import Bench
    from devices.iocs.twin.clock import Clock
    from devices.iocs.twin.preset import load as load_preset

    preset, *others = (load_preset(name) for name in options.preset.split(","))
    return Bench(
        preset,
        others=others,
        seed=options.seed,
        clock=Clock(speed=options.speed, memory=options.folder / MEMORY),
        beam=BeamReader(options.folder / BEAM),
        truth=options.truth,
        memory=options.folder / DOTS,
    )


def real_bench(options: argparse.Namespace, config: LabConfig, twin: Any) -> Any:
    """A bench of drivers; `twin` stands in for what has none, and follows the real stage and filters."""
    from devices.iocs.beam import BeamReader
    from devices.iocs.drivers.bench import RealBench
    from devices.iocs.drivers.followed import FollowedFilters, FollowedStage, followed_by
    from devices.iocs.drivers.light.lit import LightPath

    there, folder = real(config), options.folder
    light = LightPath(BeamReader(folder / BEAM), springs_back="shutter" not in there)
    stage = driver_for(config, "stage", folder) if "stage" in there else twin.stage
    filters = driver_for(config, "filters", folder) if "filters" in there else twin.filters
    simulated = "timeharp" not in there
    if simulated and "filters" in there:
        filters = FollowedFilters(filters, twin.filters)
    follow = followed_by(twin.stage) if simulated and "stage" in there else None
    counted = of_twin(twin) if simulated else detection(config, folder, light)
    return RealBench(stage=FollowedStage(stage, follow), filters=filters, light=light, **counted)


def of_twin(twin: Any) -> dict[str, Any]:
    """Card, SPADs, counters and sample of the twin."""
    return {"spads": twin.spads, "counters": twin.counters, "card": twin.card, "holder": twin, "numbers": twin}


def cabled(memory: BenchMemory, config: LabConfig) -> str:
    """What is cabled to the card: as the operator said last, unless lab.toml was changed since."""
    declared = config.microscope.wiring
    if memory.get("wiring_of_file") != declared:
        memory.keep("wiring_of_file", declared)
        memory.keep("wiring", declared)
    return memory.get("wiring")


def detection(config: LabConfig, folder: Path, light: Any) -> dict[str, Any]:
    """Card, SPADs, counters and sample, all real."""
    from devices.iocs.drivers.counting.watched_card import WatchedCard

    memory = BenchMemory(folder / REMEMBERED)
    cabled(memory, config)
    real_card: Any = driver_for(config, "timeharp", folder)
    real_card.lit = light.lit
    card = WatchedCard(real_card, memory)
    if config.instruments.spads.options["driver"] == "serial_counter":
        spads: Any = driver_for(config, "spads", folder)
        real_card.counters = spads.trace
    else:
        spads = driver_for(config, "spads", folder, card=card)
    holder = driver_for(config, "sample", folder, memory=memory)
    return {"spads": spads, "counters": spads, "card": card, "holder": holder, "numbers": memory}
