"""Words for times: "yesterday", "3 days ago", "2026-11-20", "14:30"."""

import re
from datetime import datetime, timedelta
from typing import Any

EXAMPLES = '"today", "yesterday", "last week", "3 days ago", "2026-11-20", "2026-11-20 14:30", "14:30", a datetime'
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY = timedelta(days=1)
UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": DAY, "week": 7 * DAY}
LONG = ("day", "week")  # what is meant is the whole day
AGO = re.compile(r"(\d+|an?|one|two|three)\s+(minute|hour|day|week|month|year)s?\s+ago")
NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3}
GRAINS = {"%Y": "year", "%Y-%m": "month", "%Y-%m-%d": "day"}
MOMENTS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")

Span = tuple[datetime, datetime]


def since_s(told: Any, now: datetime | None = None) -> float:
    """Where the time that is meant begins, seconds since 1970; ValueError if it is none."""
    return span(told, now or datetime.now(), "since")[0].timestamp()


def until_s(told: Any, now: datetime | None = None) -> float:
    """Where the time that is meant ends: of a day, at midnight after it."""
    return span(told, now or datetime.now(), "until")[1].timestamp()


def span(told: Any, now: datetime, what: str = "since") -> Span:
    """From when to when a word means, in local time; a moment begins and ends at once.

    >>> monday = datetime(2026, 11, 23, 9, 0)
    >>> [f"{moment:%a %d %H:%M}" for moment in span("yesterday", monday)]
    ['Sun 22 00:00', 'Mon 23 00:00']
    >>> [f"{moment:%a %d %H:%M}" for moment in span("last week", monday)]
    ['Mon 16 00:00', 'Mon 23 00:00']
    """
    if isinstance(told, datetime):
        moment = told.astimezone().replace(tzinfo=None) if told.tzinfo else told
        return moment, moment
    if isinstance(told, (int, float)) and not isinstance(told, bool):
        moment = datetime.fromtimestamp(told)
        return moment, moment
    word = " ".join(str(told).lower().split())
    found = named(word, now) or ago(word, now) or dated(word) or clock(word, now)
    if found is None:
        raise ValueError(f"{what}={told!r} is no time: write {EXAMPLES}")
    return found


def named(word: str, now: datetime) -> Span | None:
    """Days, weeks, months and years by their names."""
    today = midnight(now)
    monday = today - today.weekday() * DAY
    if word in DAYS:
        return whole("day", today - (today.weekday() - DAYS.index(word)) % 7 * DAY)
    return {
        "now": (now, now),
        "today": (today, today + DAY),
        "yesterday": (today - DAY, today),
        "last night": (today - timedelta(hours=6), today + timedelta(hours=9)),
        "this week": (monday, monday + 7 * DAY),
        "last week": (monday - 7 * DAY, monday),
        "this month": whole("month", today),
        "last month": whole("month", back(today, 1)),
        "this year": whole("year", today),
        "last year": whole("year", back(today, 12)),
    }.get(word)


def ago(word: str, now: datetime) -> Span | None:
    """ "3 days ago": that day; "2 hours ago": that moment."""
    match = AGO.fullmatch(word)
    if match is None:
        return None
    number, unit = match.groups()
    n = NUMBERS.get(number) or int(number)
    try:
        if unit in ("month", "year"):
            return whole("day", back(now, n * (12 if unit == "year" else 1)))
        moment = now - n * UNITS[unit]
    except (OverflowError, ValueError):
        return None
    return whole("day", moment) if unit in LONG else (moment, moment)


def dated(word: str) -> Span | None:
    """A year, a month, a day, or a moment of it."""
    for pattern, grain in GRAINS.items():
        if (moment := parsed(word, pattern)) is not None:
            return whole(grain, moment)
    moment = next((moment for pattern in MOMENTS if (moment := parsed(word.upper(), pattern))), None)
    return None if moment is None else (moment, moment)


def clock(word: str, now: datetime) -> Span | None:
    """A time of today."""
    time = parsed(word, "%H:%M") or parsed(word, "%H:%M:%S")
    if time is None:
        return None
    moment = datetime.combine(now.date(), time.time())
    return moment, moment


def whole(grain: str, moment: datetime) -> Span:
    """The day, month or year of a moment."""
    day = midnight(moment)
    match grain:
        case "day":
            return day, day + timedelta(days=1)
        case "month":
            first = day.replace(day=1)
            return first, back(first, -1)
    return day.replace(month=1, day=1), day.replace(year=day.year + 1, month=1, day=1)


def back(moment: datetime, months: int) -> datetime:
    """The same day some months before; the last of a shorter month.

    >>> back(datetime(2026, 3, 31), 1).day
    28
    """
    total = moment.year * 12 + moment.month - 1 - months
    first = moment.replace(year=total // 12, month=total % 12 + 1, day=1)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return first.replace(day=min(moment.day, (following - timedelta(days=1)).day))


def midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def parsed(word: str, pattern: str) -> datetime | None:
    try:
        return datetime.strptime(word, pattern)
    except ValueError:
        return None
