"""Physical decay: half-life T, decay constant λ = ln 2 / T, all times in seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def remaining_fraction(seconds: ArrayLike, half_life: float) -> NDArray[np.float64]:
    """2^(-t/T): what is left of an activity after ``seconds``."""
    return np.exp2(-np.asarray(seconds, dtype=np.float64) / half_life)


def frame_decay_factor(duration: ArrayLike, half_life: float) -> NDArray[np.float64]:
    """λd / (1 - e^(-λd)): activity at the start of a frame over its mean during the frame."""
    x = np.log(2.0) / half_life * np.asarray(duration, dtype=np.float64)
    safe = np.where(x == 0.0, 1.0, x)
    return np.where(x == 0.0, 1.0, safe / -np.expm1(-safe))


def average_activity_time(duration: ArrayLike, half_life: float) -> NDArray[np.float64]:
    """Seconds after the start of a frame at which the activity equals its mean in the frame."""
    return np.log(frame_decay_factor(duration, half_life)) * half_life / np.log(2.0)
