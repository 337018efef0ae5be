"""Where the pixels of a raster are, and which of them are trusted."""

import numpy as np

from lab.export.stored import Stored


def pixel_um(run: Stored) -> float:
    """From one pixel to the next."""
    raster = run.start["raster"]
    return float(raster["extent_um"]) / int(raster["n_pixels"])


def grid(run: Stored) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the columns x_um (nx,) and of the rows y_um (ny,) of a raster, in stage coordinates, ascending."""
    raster = run.start["raster"]
    n = int(raster["n_pixels"])
    steps = (np.arange(n) - (n - 1) / 2) * pixel_um(run)
    x_um, y_um = (float(centre) + steps for centre in raster["centre_um"])
    return x_um, y_um


def trusted(run: Stored) -> np.ndarray:
    """(ny, nx) pixels whose lifetimes count: the fit converged and tells its components apart."""
    return (run.array("converged") != 0) & (run.array("degenerate") == 0)
