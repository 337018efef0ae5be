"""Numbers from intensity images: ratios, structure, correlation, clusters, and how far their influence reaches.

Images are counts, shape (ny, nx), row = y. Every function takes `mask`, True where a pixel counts (for instance
where a drift-corrected sum has its full coverage). `_err` is one standard deviation; each docstring says of what.
"""

from analysis.images.clusters import Blobs, blobs
from analysis.images.influence import RadialExcess, radial_excess
from analysis.images.signals import (
    Correlation,
    Ratio,
    Signal,
    Structure,
    background_subtracted_ratio,
    correlation,
    signal,
    structure,
)

__all__ = [
    "Blobs",
    "Correlation",
    "RadialExcess",
    "Ratio",
    "Signal",
    "Structure",
    "background_subtracted_ratio",
    "blobs",
    "correlation",
    "radial_excess",
    "signal",
    "structure",
]
