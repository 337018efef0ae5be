"""What the functions on intensity images share."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def pixels_of(image: Array, mask: ArrayLike | None) -> NDArray[np.bool_]:
    """Return the pixels that count."""
    if image.ndim != 2:
        raise ValueError(f"the image has shape {image.shape}: give (ny, nx)")
    use = np.isfinite(image)
    return use if mask is None else use & np.asarray(mask, dtype=bool)
