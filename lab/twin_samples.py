"""Samples of the simulated bench that have no record in the file: the presets say what they are made of."""

import logging
from pathlib import Path
from typing import Any

from lab.samples import SampleError, Samples

log = logging.getLogger(__name__)


def note_presets(samples: Samples, twin: dict[str, Any] | bool):
    """Know the samples of the presets that the bench was started with, as long as the session lasts.

    A preset file says what is on the bench, so its doping and thickness count; built-in ones have their records.
    """
    if not isinstance(twin, dict):
        return
    from devices.iocs.twin.preset import load, names

    for word in str(twin["preset"]).split(","):
        if word in names() and word in samples:
            continue
        preset = load(word)
        facts = {"doping_percent": preset.sample.doping_percent, "thickness_nm": preset.sample.thickness_nm}
        try:
            samples.note(preset.name, **facts)
        except SampleError as why:
            log.warning("the preset %s has no record: %s", Path(word).name, why)
