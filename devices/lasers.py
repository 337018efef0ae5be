"""The two lasers: what shines, how strongly, and how often."""

from devices.signals import Instrument, reading, setting


class PulsedLaser(Instrument):
    """EPL-450 at 445 nm. The rate is what the operator declares; plans check it against the card's sync meter."""

    emission = setting("Emission", string=True)
    intensity = setting("Intensity")
    repetition = setting("Repetition")
    wavelength = reading("Wavelength", kind="config")
    rates = reading("Rates", kind="omitted")


class CWLaser(Instrument):
    """Continuous-wave laser at 561 nm, in the transparency window of the perovskite."""

    emission = setting("Emission", string=True)
    intensity = setting("Intensity")
    wavelength = reading("Wavelength", kind="config")
