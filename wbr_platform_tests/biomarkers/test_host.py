"""Spleen- and marrow-to-liver ratios on scenes of known uptake."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from wbr_platform.biomarkers.definitions import biomarker_definitions
from wbr_platform.biomarkers.host import HostParameters, host_ratios
from wbr_platform.imaging import Geometry, LabelMap, Volume
from wbr_platform.imaging.morphology import erode
from wbr_platform.refusal import Refusal
from wbr_platform.simulation.design import CohortDesign
from wbr_platform.simulation.phantom import make_phantom
from wbr_platform.simulation.population import Population
from wbr_platform.simulation.scanners import SCANNERS
from wbr_platform_tests.segmentation.scenes import GRID, ball, flipped, label_map, pet_with

LIVER = ball(GRID, (-40.0, 0.0, 0.0), 30.0)
SPLEEN = ball(GRID, (45.0, 0.0, 0.0), 22.0)
SPINE = ball(GRID, (0.0, 60.0, 40.0), 20.0)
HIP = ball(GRID, (0.0, 60.0, -40.0), 20.0)
REGIONS = {"liver": LIVER, "spleen": SPLEEN, "vertebrae_L3": SPINE, "hip_left": HIP}
PET = pet_with([(LIVER, 2.0), (SPLEEN, 1.6), (SPINE, 1.2), (HIP, 0.8)])


def _values(frame: pl.DataFrame) -> dict[str, float | None]:
    return dict(zip(frame["biomarker"], frame["value"], strict=True))


def _reason(frame: pl.DataFrame, name: str) -> str | None:
    return frame.row(by_predicate=pl.col("biomarker") == name, named=True)["reason"]


def test_ratios_of_uniform_organs() -> None:
    frame = host_ratios(PET, label_map(REGIONS), None)
    values = _values(frame)
    assert values["spleen_to_liver_ratio_mean"] == pytest.approx(0.8)
    assert values["spleen_to_liver_ratio_max"] == pytest.approx(0.8)
    # Both bones have the same number of voxels: their union has the mean of both.
    assert values["marrow_to_liver_ratio_mean"] == pytest.approx(0.5, rel=0.02)
    assert values["marrow_to_liver_ratio_max"] == pytest.approx(0.6)
    assert frame["algorithm"].unique().to_list() == ["organs"]
    assert frame["reason"].null_count() == frame.height


def test_mean_and_max_are_different_definitions() -> None:
    array = PET.array.copy()
    z, y, x = np.argwhere(erode(SPLEEN, GRID.spacing, 10.0))[0]
    array[z, y, x] = 6.0
    values = _values(host_ratios(Volume(array, GRID, "SUVbw"), label_map(REGIONS), None))
    assert values["spleen_to_liver_ratio_max"] == pytest.approx(3.0)
    assert values["spleen_to_liver_ratio_mean"] == pytest.approx(0.8, rel=0.05)


def test_the_part_measured_is_the_eroded_organ() -> None:
    values = _values(host_ratios(PET, label_map(REGIONS), None))
    expected = erode(LIVER, GRID.spacing, 8.0).sum() * GRID.voxel_volume_ml
    assert values["liver_reference_volume_ml"] == pytest.approx(expected)
    assert values["liver_erosion_mm"] == 8.0


def test_lesions_are_left_out_with_their_margin() -> None:
    lesion = ball(GRID, (-40.0, 0.0, 0.0), 10.0)
    spill = ball(GRID, (-40.0, 0.0, 0.0), 13.0)
    pet = pet_with([(LIVER, 2.0), (SPLEEN, 1.6), (spill, 12.0)])
    organs = label_map({"liver": LIVER, "spleen": SPLEEN})
    assert _values(host_ratios(pet, organs, lesion))["liver_suv_max"] == 2.0
    assert _values(host_ratios(pet, organs, None))["liver_suv_max"] == 12.0


def test_the_shine_of_the_bladder_is_left_out() -> None:
    bladder, halo = ball(GRID, (0.0, 60.0, -75.0), 12.0), ball(GRID, (0.0, 60.0, -75.0), 20.0)
    pet = pet_with([(LIVER, 2.0), (HIP, 0.8), (halo, 3.0), (bladder, 20.0)])
    organs = label_map({"liver": LIVER, "hip_left": HIP, "urinary_bladder": bladder})
    assert _values(host_ratios(pet, organs, None))["marrow_suv_max"] == pytest.approx(0.8)


def test_small_organs_are_eroded_less() -> None:
    thin = np.zeros(GRID.shape, dtype=bool)
    thin[20:40, 20:30, 20:23] = True
    organs = label_map({"liver": LIVER, "spleen": thin})
    values = _values(host_ratios(PET, organs, None, HostParameters(spleen_erosion_mm=9.0)))
    # 9 mm would leave nothing of 3 voxels of 4 mm; half of it leaves 18 x 8 x 1 voxels.
    assert values["spleen_erosion_mm"] == 4.5
    assert values["spleen_reference_volume_ml"] == pytest.approx(144 * GRID.voxel_volume_ml)
    sheet = np.zeros(GRID.shape, dtype=bool)
    sheet[20:40, 20:30, 20] = True
    flat_organs = label_map({"liver": LIVER, "spleen": sheet})
    flat = _values(host_ratios(PET, flat_organs, None, HostParameters(spleen_erosion_mm=9.0)))
    assert flat["spleen_erosion_mm"] == 0.0


@pytest.mark.parametrize("missing", ["liver", "spleen"])
def test_a_missing_organ_has_its_reason(missing: str) -> None:
    organs = label_map({name: mask for name, mask in REGIONS.items() if name != missing})
    frame = host_ratios(PET, organs, None)
    assert _values(frame)["spleen_to_liver_ratio_mean"] is None
    assert _reason(frame, "spleen_to_liver_ratio_mean") == "ORGAN_MISSING"
    assert _reason(frame, f"{missing}_suv_mean") == "ORGAN_MISSING"


def test_no_organs_at_all() -> None:
    frame = host_ratios(PET, None, None)
    assert frame["value"].null_count() == frame.height
    assert frame["reason"].unique().to_list() == ["ORGAN_MISSING"]


def test_a_named_organ_without_a_voxel_is_missing() -> None:
    organs = label_map({**REGIONS, "spleen": np.zeros(GRID.shape, dtype=bool)})
    assert _reason(host_ratios(PET, organs, None), "spleen_suv_mean") == "ORGAN_MISSING"


def test_an_organ_that_is_all_lesion_is_not_measured() -> None:
    frame = host_ratios(PET, label_map(REGIONS), SPLEEN)
    assert _reason(frame, "spleen_to_liver_ratio_max") == "TOO_FEW_HEALTHY_VOXELS"
    assert _values(frame)["marrow_to_liver_ratio_mean"] is not None


def test_a_liver_without_uptake_divides_nothing() -> None:
    pet = pet_with([(LIVER, 0.0), (SPLEEN, 1.6)], background=0.0)
    frame = host_ratios(pet, label_map({"liver": LIVER, "spleen": SPLEEN}), None)
    assert _reason(frame, "spleen_to_liver_ratio_mean") == "LIVER_WITHOUT_UPTAKE"


@pytest.mark.parametrize("name", ["red_marrow", "bone_marrow"])
def test_a_marrow_label_stands_in_where_there_is_no_bone(name: str) -> None:
    organs = label_map({"liver": LIVER, name: SPINE})
    assert _values(host_ratios(PET, organs, None))["marrow_suv_mean"] == pytest.approx(1.2)
    both = label_map({"liver": LIVER, name: SPINE, "hip_left": HIP})
    assert _values(host_ratios(PET, both, None))["marrow_suv_mean"] == pytest.approx(0.8)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_values_do_not_depend_on_axis_order(axis: int) -> None:
    noise = np.random.default_rng(1).normal(0.0, 0.1, GRID.shape)
    array = (PET.array + noise).astype(np.float32)
    organs = label_map(REGIONS)
    expected = _values(host_ratios(Volume(array, GRID, "SUVbw"), organs, None))
    turned, geometry = flipped(array, GRID, axis)
    turned_organs = LabelMap(flipped(organs.array, GRID, axis)[0], geometry, organs.labels)
    found = _values(host_ratios(Volume(turned, geometry, "SUVbw"), turned_organs, None))
    assert found == pytest.approx(expected, rel=1e-6)


def test_every_biomarker_is_defined() -> None:
    host = [d.name for d in biomarker_definitions().values() if d.scope == "host"]
    assert sorted(host_ratios(PET, None, None)["biomarker"]) == sorted(host)


def test_wrong_inputs() -> None:
    pet = Volume(np.zeros(GRID.shape, dtype=np.float32), GRID, "Bq/mL")
    with pytest.raises(Refusal) as refused:
        host_ratios(pet, None, None)
    assert refused.value.reason_code == "PET_NOT_SUV"
    with pytest.raises(ValueError, match="lesion mask"):
        host_ratios(PET, None, np.zeros((2, 2, 2), dtype=bool))


def test_organs_on_another_grid() -> None:
    fine = Geometry((120, 100, 80), (1.5, 2.0, 2.0), (-81.0, -101.0, -90.75))
    organs = label_map(
        {
            "liver": ball(fine, (-40.0, 0.0, 0.0), 30.0),
            "spleen": ball(fine, (45.0, 0.0, 0.0), 22.0),
        },
        fine,
    )
    values = _values(host_ratios(PET, organs, None))
    assert values["spleen_to_liver_ratio_mean"] == pytest.approx(0.8, rel=1e-6)


def test_a_phantom_gives_back_its_own_uptake() -> None:
    """The eroded parts of a blurred, noisy PET show the uptake that was simulated."""
    patient = Population.of(CohortDesign(patients=4, seed=11)).patient(1)
    phantom = make_phantom(patient, next(iter(SCANNERS.values())))
    values = _values(host_ratios(phantom.pet, phantom.organs_on_pet, phantom.lesions.array > 0))
    for organ in ("liver", "spleen"):
        inside = phantom.organs_on_pet.mask(organ) & (phantom.lesions.array == 0)
        truth = float(phantom.pet_truth.array[inside].mean())
        assert values[f"{organ}_suv_mean"] == pytest.approx(truth, rel=0.06)
