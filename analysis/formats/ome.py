"""OME-TIFF: images with physical pixel sizes and named channels, as microscopists open them.

Source: I. Goldberg et al., Genome Biol. 6, R47 (2005); https://ome-model.readthedocs.io.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

LARGEST = 2**24  # whole numbers that float32 holds exactly


@dataclass(frozen=True, eq=False)
class Planes:
    """Images of one field of view.

    images : (n_channels, ny, nx), row 0 at the top; NaN where nothing is known
    names : of the channels, with their units; pixel_um : from one pixel to the next
    left_um, top_um : stage coordinates of the centre of the first pixel of the first row
    facts : whatever belongs to the images, as text
    """

    images: np.ndarray
    names: tuple[str, ...]
    pixel_um: float
    left_um: float
    top_um: float
    name: str = ""
    description: str = ""
    acquired: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


def write_ome(path: str | Path, planes: Planes) -> None:
    """Write images as float32, one channel each, deflated; facts become a map annotation of the image.

    ValueError unless there is one name for each image, and a pixel size.
    """
    import tifffile

    images = np.asarray(planes.images)
    if images.ndim != 3 or len(planes.names) != len(images) or not planes.pixel_um > 0:
        raise ValueError(f"images {images.shape}, {len(planes.names)} names, pixels of {planes.pixel_um} um")
    told = {"Description": planes.description, "AcquisitionDate": planes.acquired, "Name": planes.name}
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(
            images.astype(np.float32),
            photometric="minisblack",
            compression="zlib",
            metadata={key: text for key, text in told.items() if text} | _metadata(planes),
        )


def _metadata(planes: Planes) -> dict:
    n = len(planes.names)
    places = {"X": planes.left_um, "Y": planes.top_um}
    return {
        "axes": "CYX",
        "PhysicalSizeX": planes.pixel_um,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": planes.pixel_um,
        "PhysicalSizeYUnit": "µm",
        "Channel": {"Name": list(planes.names)},
        "Plane": {f"Position{axis}": [place] * n for axis, place in places.items()}
        | {f"Position{axis}Unit": ["µm"] * n for axis in places},
        "MapAnnotation": {"Namespace": "luminescope.run", "Value": dict(planes.facts)},
    }


def stacked(images: Sequence[np.ndarray]) -> np.ndarray:
    """Images of equal shape one above another, (n_channels, ny, nx)."""
    return np.stack([np.asarray(image, float) for image in images])
