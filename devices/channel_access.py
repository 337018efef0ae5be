"""The Channel Access client of this process: one for all its sessions, given up by the last that leaves."""

import threading

_COUNTING = threading.Lock()
_sessions = 0


def join() -> None:
    """Another session uses the client."""
    global _sessions  # noqa: PLW0603  (of the process, as the client is)
    with _COUNTING:
        _sessions += 1


def leave() -> None:
    """A session needs it no more. Without any, the client is closed, or its threads complain when the interpreter
    ends; the next session gets a new one."""
    global _sessions  # noqa: PLW0603
    with _COUNTING:
        _sessions -= 1
        if _sessions == 0:
            close()


def close() -> None:
    """Close the client of caproto; that of pyepics ends by itself."""
    import ophyd

    if ophyd.cl.name != "caproto":
        return
    from caproto.threading import pyepics_compat

    pyepics_compat.PV.default_context().disconnect()
    pyepics_compat._make_context.cache_clear()
