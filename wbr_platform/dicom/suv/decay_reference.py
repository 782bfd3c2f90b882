"""The moment to which a series with DecayCorrection START was corrected: an ordered rule.

No single field holds this moment for every vendor, so the first that applies is taken, and the
others serve as a check:

1. ``ge_scan_time``: GE's private scan start. Later reconstructions change SeriesTime, not this.
2. ``siemens_decay_time``: Siemens' private decay correction date and time.
3. ``series_time``: SeriesTime, unless it is later than the first acquisition (a series that was
   processed afterwards carries the time of processing).
4. ``back_computed``: AcquisitionTime + time of the frame's mean activity - FrameReferenceTime
   (IBSI manual, option B), the median of all frames.
5. ``earliest_acquisition``: the first AcquisitionTime.

The back-computation is not first although the manual prefers it: GE counts FrameReferenceTime from
another moment, which makes it 1.3 % wrong on a whole-body series whose published SUV is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbr_platform.dicom.suv import date_times
from wbr_platform.dicom.suv.decay import average_activity_time
from wbr_platform.dicom.suv.header_fields import FRESH_EXPORT, SuvFields
from wbr_platform.refusal import Refusal

BRANCHES = (
    "ge_scan_time",
    "siemens_decay_time",
    "series_time",
    "back_computed",
    "earliest_acquisition",
)
FRAME_TOLERANCE_S = 60.0
ROUNDING_S = 1.0  # SeriesTime is often rounded to whole seconds
SUV_DISAGREEMENT = 0.01


@dataclass(frozen=True)
class DecayReference:
    """The moment, which branch of the rule gave it, and what the check found."""

    time: float
    branch: str
    flags: tuple[str, ...] = ()


def decay_reference(fields: SuvFields, half_life: float) -> DecayReference:
    """The moment to which START decay correction refers.

    Raises Refusal SUV_SCAN_TIME_MISSING when the headers hold no time of the scan, and
    SUV_DECAY_REFERENCE_UNCLEAR when only the back-computation is left and its frames contradict
    one another by more than a minute.
    """
    first = earliest_acquisition(fields)
    anchor = first if first is not None else fields.series_time
    vendor = {
        "ge_scan_time": _vendor_time(fields.ge_scan_time, anchor),
        "siemens_decay_time": _vendor_time(fields.siemens_decay_time, anchor),
    }
    stated = {name: time for name, time in vendor.items() if time is not None}
    if fields.series_time is not None:
        stated["series_time"] = fields.series_time
    if first is not None:
        stated["earliest_acquisition"] = first
    aligned = {
        name: time if anchor is None else date_times.nearest_day(time, anchor)
        for name, time in stated.items()
    }
    back_computed = _back_computed(fields, half_life)
    if back_computed.size and np.ptp(back_computed) <= FRAME_TOLERANCE_S:
        aligned["back_computed"] = float(np.median(back_computed))

    branch = _choose(aligned, first, back_computed)
    flags = [] if aligned[branch] == stated.get(branch, aligned[branch]) else ["DATES_DISAGREE"]
    if first is None:
        flags.append("ACQUISITION_TIME_MISSING")
    if _disagree(aligned, branch, half_life):
        flags.append("DECAY_REFERENCES_DISAGREE")
    return DecayReference(aligned[branch], branch, tuple(flags))


def earliest_acquisition(fields: SuvFields) -> float | None:
    """The first acquisition of the series, None when no slice tells."""
    known = fields.acquisition_times[~np.isnan(fields.acquisition_times)]
    return float(known.min()) if known.size else None


def _choose(
    aligned: Mapping[str, float], first: float | None, back_computed: NDArray[np.float64]
) -> str:
    for branch in BRANCHES:
        if branch == "series_time" and branch in aligned and first is not None:
            if aligned[branch] <= first + ROUNDING_S:
                return branch
            continue
        if branch == "earliest_acquisition" and back_computed.size and branch in aligned:
            raise Refusal(
                "SUV_DECAY_REFERENCE_UNCLEAR",
                "SeriesTime is later than the scan, and the frames point to moments "
                f"{np.ptp(back_computed):.0f} s apart",
                FRESH_EXPORT,
            )
        if branch in aligned:
            return branch
    raise Refusal("SUV_SCAN_TIME_MISSING", "the headers hold no time of the scan", FRESH_EXPORT)


def _back_computed(fields: SuvFields, half_life: float) -> NDArray[np.float64]:
    """The reference time by each frame that has all three fields; a time of 0 says nothing."""
    usable = (
        ~np.isnan(fields.acquisition_times)
        & (fields.frame_durations_s > 0.0)
        & (fields.frame_reference_times_s > 0.0)
    )
    return np.asarray(
        fields.acquisition_times[usable]
        + average_activity_time(fields.frame_durations_s[usable], half_life)
        - fields.frame_reference_times_s[usable]
    )


def _vendor_time(value: str, anchor: float | None) -> float | None:
    """A vendor's date and time, or a time of day alone, which is taken on the day of the scan."""
    midnight, clock, _ = date_times.split_date_time(value)
    if midnight is not None and clock is not None:
        return midnight + clock
    alone = date_times.time_of_day(value)
    if alone is None or anchor is None:
        return None
    return date_times.nearest_day(alone, anchor)


def _disagree(aligned: Mapping[str, float], branch: str, half_life: float) -> bool:
    """Whether another branch that could have applied would change SUV by more than one percent."""
    others = {
        name: time
        for name, time in aligned.items()
        if name != "series_time"
        or "earliest_acquisition" not in aligned
        or time <= aligned["earliest_acquisition"] + ROUNDING_S
    }
    changes = [
        abs(time - aligned[branch]) * math.log(2.0) / half_life
        for name, time in others.items()
        if name != "earliest_acquisition" or "back_computed" not in aligned
    ]
    return max(changes, default=0.0) > SUV_DISAGREEMENT
