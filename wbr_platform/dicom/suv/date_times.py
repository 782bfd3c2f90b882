"""DICOM dates and times as seconds on one local clock.

Every time is a float: seconds since 1970-01-01 00:00 on the clock of the scanner room. Only
differences matter, so no time zone is attached.
"""

from __future__ import annotations

import datetime
import re

DAY = 86400.0
_EPOCH = datetime.date(1970, 1, 1)
_DATE = re.compile(r"^(\d{4})[.\-/]?(\d{2})[.\-/]?(\d{2})$")
_TIME = re.compile(r"^(\d{2}):?(\d{2})?:?(\d{2})?(\.\d+)?$")
_DATE_TIME = re.compile(r"^(\d{8})(\d{2,6}(?:\.\d+)?)?\s*([+\-]\d{4})?$")
_OFFSET = re.compile(r"^([+\-])(\d{2})(\d{2})$")


def date_seconds(text: str) -> float | None:
    """Midnight of a DA value ("20250131"); None when it is not a date."""
    match = _DATE.match(text)
    if match is None:
        return None
    year, month, day = (int(part) for part in match.groups())
    try:
        return (datetime.date(year, month, day) - _EPOCH).days * DAY
    except ValueError:
        return None


def time_of_day(text: str) -> float | None:
    """Seconds after midnight of a TM value ("HH", "HHMM", "HHMMSS.ffffff"); None if it is none."""
    match = _TIME.match(text)
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups()[:3])
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return hours * 3600.0 + minutes * 60.0 + seconds + float(match.group(4) or 0.0)


def split_date_time(text: str) -> tuple[float | None, float | None, str]:
    """Midnight, seconds after it, and the time zone suffix ("" if none) of a DT value."""
    match = _DATE_TIME.match(text)
    if match is None:
        return None, None, ""
    date, clock, offset = match.groups()
    return date_seconds(date), None if clock is None else time_of_day(clock), offset or ""


def date_and_time(date: str, time: str) -> float | None:
    """Seconds of a DA and a TM value; None unless both can be read."""
    midnight, clock = date_seconds(date), time_of_day(time)
    return None if midnight is None or clock is None else midnight + clock


def offset_seconds(offset: str) -> float | None:
    """Seconds east of UTC of a suffix such as "+0100"; None when there is none."""
    match = _OFFSET.match(offset)
    if match is None:
        return None
    sign = -1.0 if match.group(1) == "-" else 1.0
    return sign * (int(match.group(2)) * 3600.0 + int(match.group(3)) * 60.0)


def nearest_day(time: float, anchor: float) -> float:
    """``time`` moved by whole days to within twelve hours of ``anchor``.

    Tools that shift dates for privacy often miss one of several date fields, private ones above
    all; the time of day survives.
    """
    return time + DAY * round((anchor - time) / DAY)
