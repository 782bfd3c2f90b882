"""How long before a moment of the scan the tracer was given."""

from __future__ import annotations

from dataclasses import dataclass

from wbr_platform.dicom.suv import date_times
from wbr_platform.dicom.suv.date_times import DAY
from wbr_platform.dicom.suv.header_fields import SuvFields
from wbr_platform.refusal import Refusal

MAX_HALF_LIVES = 8.0
CLOCK_TOLERANCE_S = 60.0
_ACTION = "correct the injection date and time in the PACS and export again"


@dataclass(frozen=True)
class Elapsed:
    """Seconds from administration to the moment asked for, and what was assumed on the way."""

    seconds: float
    flags: tuple[str, ...] = ()


def elapsed_since_injection(fields: SuvFields, moment: float, half_life: float) -> Elapsed:
    """Seconds from administration to ``moment``, at most eight half-lives.

    RadiopharmaceuticalStartDateTime is believed when it lies before the moment and not too long.
    Otherwise the dates disagree (shifted for privacy, or midnight was missed): then the time of
    day decides, if only one number of days makes sense for this nuclide. A time without a date
    (RadiopharmaceuticalStartTime) is taken on the day of the scan, or on the day before when it
    would be later than the scan.

    Raises Refusal SUV_INJECTION_TIME_MISSING, SUV_UPTAKE_TIME_NEGATIVE, SUV_UPTAKE_TIME_TOO_LONG.
    """
    midnight, clock, suffix = date_times.split_date_time(fields.injection_date_time)
    time_only = date_times.time_of_day(fields.injection_time)
    longest = MAX_HALF_LIVES * half_life
    if midnight is not None and clock is None:
        clock = time_only
    if midnight is not None and clock is not None:
        shift, flags = _time_zone_shift(fields, clock, time_only, suffix)
        seconds = moment - (midnight + clock + shift)
        if 0.0 <= seconds <= longest:
            return Elapsed(seconds, flags + _disagreement(clock + shift, time_only))
        # A date and time of zeros is what some de-identification leaves behind.
        dummy = clock == 0.0 and time_only is None
        time_of_day = clock + shift if time_only is None else time_only
        wrapped = (moment - time_of_day) % DAY
        if dummy or wrapped > longest or wrapped + DAY <= longest:
            raise _refusal(seconds)
        return Elapsed(wrapped, (*flags, "DATES_DISAGREE"))
    if time_only is None:
        raise Refusal(
            "SUV_INJECTION_TIME_MISSING", "the time of administration is missing", _ACTION
        )
    same_day = moment % DAY - time_only
    seconds, flags = same_day, ("INJECTION_DATE_ASSUMED",)
    if same_day < 0.0:
        seconds, flags = same_day + DAY, (*flags, "MIDNIGHT_CROSSED")
    if seconds > longest:
        raise _refusal(same_day)
    return Elapsed(seconds, flags)


def _refusal(seconds: float) -> Refusal:
    if seconds < 0.0:
        return Refusal(
            "SUV_UPTAKE_TIME_NEGATIVE",
            f"the tracer was given {-seconds / 60.0:.0f} min after the scan",
            _ACTION,
        )
    return Refusal(
        "SUV_UPTAKE_TIME_TOO_LONG",
        f"the tracer was given {seconds / 60.0:.0f} min before the scan, "
        f"more than {MAX_HALF_LIVES:g} half-lives",
        _ACTION,
    )


def _time_zone_shift(
    fields: SuvFields, clock: float, time_only: float | None, suffix: str
) -> tuple[float, tuple[str, ...]]:
    """Seconds that bring an injection given in another time zone to the clock of the scan.

    Many writers append an offset to what is local time all the same: the shift is applied only when
    both zones are stated and RadiopharmaceuticalStartTime does not repeat the unshifted clock.
    """
    of_injection = date_times.offset_seconds(suffix)
    of_scan = date_times.offset_seconds(fields.time_zone)
    if of_injection is None or of_scan is None or of_injection == of_scan:
        return 0.0, ()
    if time_only is not None and abs(time_only - clock) <= CLOCK_TOLERANCE_S:
        return 0.0, ("TIME_ZONE_IGNORED",)
    return of_scan - of_injection, ("TIME_ZONE_CONVERTED",)


def _disagreement(clock: float, time_only: float | None) -> tuple[str, ...]:
    if time_only is None:
        return ()
    difference = abs((clock - time_only + DAY / 2) % DAY - DAY / 2)
    return ("INJECTION_TIMES_DISAGREE",) if difference > CLOCK_TOLERANCE_S else ()
