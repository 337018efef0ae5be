"""OME-TIFF as independent readers see it."""

import numpy as np
import ome_types
import pytest
from PIL import Image

from analysis.formats.ome import Planes, write_ome


def planes(**changed):
    images = np.arange(24.0).reshape(2, 3, 4)
    images[0, 0, 0] = np.nan
    given = {
        "images": images,
        "names": ("QD [counts/s]", "tau2 [ns]"),
        "pixel_um": 0.25,
        "left_um": 10.0,
        "top_um": 20.0,
    }
    return Planes(**given | {"facts": {"uid": "227d9cd4", "light": "5 µW < 6 & more"}} | changed)


def test_pixels_names_and_facts_are_there(tmp_path):
    path = tmp_path / "a.ome.tif"
    write_ome(path, planes(acquired="2026-11-23T03:05:11+00:00", name="A", description="film\nA"))
    described = ome_types.from_tiff(path)
    (image,) = described.images
    assert (image.name, image.description, image.acquisition_date.year) == ("A", "film\nA", 2026)
    pixels = image.pixels
    assert (pixels.size_x, pixels.size_y, pixels.size_c, pixels.type.value) == (4, 3, 2, "float")
    assert (pixels.physical_size_x, pixels.physical_size_y_unit.value) == (0.25, "µm")
    assert [channel.name for channel in pixels.channels] == ["QD [counts/s]", "tau2 [ns]"]
    assert [(plane.position_x, plane.position_y) for plane in pixels.planes] == [(10.0, 20.0)] * 2
    (note,) = described.structured_annotations
    assert {pair.k: pair.value for pair in note.value.ms} == {"uid": "227d9cd4", "light": "5 µW < 6 & more"}
    with Image.open(path) as tiff:
        for number, wanted in enumerate(planes().images):
            tiff.seek(number)
            np.testing.assert_array_equal(np.array(tiff), wanted.astype(np.float32))


@pytest.mark.parametrize("changed", [{"names": ("one",)}, {"pixel_um": 0.0}, {"images": np.zeros((3, 4))}])
def test_images_without_names_or_size_are_refused(changed, tmp_path):
    with pytest.raises(ValueError, match="names, pixels of"):
        write_ome(tmp_path / "a.ome.tif", planes(**changed))
    assert list(tmp_path.iterdir()) == []
