"""Files of photons, decay curves and spectra: `read(path)` opens them all."""

from analysis.formats.photons import Decays, Photons, Spectrum
from analysis.formats.read import read

__all__ = ["Decays", "Photons", "Spectrum", "read"]
