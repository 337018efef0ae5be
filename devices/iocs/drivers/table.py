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
    "stage": {"pi_gcs": Driver("pi_gcs", "PiOptions", "PiStage")},
    "pulsed_laser": {"epl450": Driver("epl450", "EplOptions", "Epl450")},
    "cw_laser": {
        "cobolt": Driver("cobolt", "CoboltOptions", "Cobolt"),
        "obis": Driver("obis", "ObisOptions", "Obis"),
        "sapphire": Driver("sapphire", "SapphireOptions", "Sapphire"),
        "manual": Driver("epl450", "ManualCwOptions", "ManualCw"),
    },
    "shutter": {"sc10": Driver("sc10", "Sc10Options", "Sc10")},
    "filters": {"fw102c": Driver("fw102c", "WheelOptions", "Wheels")},
    "spads": {
        "card": Driver("spads", "CardSpadsOptions", "CardSpads"),
        "serial_counter": Driver("serial_counter", "SerialCounterOptions", "SerialCounter"),
    },
    "timeharp": {
        "timeharp200": Driver("timeharp.card", "TimeHarp200Options", "TimeHarp200"),
        "picoharp300": Driver("timeharp.picoharp", "PicoHarp300Options", "PicoHarp300"),
        "timeharp260": Driver("timeharp.timeharp260", "TimeHarp260Options", "TimeHarp260"),
    },
    "sample": {"declared": Driver("sample", "SampleOptions", "DeclaredSample")},
    "spectrofluorometer": {"fluoracle": Driver("fluoracle", "FluoracleOptions", "FluoracleFolder")},
}
