"""Times of a night as people write them, as seconds of Unix time."""

import math
import re
from datetime import datetime, time, timedelta
from typing import Any

from plans.stubs import is_number

CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
DAY = re.compile(r"[-\dW]+")
FORMS = 'must be "HH:MM" (the next one), "2026-11-23 02:00", a datetime, or seconds of Unix time'
EARLIEST_S = 1e9  # a smaller number is a duration by mistake
FARTHEST_S = 30 * 86_400.0


def moment(value: Any, now_s: float) -> float:
    """Seconds of Unix time; ValueError says what is allowed. Times without a zone are local.

    >>> moment("2026-11-23 02:00", 0.0) == datetime(2026, 11, 23, 2).timestamp()
    True
    >>> now_s = datetime(2026, 11, 22, 22).timestamp()
    >>> moment("02:00", now_s) == moment("2026-11-23 02:00", 0.0), (moment("22:30", now_s) - now_s) / 60
    (True, 30.0)
    """
    if isinstance(value, str):
        value = written(value.strip())
    if isinstance(value, time):
        return following(value, now_s)
    if isinstance(value, datetime):
        return value.timestamp()
    if is_number(value) and math.isfinite(value) and value >= EARLIEST_S:
        return float(value)
    raise ValueError(FORMS)


def written(text: str) -> time | datetime:
    """A time of day, or a date with a time."""
    if clock := CLOCK.fullmatch(text):
        return time(int(clock[1]), int(clock[2]))
    if DAY.fullmatch(text):  # a day alone is no moment
        raise ValueError(FORMS)
    try:
        return datetime.fromisoformat(text)
    except ValueError as why:
        raise ValueError(FORMS) from why


def following(clock: time, now_s: float) -> float:
    """The next moment at which clocks show this."""
    now = datetime.fromtimestamp(now_s)
    today = datetime.combine(now.date(), clock.replace(tzinfo=None))
    return (today if today > now else today + timedelta(days=1)).timestamp()


def moment_of(name: str, value: Any, now_s: float) -> tuple[float | None, str | None]:
    """The moment, and what is wrong with it.

    >>> moment_of("until", True, 0.0)[1]
    'until=True: must be "HH:MM" (the next one), "2026-11-23 02:00", a datetime, or seconds of Unix time'
    """
    if value is None:
        return None, None
    try:
        seconds = moment(value, now_s)
    except (ValueError, OverflowError, OSError):
        return None, f"{name}={value!r}: {FORMS}"
    if seconds > now_s + FARTHEST_S:
        return None, f"{name}={value!r}: that is {(seconds - now_s) / 86_400:.0f} days from now; 30 are allowed"
    return seconds, None


def clock_of(seconds: float, now_s: float) -> str:
    """A moment for people: the time, and the day if it is not within a day from now."""
    told = datetime.fromtimestamp(seconds)
    return told.strftime("%H:%M" if abs(seconds - now_s) < 86_400 else "%Y-%m-%d %H:%M")


def span_of(seconds: float) -> str:
    """A duration for people.

    >>> span_of(12), span_of(750), span_of(12_060), span_of(math.inf)
    ('12 s', '13 min', '3 h 21 min', 'unknown')
    """
    if not math.isfinite(seconds):
        return "unknown"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(math.ceil(seconds / 60 - 1e-9), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
