"""Which drivers there are: instrument and name in lab.toml, the module, its options and its class."""

from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Driver:
    """Where a driver is found; nothing of it is imported before it is used."""

    module: str
    options_name: str
    class_name: str

    @property
    def options(self) -> type:
        """The dataclass of its options."""
        return getattr(import_module(f"{__package__}.{self.module}"), self.options_name)

    @property
    def made_by(self) -> type:
        """The class that speaks to the instrument."""
        return getattr(import_module(f"{__package__}.{self.module}"), self.class_name)


DRIVERS: dict[str, dict[str, Driver]] = {
    "stage": {"pi_gcs": Driver("piezo.pi_gcs", "PiOptions", "PiStage")},
    "pulsed_laser": {"epl450": Driver("light.epl450", "EplOptions", "Epl450")},
    "cw_laser": {
        "cobolt": Driver("light.cobolt", "CoboltOptions", "Cobolt"),
        "obis": Driver("light.obis", "ObisOptions", "Obis"),
        "sapphire": Driver("light.sapphire", "SapphireOptions", "Sapphire"),
        "manual": Driver("light.epl450", "ManualCwOptions", "ManualCw"),
    },
    "shutter": {"sc10": Driver("light.sc10", "Sc10Options", "Sc10")},
    "filters": {"fw102c": Driver("wheels.fw102c", "WheelOptions", "Wheels")},
    "spads": {
        "card": Driver("counting.spads", "CardSpadsOptions", "CardSpads"),
        "serial_counter": Driver("counting.serial_counter", "SerialCounterOptions", "SerialCounter"),
    },
    "timeharp": {
        "timeharp200": Driver("timeharp.card", "TimeHarp200Options", "TimeHarp200"),
        "picoharp300": Driver("timeharp.picoharp", "PicoHarp300Options", "PicoHarp300"),
        "timeharp260": Driver("timeharp.timeharp260", "TimeHarp260Options", "TimeHarp260"),
    },
    "sample": {"declared": Driver("sample", "SampleOptions", "DeclaredSample")},
    "spectrofluorometer": {"fluoracle": Driver("fs5.fluoracle", "FluoracleOptions", "FluoracleFolder")},
}
