"""Body-size measures that SUV is normalised by.

Weight W in kg, height H in m; sex "M", "F", or "O" (the mean of both, as the IBSI manual does).
"""

from __future__ import annotations

from collections.abc import Mapping


def _by_sex(male: float, female: float, sex: str) -> float:
    by_sex = {"M": male, "F": female, "O": (male + female) / 2.0}
    return by_sex[sex]


def lean_body_mass_james128(weight: float, height: float, sex: str) -> float:
    """Lean body mass in kg after James 1976 (male coefficient 128)."""
    squared = (weight / (100.0 * height)) ** 2
    return _by_sex(1.10 * weight - 128.0 * squared, 1.07 * weight - 148.0 * squared, sex)


def lean_body_mass_james120(weight: float, height: float, sex: str) -> float:
    """Lean body mass in kg in Morgan and Bray's rendering of James (male coefficient 120)."""
    squared = (weight / (100.0 * height)) ** 2
    return _by_sex(1.10 * weight - 120.0 * squared, 1.07 * weight - 148.0 * squared, sex)


def lean_body_mass_janmahasatian(weight: float, height: float, sex: str) -> float:
    """Lean body mass in kg after Janmahasatian et al. 2005."""
    body_mass_index = weight / height**2
    male = 9270.0 * weight / (6680.0 + 216.0 * body_mass_index)
    female = 9270.0 * weight / (8780.0 + 244.0 * body_mass_index)
    return _by_sex(male, female, sex)


def ideal_body_weight(height: float, sex: str) -> float:
    """Ideal body weight in kg after Sugawara et al. 1999."""
    above = 100.0 * height - 152.0
    return _by_sex(48.0 + 1.06 * above, 45.5 + 0.91 * above, sex)


def body_surface_area(weight: float, height: float) -> float:
    """Body surface area in m² after Du Bois and Du Bois 1916."""
    return float(0.007184 * weight**0.425 * (100.0 * height) ** 0.725)


def normalisations(
    weight: float | None, height: float | None, sex: str | None
) -> Mapping[str, float]:
    """Every normalisation that can be computed, by the name of its SUV.

    Values in g (BSA: cm²); SUV_x = SUVbw x normalisations[x] / normalisations["SUVbw"]. A measure
    that the formula makes zero or negative (James for the very obese) is left out.
    """
    if weight is None:
        return {}
    found = {"SUVbw": 1000.0 * weight}
    if height is not None:
        found["SUV_bsa"] = 1e4 * body_surface_area(weight, height)
        if sex in ("M", "F", "O"):
            found["SUL_james128"] = 1000.0 * lean_body_mass_james128(weight, height, sex)
            found["SUL_james120"] = 1000.0 * lean_body_mass_james120(weight, height, sex)
            found["SUL_janmahasatian"] = 1000.0 * lean_body_mass_janmahasatian(weight, height, sex)
            found["SUV_ibw"] = 1000.0 * ideal_body_weight(height, sex)
    return {name: value for name, value in found.items() if value > 0.0}
