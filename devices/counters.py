"""The pulse counters: every click of both SPADs, whatever is cabled to the card."""

from ophyd.status import Status

from devices.rows import Layout, RowStream
from devices.signals import reading, setting

GRACE_S = 30.0
N_ROUTES = 2


class Counters(RowStream):
    """`set(i)` counts once, in equal bins without gaps, into row i of the file; `bins` is (bin, route)."""

    n_bins = setting("NBins")
    bin_width = setting("BinWidth")
    dead_time = reading("DeadTime", kind="config")
    most_bins = reading("MostBins", kind="omitted", string=True)
    counts = reading("Counts", kind="normal")
    lit = reading("Lit", kind="normal")
    started = reading("Started", kind="normal")
    elapsed = reading("Elapsed", kind="normal")

    file_group = "counters:"
    file_kind = "bins"

    def layout(self) -> Layout:
        shape = (int(self.n_bins.get()), N_ROUTES)
        return Layout("bins", "counts", "<u4", shape, shape, ("bin", "route"))

    def set(self, index: int) -> Status:
        timeout_s = GRACE_S + 2 * self.n_bins.get() * self.bin_width.get()
        self.mark(index)
        return self.begin_row(index, timeout_s)
