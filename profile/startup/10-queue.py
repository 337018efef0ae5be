"""In the worker of the queue server: plans tell what their arguments may be, results are text."""

import sys

if "bluesky_queueserver" in sys.modules:
    from lab.queue_server.worker import forms, in_words, night_of

    night = night_of(session.night)
    offered = [each for each in globals().values() if callable(each)]
    globals().update(forms(offered, {"microscope": microscope, "fs5": fs5}, samples))
    RE.present = in_words(RE.present)
