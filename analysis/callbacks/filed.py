"""An analysis whose documents point into files."""

from collections.abc import Mapping

from analysis.callbacks.worker import LiveAnalysis
from analysis.formats.histograms import HistogramRows

PRIMARY = "primary"


class FiledAnalysis(LiveAnalysis):
    """A live analysis that knows the name of each stream and the file of each resource.

    Attributes
    ----------
    streams : uid of a descriptor -> name of its stream; files : uid of a stream resource -> its rows
    """

    def __init__(self, what: str, *, in_place: bool):
        super().__init__(what, in_place=in_place)
        self.files: dict[str, HistogramRows] = {}
        self.streams: dict[str, str] = {}

    def descriptor(self, doc):
        self.streams[doc["uid"]] = doc.get("name", PRIMARY)

    def stream_resource(self, doc):
        self.attempt(lambda: self.files.update({doc["uid"]: HistogramRows(dict(doc))}))

    def points_to_primary(self, stream_datum: Mapping) -> bool:
        """Whether it is about rows of the primary stream; one that does not say so is."""
        return self.streams.get(stream_datum.get("descriptor", ""), PRIMARY) == PRIMARY

    def close(self):
        for rows in self.files.values():
            rows.close()
