"""The runs that a plan opens: what all of them say of where they belong, and who hears of them."""

from collections.abc import Callable, Mapping
from typing import Any

from bluesky.utils import MsgGenerator


def with_runs_told(inner: Any, md: Mapping[str, Any], tell: Callable[[str], Any]) -> MsgGenerator:
    """Run a plan; each run it opens says `md` in its start document, and its uid is told before anything else."""
    answer, error = None, None
    while True:
        try:
            message = inner.send(answer) if error is None else inner.throw(error)
        except StopIteration as end:
            return end.value
        answer, error, opens = None, None, message.command == "open_run"
        try:
            answer = yield (message._replace(kwargs={**message.kwargs, **md}) if opens else message)
            if opens and answer:
                tell(answer)
        except GeneratorExit:
            inner.close()
            raise
        except Exception as why:
            error = why
