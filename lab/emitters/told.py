"""What plans tell in the documents of a run, beside the data: where the emitter was seen, and why they stopped."""

from typing import Any

from event_model import DocumentRouter

TARGET = "target_"
ENDINGS = ("g2_stopped_by", "blinking_stopped_by")


class Told(DocumentRouter):
    """The last words of a run.

    place : what the last re-centring said of the emitter, by the names of `microscope.target`; empty without one
    stopped_by : why the plan stopped, "" if it did not say
    n_recentred, n_lost : how often the emitter was looked for, and how often it was not found
    exit_status : "open" as long as the run goes on
    """

    def __init__(self):
        super().__init__()
        self.place: dict[str, Any] = {}
        self.stopped_by, self.exit_status = "", "open"
        self.recentred: dict[int, bool] = {}  # by number, whether it was found; one told again counts once
        self.streams: dict[str, str] = {}

    @property
    def ended(self) -> bool:
        return self.exit_status != "open"

    @property
    def complete(self) -> bool:
        """Whether the run came to its own end."""
        return self.exit_status == "success"

    @property
    def n_recentred(self) -> int:
        return len(self.recentred)

    @property
    def n_lost(self) -> int:
        return sum(not found for found in self.recentred.values())

    def stop(self, doc):
        self.exit_status = "interrupted" if doc.get("interrupted") else doc["exit_status"]

    def descriptor(self, doc):
        self.streams[doc["uid"]] = doc.get("name", "primary")

    def event(self, doc):
        stream, data = self.streams.get(doc["descriptor"], ""), doc["data"]
        if stream == "refocus":
            self.place = {key.removeprefix(TARGET): value for key, value in data.items() if key.startswith(TARGET)}
            self.recentred[doc["seq_num"]] = bool(self.place.get("found", 1))
        if stream == "estimate":
            self.stopped_by = next((data[key] for key in ENDINGS if data.get(key)), self.stopped_by)
