"""The emitters of a search raster, from its documents."""

from typing import Any

from analysis.callbacks.growing import PRIMARY, GrowingAnalysis
from analysis.field import Field, FieldRun


class LiveField(GrowingAnalysis):
    """Both images and the emitters of one `find_emitters` run; `look()` gives a `Field`. See `GrowingAnalysis`."""

    run: FieldRun | None
    estimate: Field | None

    def __init__(self, **options):
        super().__init__("search image", **options)

    def begin(self, start: dict[str, Any]) -> FieldRun:
        return FieldRun(start)

    def take(self, stream: str, data: dict[str, Any], index: int):
        if stream == PRIMARY and self.run is not None:
            self.run.add_line(data)

    def estimated(self) -> Field:
        return self.run.result()  # type: ignore[union-attr]
