"""Tumour burden and dissemination against hand calculation and the stated edge cases."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wbr_platform.biomarkers.burden import body_surface_area_m2, tumour_burden
from wbr_platform.biomarkers.definitions import BIOMARKER_COLUMNS, biomarker_definitions
from wbr_platform.biomarkers.lesions import LESION_COLUMNS
from wbr_platform.store.schemas import TABLES

Rows = list[tuple[float, float, tuple[float, float, float]]]


def _lesions(rows: Rows, algorithm: str = "suv_4.0") -> pl.DataFrame:
    """Lesions of (MTV in mL, SUVmean, centroid)."""
    return pl.DataFrame(
        [
            {
                "region_id": f"lesions/{algorithm}/L{i:02d}",
                "algorithm": algorithm,
                "lesion": f"L{i:02d}",
                "organ": None,
                "suv_max": 2.0 * suv,
                "suv_mean": suv,
                "suv_peak": 1.5 * suv,
                "mtv_ml": volume,
                "tlg_ml": suv * volume,
                "centroid_x_mm": place[0],
                "centroid_y_mm": place[1],
                "centroid_z_mm": place[2],
            }
            for i, (volume, suv, place) in enumerate(rows, start=1)
        ],
        schema=dict(LESION_COLUMNS),
    )


def _values(frame: pl.DataFrame) -> dict[str, float | None]:
    return dict(zip(frame["biomarker"], frame["value"], strict=True))


def _reasons(frame: pl.DataFrame) -> dict[str, str | None]:
    return dict(zip(frame["biomarker"], frame["reason"], strict=True))


THREE: Rows = [
    (30.0, 5.0, (0.0, 0.0, 0.0)),
    (10.0, 8.0, (300.0, 0.0, 0.0)),
    (10.0, 2.0, (0.0, 400.0, 0.0)),
]


def test_three_lesions_in_a_right_triangle() -> None:
    frame = tumour_burden(_lesions(THREE), height_m=1.70, weight_kg=70.0)
    surface = 0.007184 * 70.0**0.425 * 170.0**0.725
    assert _values(frame) == pytest.approx(
        {
            "tmtv_ml": 50.0,
            "tlg_ml": 250.0,
            "lesion_count": 3.0,
            "suv_max": 16.0,
            "suv_peak": 12.0,
            "largest_lesion_fraction": 0.6,
            "dmax_mm": 500.0,
            "sdmax_per_m": 0.5 / surface,
            "dmax_bulk_mm": 400.0,
            "spread_mm": 1200.0,
            "spread_bulk_mm": 700.0,
        }
    )
    assert frame["reason"].null_count() == frame.height
    assert frame["algorithm"].unique().to_list() == ["suv_4.0"]


def test_body_surface_area() -> None:
    # Value of the Du Bois formula for 75 kg and 1.85 m, as published with header test vectors.
    assert body_surface_area_m2(1.85, 75.0) == pytest.approx(1.9813758, abs=5e-7)


def test_no_lesion() -> None:
    frame = tumour_burden(_lesions([]), 1.7, 70.0, "suv_4.0")
    values, reasons = _values(frame), _reasons(frame)
    zero = {"tmtv_ml", "tlg_ml", "lesion_count"}
    for name, value in values.items():
        assert (value, reasons[name]) == ((0.0, None) if name in zero else (None, "NO_LESION"))
    assert frame["algorithm"].unique().to_list() == ["suv_4.0"]


def test_one_lesion() -> None:
    values = _values(tumour_burden(_lesions(THREE[:1]), 1.7, 70.0))
    for name in ("dmax_mm", "sdmax_per_m", "dmax_bulk_mm", "spread_mm", "spread_bulk_mm"):
        assert values[name] == 0.0
    assert values["largest_lesion_fraction"] == 1.0


@pytest.mark.parametrize(
    ("height", "weight", "reason"),
    [
        (None, 70.0, "HEIGHT_MISSING"),
        (0.0, 70.0, "HEIGHT_MISSING"),
        (1.7, None, "WEIGHT_MISSING"),
        (float("nan"), 70.0, "HEIGHT_MISSING"),
    ],
)
def test_sdmax_needs_height_and_weight(
    height: float | None, weight: float | None, reason: str
) -> None:
    frame = tumour_burden(_lesions(THREE), height, weight)
    assert _values(frame)["sdmax_per_m"] is None
    assert _reasons(frame)["sdmax_per_m"] == reason
    assert _values(frame)["dmax_mm"] == 500.0


def test_one_algorithm_at_a_time() -> None:
    both = pl.concat([_lesions(THREE), _lesions(THREE, "suv_2.5")])
    with pytest.raises(ValueError, match="several algorithms"):
        tumour_burden(both)


coordinates = st.floats(-900.0, 900.0)


@given(
    st.lists(
        st.tuples(st.floats(0.1, 900.0), st.floats(1.0, 40.0), st.tuples(*[coordinates] * 3)),
        min_size=1,
        max_size=12,
    ),
)
@settings(max_examples=50, deadline=None)
def test_relations_that_always_hold(rows: Rows) -> None:
    values = _values(tumour_burden(_lesions(rows), 1.7, 70.0))
    dmax, bulk = values["dmax_mm"], values["dmax_bulk_mm"]
    assert dmax is not None
    assert bulk is not None
    # Any point's farthest neighbour is at least half the diameter away.
    assert dmax / 2 - 1e-6 <= bulk <= dmax + 1e-6
    shifted = [(v, s, (p[0] + 10.0, p[1] - 20.0, p[2] + 5.0)) for v, s, p in rows]
    moved = _values(tumour_burden(_lesions(shifted), 1.7, 70.0))
    assert moved == pytest.approx(values, rel=1e-6, abs=1e-6)
    # Without ties in volume the order of the rows is no matter.
    if len({row[0] for row in rows}) == len(rows):
        order = np.random.default_rng(len(rows)).permutation(len(rows))
        mixed = _values(tumour_burden(_lesions([rows[i] for i in order]), 1.7, 70.0))
        assert mixed == pytest.approx(values, rel=1e-9, abs=1e-9)


def test_every_biomarker_is_defined_with_its_unit() -> None:
    definitions = biomarker_definitions()
    frame = tumour_burden(_lesions(THREE), 1.7, 70.0)
    tumour = [d.name for d in definitions.values() if d.scope == "tumour"]
    assert sorted(frame["biomarker"]) == sorted(tumour)
    for name, unit in frame.select("biomarker", "unit").rows():
        assert definitions[name].unit == unit
        assert definitions[name].definition
        assert definitions[name].source


def test_columns_are_those_of_the_table() -> None:
    schema = TABLES["biomarkers"].polars_schema()
    schema.pop("study_key")
    assert dict(BIOMARKER_COLUMNS) == schema
