"""The instrument response of a run, from its documents."""

from typing import Any

import numpy as np
from event_model import DocumentRouter

from analysis.flim import Response
from analysis.formats.histograms import HistogramRows


class IrfSum(DocumentRouter):
    """The instrument response of an `irf` run: `response`, summed over its integrations, None without any."""

    counts: np.ndarray | None = None

    @property
    def response(self) -> Response | None:
        if self.counts is None:
            return None
        tcspc = self.facts["tcspc"]
        return Response(self.facts["uid"], self.counts, tcspc["bin_width_ns"], tcspc["period_ns"])

    def start(self, doc):
        self.facts: dict[str, Any] = dict(doc)
        self.files: dict[str, HistogramRows] = {}

    def stream_resource(self, doc):
        self.files[doc["uid"]] = HistogramRows(dict(doc))

    def stream_datum(self, doc):
        rows = self.files[doc["stream_resource"]]
        for index in range(doc["indices"]["start"], doc["indices"]["stop"]):
            row = rows.row(index).astype(np.int64)
            self.counts = row if self.counts is None else self.counts + row

    def stop(self, doc):
        for rows in self.files.values():
            rows.close()
