"""The session at the prompt: RunEngine, catalog, devices, plans. Wiring only; the work is done in lab/."""

import logging
import os
import sys

from lab.session import start

logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING)
logging.getLogger("bluesky").setLevel(logging.CRITICAL)  # errors are shown once, by the prompt
logging.getLogger("caproto").setLevel(logging.CRITICAL)

try:
    session = start()
except Exception as why:
    if "bluesky_queueserver" in sys.modules:  # a worker tells its manager why it cannot start
        raise
    print(f"\n{why}\n", file=sys.stderr)
    os._exit(1)


from bluesky import plan_stubs as bps
from bluesky.utils import plan

from lab.card import LabCard
from lab.display import live_display
from lab.export import export, export_all
from lab.figures import rebuild, whence
from lab.prompt import friendly
from plans import (
    absorption,
    blank,
    blinking,
    calibrate,
    find_emitters,
    flim_raster,
    hbt,
    import_scan,
    irf,
    lifetime_at,
    park,
    pl,
    ple,
    power_series,
    qd_campaign,
    recentre,
    time_zero,
    warm_up,
)
from plans.item import item

RE, db, microscope, fs5 = session.RE, session.db, session.microscope, session.fs5
samples, emitters, lab, panic = session.samples, session.emitters, LabCard(session), session.panic
night, explain, import_folder = session.night, session.explain, session.import_folder
find, compare, notebook, table_of_emitters = db.find, db.compare, db.notebook, session.table_of_emitters
RE.obey_signals()
live = live_display(session, bar="bluesky_queueserver" not in sys.modules)

if "get_ipython" in globals() and hasattr(get_ipython(), "set_custom_exc"):  # not in a worker
    friendly(get_ipython())
print(lab)
