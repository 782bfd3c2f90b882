"""Measures of lesions with known answers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import ndimage

from wbr_platform.biomarkers.lesions import LESION_COLUMNS, lesion_table
from wbr_platform.imaging import Geometry, LabelMap, Volume
from wbr_platform.radiomics.local_intensity import local_intensity_peak
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.components import as_lesions, connected_components
from wbr_platform.segmentation.location import locate_lesions
from wbr_platform.store.schemas import TABLES
from wbr_platform_tests.segmentation.scenes import GRID, ball, flipped, label_map, pet_with

BIG, SMALL = ball(GRID, (-40.0, 0.0, 0.0), 20.0), ball(GRID, (40.0, 8.0, 30.0), 10.0)
LESIONS = label_map({"L01": BIG, "L02": SMALL})
ORGANS = label_map({"liver": ball(GRID, (-40.0, 0.0, 0.0), 30.0)})


def test_columns_are_those_of_the_table() -> None:
    schema = TABLES["lesions"].polars_schema()
    schema.pop("study_key")
    assert dict(LESION_COLUMNS) == schema


def test_uniform_balls() -> None:
    table = lesion_table(pet_with([(BIG, 8.0), (SMALL, 5.0)]), LESIONS, ORGANS, "suv_4.0")
    assert table["region_id"].to_list() == ["lesions/suv_4.0/L01", "lesions/suv_4.0/L02"]
    first = table.row(0, named=True)
    volume = BIG.sum() * GRID.voxel_volume_ml
    assert (first["suv_max"], first["suv_mean"], first["suv_peak"]) == (8.0, 8.0, 8.0)
    assert first["mtv_ml"] == pytest.approx(volume)
    assert first["tlg_ml"] == pytest.approx(8.0 * volume)
    assert [first[f"centroid_{axis}_mm"] for axis in "xyz"] == pytest.approx([-40.0, 0.0, 0.0])
    assert table["organ"].to_list() == ["liver", "liver"]
    assert lesion_table(pet_with([]), LESIONS, None, "a")["organ"].to_list() == [None, None]


def _noisy() -> Volume:
    noise = np.random.default_rng(2).normal(3.0, 1.0, GRID.shape)
    return Volume(ndimage.gaussian_filter(noise, 1.0).astype(np.float32), GRID, "SUVbw")


def test_values_equal_those_of_the_whole_image() -> None:
    pet = _noisy()
    table = lesion_table(pet, LESIONS, ORGANS, "a")
    for row, mask in zip(table.iter_rows(named=True), (BIG, SMALL), strict=True):
        assert row["suv_max"] == pet.array[mask].max()
        assert row["suv_mean"] == pytest.approx(pet.array[mask].mean(dtype=np.float64))
        assert row["suv_peak"] == pytest.approx(local_intensity_peak(pet, mask), rel=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_values_do_not_depend_on_axis_order(axis: int) -> None:
    pet = _noisy()
    expected = lesion_table(pet, LESIONS, ORGANS, "a")
    array, geometry = flipped(pet.array, GRID, axis)
    lesions, organs = (
        LabelMap(flipped(m.array, GRID, axis)[0], geometry, m.labels) for m in (LESIONS, ORGANS)
    )
    found = lesion_table(Volume(array, geometry, "SUVbw"), lesions, organs, "a")
    for column in expected.columns:
        if expected[column].dtype == pl.String:
            assert found[column].to_list() == expected[column].to_list()
        else:
            np.testing.assert_allclose(found[column], expected[column], rtol=1e-6, atol=1e-9)


def test_a_lesion_at_the_edge_of_the_image() -> None:
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[:4, :4, :4] = True
    row = lesion_table(pet_with([(mask, 6.0)]), label_map({"L01": mask}), None, "a")
    assert row["suv_peak"].to_list() == [6.0]


def test_the_organ_is_that_of_the_region_catalogue() -> None:
    random = np.random.default_rng(4)
    organs = label_map(
        {
            "other_body": np.ones(GRID.shape, dtype=bool),
            "liver": ball(GRID, (-30.0, 0.0, 0.0), 20.0),
            "spleen": ball(GRID, (30.0, 0.0, 0.0), 15.0),
        }
    )
    spots = as_lesions(connected_components(random.random(GRID.shape) > 0.9995), GRID).labelmap
    places = locate_lesions(spots, organs)
    table = lesion_table(pet_with([]), spots, organs, "a")
    expected = [None if p is None else p.organ for p in places.values()]
    assert table["organ"].to_list() == expected
    assert {"liver", "spleen"} == set(expected) - {None}


def test_labels_without_a_voxel_have_no_row() -> None:
    lesions = LabelMap(LESIONS.array, GRID, {1: "L01", 2: "L02", 9: "L03"})
    assert lesion_table(pet_with([]), lesions, None, "a").height == 2
    empty = lesion_table(pet_with([]), label_map({}), None, "a")
    assert empty.is_empty()
    assert empty.columns == list(LESION_COLUMNS)


def test_lesions_on_another_grid_are_brought_to_the_pet() -> None:
    fine = Geometry((120, 100, 80), (1.5, 2.0, 2.0), (-81.0, -101.0, -90.75))
    lesions = label_map({"L01": ball(fine, (-40.0, 0.0, 0.0), 20.0)}, fine)
    row = lesion_table(pet_with([(BIG, 8.0)]), lesions, None, "a").row(0, named=True)
    assert row["mtv_ml"] == pytest.approx(BIG.sum() * GRID.voxel_volume_ml, rel=0.03)


def test_a_pet_that_is_not_suv_is_refused() -> None:
    pet = Volume(np.zeros(GRID.shape, dtype=np.float32), GRID, "Bq/mL")
    with pytest.raises(Refusal) as refused:
        lesion_table(pet, LESIONS, None, "a")
    assert refused.value.reason_code == "PET_NOT_SUV"
