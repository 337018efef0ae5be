"""Fig. 6 of the paper: single emitters in both images, the dip of one, the blinking of one."""

from matplotlib.figure import Figure

from analysis.blinks import BlinkEstimate
from analysis.field import Field
from analysis.figures import fields, parts
from analysis.figures.blinks import trace_panel
from analysis.figures.dips import dip_panel
from analysis.figures.fields import CONTOUR_COUNTS_PER_MS
from analysis.hbt import HbtEstimate

SIDE_IN = 2.72  # of an image


def figure6(
    field: Field,
    hbt: HbtEstimate,
    blinking: BlinkEstimate,
    *,
    contour_counts_per_ms: float = CONTOUR_COUNTS_PER_MS,
) -> Figure:
    """Single emitters as in Fig. 6.

    (a) perovskite and (b) QD image of the same region with contours of the QD signal; (c) coincidences of one emitter
    with the fit of eqn (4) and its residuals; (d) the blinking of one, its threshold and its histogram.
    """
    figure = Figure(figsize=(parts.WIDTH_IN, 5.62))
    for panel, left, letter in ((fields.perovskite_panel, 0.06, "a"), (fields.qd_panel, 3.44, "b")):
        ax = parts.place(figure, left, 2.66, SIDE_IN, SIDE_IN)
        panel(ax, parts.place(figure, left + SIDE_IN + 0.05, 2.66, 0.09, SIDE_IN), field, letter)
        fields.qd_contours(ax, field, contour_counts_per_ms)
    dip_panel(figure, (0.47, 0.34, 2.66, 1.94), hbt, "c")
    trace_panel(figure, (3.80, 0.34, 2.75, 1.94), blinking, "d")
    return figure
