"""A progress bar for runs that say how many points they will have."""

from event_model import DocumentRouter
from tqdm import tqdm

STREAMS = ("primary", "lamp", "scatter")  # those that hold the points a run counts


class ProgressBar(DocumentRouter):
    """One line at the terminal: lines or points done, left, and the time it will take."""

    bar: tqdm | None = None

    def start(self, doc):
        self.counted: set[str] = set()
        if total := doc.get("num_points"):
            name = f"{doc.get('plan_name', 'run')} {doc.get('sample_name', '')}".strip()
            unit = "line" if "raster" in doc else "point"
            self.bar = tqdm(total=total, desc=name, unit=unit, dynamic_ncols=True, mininterval=0.2)

    def descriptor(self, doc):
        if doc.get("name") in STREAMS:
            self.counted.add(doc["uid"])

    def event(self, doc):
        if self.bar is not None and doc["descriptor"] in self.counted:
            self.bar.update(1)

    def stop(self, doc):
        if self.bar is not None:
            self.bar.close()
            self.bar = None
