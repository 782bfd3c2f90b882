"""The region catalogue: layers, kinds, sizes, places."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from wbr_platform.imaging import Geometry, LabelMap
from wbr_platform.segmentation.regions import (
    REGION_COLUMNS,
    build_regions,
    primary_lesion_algorithm,
)
from wbr_platform.segmentation.segmenter import Segmentation
from wbr_platform.store.schemas import TABLES
from wbr_platform_tests.segmentation.scenes import GRID, ball, label_map

LIVER, EDGE = ball(GRID, (-20.0, 0.0, 0.0), 30.0), np.zeros(GRID.shape, dtype=bool)
EDGE[:3, 20:25, 20:25] = True
LESION = ball(GRID, (-10.0, 0.0, 0.0), 12.0)
OUTSIDE = ball(GRID, (40.0, 0.0, 40.0), 9.0)


def _organs() -> Segmentation:
    regions = {"liver": LIVER, "urinary_bladder": EDGE, "other_gtv_edema": OUTSIDE}
    return Segmentation(label_map(regions), "imported_organs", "1", "pet")


def _lesions(name: str, *masks: np.ndarray) -> Segmentation:
    regions = {f"L{i:02d}": mask for i, mask in enumerate(masks, start=1)}
    return Segmentation(label_map(regions), name, "2", "pet")


def _one(table: pl.DataFrame, region_id: str) -> dict[str, object]:
    return table.row(by_predicate=pl.col("region_id") == region_id, named=True)


def test_columns_are_those_of_the_table() -> None:
    schema = TABLES["regions"].polars_schema()
    schema.pop("study_key")
    assert dict(REGION_COLUMNS) == schema


def test_layers_and_kinds() -> None:
    found = build_regions(
        GRID, "pet", _organs(), {"imported_lesions": _lesions("imported_lesions", LESION, OUTSIDE)}
    )
    assert list(found.layers) == ["organs", "healthy", "lesions", "tumour"]
    kinds = found.table.group_by("layer", "kind").len().rows()
    assert sorted(kinds) == [
        ("healthy", "healthy_organ", 2),
        ("lesions", "lesion", 2),
        ("organs", "organ", 2),
        ("organs", "other", 1),
        ("tumour", "tumour_burden", 1),
    ]
    assert found.table["region_id"].is_unique().all()
    assert found.primary_algorithm == "imported_lesions"
    assert found.region_ids("lesions") == {
        1: "lesions/imported_lesions/L01",
        2: "lesions/imported_lesions/L02",
    }


def test_sizes_places_and_organs() -> None:
    found = build_regions(
        GRID, "pet", _organs(), {"suv_4.0": _lesions("suv_4.0", LESION, OUTSIDE)}
    ).table
    liver = _one(found, "organs/imported_organs/liver")
    voxel_ml = GRID.voxel_volume_ml
    assert liver["voxels"] == LIVER.sum()
    assert liver["volume_ml"] == pytest.approx(LIVER.sum() * voxel_ml)
    place = [liver[f"centroid_{axis}_mm"] for axis in "xyz"]
    assert place == pytest.approx([-20.0, 0.0, 0.0], abs=0.5)
    assert (liver["organ"], liver["touches_border"]) == ("liver", False)
    assert _one(found, "organs/imported_organs/urinary_bladder")["touches_border"] is True
    healthy = _one(found, "healthy/imported_organs/liver")
    assert healthy["voxels"] == (LIVER & ~LESION).sum()
    assert healthy["algorithm_version"] == "1+suv_4.0.2"
    assert _one(found, "lesions/suv_4.0/L01")["organ"] == "liver"
    tumour = _one(found, "tumour/suv_4.0/tumour")
    assert (tumour["voxels"], tumour["organ"]) == (LESION.sum() + OUTSIDE.sum(), None)
    assert _one(found, "organs/imported_organs/other_gtv_edema")["organ"] is None


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("end", [0, -1])
def test_touching_any_border_is_told(axis: int, end: int) -> None:
    for place, touches in ((end, True), (1 if end == 0 else -2, False)):
        mask = np.zeros(GRID.shape, dtype=bool)
        index = [10, 10, 10]
        index[axis] = place
        mask[tuple(index)] = True
        organs = Segmentation(label_map({"liver": mask}), "imported_organs", "1", "pet")
        table = build_regions(GRID, "pet", organs, {}).table
        assert table["touches_border"].to_list() == [touches]


def test_layers_hold_what_the_table_says() -> None:
    found = build_regions(GRID, "pet", _organs(), {"suv_4.0": _lesions("suv_4.0", LESION)})
    for row in found.table.iter_rows(named=True):
        labelmap = found.layers[row["layer"]]
        assert labelmap.labels[row["label"]] == row["region"]
        assert labelmap.mask(row["label"]).sum() == row["voxels"]


def test_the_primary_algorithm() -> None:
    empty, full = _lesions("imported_lesions"), _lesions("imported_lesions", LESION)
    suv = _lesions("suv_4.0", LESION)
    assert primary_lesion_algorithm({"suv_4.0": suv, "imported_lesions": full}) == (
        "imported_lesions"
    )
    assert primary_lesion_algorithm({"imported_lesions": empty, "suv_4.0": suv}) == "suv_4.0"
    assert primary_lesion_algorithm({"imported_lesions": empty}) == "imported_lesions"
    assert primary_lesion_algorithm({"percent_41": suv}) == "percent_41"
    assert primary_lesion_algorithm({}) is None


def test_no_lesion_found_is_knowledge() -> None:
    found = build_regions(GRID, "pet", _organs(), {"suv_4.0": _lesions("suv_4.0")})
    tumour = _one(found.table, "tumour/suv_4.0/tumour")
    assert (tumour["voxels"], tumour["volume_ml"], tumour["centroid_x_mm"]) == (0, 0.0, None)
    assert found.table.filter(pl.col("layer") == "lesions").is_empty()
    np.testing.assert_array_equal(
        found.layers["healthy"].mask("liver"), found.layers["organs"].mask("liver")
    )


def test_what_is_not_known_has_no_layer() -> None:
    only_organs = build_regions(GRID, "pet", _organs(), {})
    assert list(only_organs.layers) == ["organs"]
    only_lesions = build_regions(GRID, "pet", None, {"suv_4.0": _lesions("suv_4.0", LESION)})
    assert list(only_lesions.layers) == ["lesions", "tumour"]
    assert only_lesions.table["organ"].null_count() == 2
    nothing = build_regions(GRID, "pet", None, {})
    assert nothing.table.is_empty()
    assert nothing.table.columns == list(REGION_COLUMNS)


def test_an_organ_that_is_all_tumour_has_a_healthy_part_of_zero() -> None:
    found = build_regions(GRID, "pet", _organs(), {"suv_4.0": _lesions("suv_4.0", LIVER)})
    assert _one(found.table, "healthy/imported_organs/liver")["volume_ml"] == 0.0


def test_labels_and_ids_agree_on_another_grid() -> None:
    lesions = {"suv_4.0": _lesions("suv_4.0", LESION, OUTSIDE)}
    fine = GRID.with_spacing((2.0, 2.0, 2.0))
    on_pet = build_regions(GRID, "pet", _organs(), lesions).table
    on_ct = build_regions(fine, "ct", _organs(), lesions).table
    keys = ("region_id", "layer", "label", "organ")
    assert on_ct.select(keys).equals(on_pet.select(keys))
    assert on_ct["grid"].unique().to_list() == ["ct"]
    volumes = on_ct["volume_ml"].to_numpy() / on_pet["volume_ml"].to_numpy()
    assert np.all(np.abs(volumes - 1) < 0.05)


def test_one_voxel_with_a_high_label() -> None:
    array = np.zeros((3, 3, 3), dtype=np.uint16)
    array[1, 1, 1] = 117
    geometry = Geometry((3, 3, 3), (1.0, 1.0, 1.0))
    organs = Segmentation(LabelMap(array, geometry, {117: "liver"}), "imported_organs", "1", "pet")
    table = build_regions(geometry, "pet", organs, {}).table
    assert table.row(0, named=True)["voxels"] == 1
