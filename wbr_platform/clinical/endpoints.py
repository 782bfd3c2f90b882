"""Times and events that have to fit together."""

from __future__ import annotations

from wbr_platform.clinical.cells import Value
from wbr_platform.clinical.errors import RowError
from wbr_platform.clinical.schema import ENDPOINTS


def check_endpoints(row: int, record: dict[str, Value]) -> list[RowError]:
    """Errors of one row; what cannot be trusted becomes null in ``record``.

    An event needs its time and a time needs to be known as observed or censored; progression or
    last news cannot come after death or last news.
    """
    errors: list[RowError] = []
    for time, event in ENDPOINTS:
        has_time, has_event = record.get(time) is not None, record.get(event) is not None
        if has_event and not has_time:
            record[event] = None
            errors.append(RowError(row, event, "", f"no {time} with it", f"give {time}"))
        elif has_time and not has_event:
            record[time] = None
            problem = f"no {event} with it: observed or censored is unknown"
            errors.append(RowError(row, time, "", problem, f"give {event} (yes or no)"))
    survival, progression_free = record.get("survival_days"), record.get("progression_free_days")
    if (
        isinstance(survival, float)
        and isinstance(progression_free, float)
        and progression_free > survival
    ):
        record["progression_free_days"] = record["progression"] = None
        errors.append(
            RowError(
                row,
                "progression_free_days",
                f"{progression_free:g} > {survival:g}",
                "later than survival_days",
                "correct the one that is wrong",
            )
        )
    return errors
