"""Volume and surface area of an ellipsoid."""

from __future__ import annotations

import numpy as np

_TERMS = 21


def ellipsoid_volume(a: float, b: float, c: float) -> float:
    """Volume of the ellipsoid with semi-axes a, b, c."""
    return float(4 / 3 * np.pi * a * b * c)


def ellipsoid_area(a: float, b: float, c: float) -> float:
    """IBSI's surface area of the ellipsoid with semi-axes a ≥ b ≥ c > 0.

    The manual's series of Legendre polynomials up to degree 20 with α² = 1 - b²/a² and
    β² = 1 - c²/a². All consensus values rest on it, although it is the true area for spheres only:
    that would need α² = 1 - c²/a² and β² = 1 - c²/b² (the digital phantom's ellipsoid is 4 %
    larger). Written so that spheroids need no special case: Q_n = (αβ)^n P_n((α² + β²) / 2αβ)
    obeys the polynomials' recurrence multiplied by (αβ)^n.
    """
    alpha2, beta2 = 1 - (b / a) ** 2, 1 - (c / a) ** 2
    middle, product = (alpha2 + beta2) / 2, alpha2 * beta2
    before, current = 0.0, 1.0
    total = 0.0
    for n in range(_TERMS):
        total += current / (1 - 4 * n * n)
        following = ((2 * n + 1) * middle * current - n * product * before) / (n + 1)
        before, current = current, following
    return float(4 * np.pi * a * b * total)
