"""The instruments. Channel Access goes through caproto, unless OPHYD_CONTROL_LAYER names another layer."""

import os

os.environ.setdefault("OPHYD_CONTROL_LAYER", "caproto")  # ophyd chooses when it is imported, which is later than this

from devices.loopback import hear_loopback_only

hear_loopback_only()
