"""Where the pixels of a raster lie, in the order in which they are visited."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Grid:
    """Pixels of a raster; x_um, y_um is its centre, width and height its extent."""

    x_um: float
    y_um: float
    width_um: float
    height_um: float
    nx: int
    ny: int

    @property
    def columns_um(self) -> np.ndarray:
        return self.x_um + (np.arange(self.nx) - (self.nx - 1) / 2) * self.width_um / self.nx

    @property
    def rows_um(self) -> np.ndarray:
        return self.y_um + (np.arange(self.ny) - (self.ny - 1) / 2) * self.height_um / self.ny


@dataclass(frozen=True, eq=False)
class Pathway:
    """A walk over pixels: x_um, y_um (n,) as they are visited; `raster` (n,) puts what came back into raster order."""

    x_um: np.ndarray
    y_um: np.ndarray
    raster: np.ndarray


def line_of(grid: Grid, row: int, *, backwards: bool = False) -> Pathway:
    """One row of the grid; in raster order x ascends."""
    order = np.arange(grid.nx)[:: -1 if backwards else 1]
    return Pathway(grid.columns_um[order], np.full(grid.nx, grid.rows_um[row]), order)


def patch_of(grid: Grid) -> Pathway:
    """The whole grid, every other row backwards so that no step is longer than a pixel; raster order is row by row.

    >>> patch_of(Grid(0, 0, 2, 2, 2, 2)).x_um.tolist()
    [-0.5, 0.5, 0.5, -0.5]
    """
    order = np.arange(grid.nx * grid.ny).reshape(grid.ny, grid.nx)
    order[1::2] = order[1::2, ::-1]
    visited = order.ravel()
    return Pathway(np.tile(grid.columns_um, grid.ny)[visited], np.repeat(grid.rows_um, grid.nx)[visited], visited)
