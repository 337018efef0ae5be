"""A progress bar for runs that say how many points they will have."""

from event_model import DocumentRouter
from tqdm import tqdm


class ProgressBar(DocumentRouter):
    """One line at the terminal: points done, points left, time left; follows the stream "primary"."""

    bar: tqdm | None = None

    def start(self, doc):
        self.primary: set[str] = set()
        if total := doc.get("num_points"):
            name = f"{doc.get('plan_name', 'run')} {doc.get('sample_name', '')}".strip()
            self.bar = tqdm(total=total, desc=name, unit="line", dynamic_ncols=True, mininterval=0.2)

    def descriptor(self, doc):
        if doc.get("name") == "primary":
            self.primary.add(doc["uid"])

    def event(self, doc):
        if self.bar is not None and doc["descriptor"] in self.primary:
            self.bar.update(doc["seq_num"] - self.bar.n)

    def stop(self, doc):
        if self.bar is not None:
            self.bar.close()
            self.bar = None
