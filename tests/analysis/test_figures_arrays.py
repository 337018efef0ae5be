"""What a figure shows, as arrays: style is nothing, a single pixel is everything."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.figures import differences, digest, drawn, prints


def figure(image=None, line=None, title="decays", **style):
    """A figure with all that ours are made of."""
    made = Figure()
    left, right = made.subplots(1, 2)
    left.imshow(np.arange(12.0).reshape(3, 4) if image is None else image, cmap=style.get("cmap"), vmin=0, vmax=11)
    left.annotate("a", (0, 1), xycoords="axes fraction", weight="bold")
    line = np.array([1.0, 2.0, 4.0]) if line is None else line
    right.errorbar(np.arange(3.0), line, yerr=0.1, color=style.get("color"))
    right.fill_between(np.arange(3.0), line - 0.1, line + 0.1)
    right.scatter([1.0], [2.0], c=[0.5])
    right.bar([0.5], [1.0])
    right.set(title=title, ylim=(0, 9))
    return made


def test_style_changes_nothing_and_drawing_it_neither(tmp_path):
    plain, coloured = figure(), figure(cmap="magma", color="red")
    before = digest(plain)
    plain.savefig(tmp_path / "figure.png")
    assert digest(plain) == before == digest(coloured) and not differences(prints(plain), prints(coloured))


def test_one_pixel_changes_the_digest_and_is_told_with_its_panel():
    image = np.arange(12.0).reshape(3, 4)
    image[1, 2] += 1e-9
    then, now = prints(figure()), prints(figure(image=image))
    assert digest(figure()) != digest(figure(image=image))
    (found,) = differences(then, now)
    assert (found.panel, found.what) == ("panel a", "image 1") and "mean 5.5 then, 5.5 now (+8.3e-11)" in str(found)


@pytest.mark.parametrize(
    ("change", "panel", "what"),
    [
        ({"line": np.array([1.0, 2.0, 4.5])}, "axes 2", {"line 1", "outline 1", "outline 2"}),
        ({"line": np.array([2.0, 1.0, 4.0])}, "axes 2", {"line 1", "outline 1", "outline 2"}),
        ({"title": "other decays"}, "axes 2", {"text"}),
        ({"image": np.arange(20.0).reshape(4, 5)}, "panel a", {"image 1", "extent 1", "limits"}),
        ({"image": np.ma.masked_equal(np.arange(12.0).reshape(3, 4), 3.0)}, "panel a", {"image 1"}),
    ],
)
def test_what_is_drawn_in_a_panel_counts(change, panel, what):
    found = differences(prints(figure()), prints(figure(**change)))
    assert {each.panel for each in found} == {panel} and {each.what for each in found} == what


def test_the_arrays_of_a_panel_have_names():
    first, second, page = drawn(figure())
    assert (first.name, second.name, page.name) == ("panel a", "axes 2", "page")
    np.testing.assert_array_equal(first.arrays["image 1"], np.arange(12.0).reshape(3, 4))
    np.testing.assert_array_equal(second.arrays["line 1"], [[0, 1], [1, 2], [2, 4]])
    assert second.arrays["patch 1"].max() == 1.0 and second.arrays["limits"].tolist()[2:] == [0, 9]
    assert differences(prints(figure()), prints(Figure()))[0].how == "3 then, 1 now"
