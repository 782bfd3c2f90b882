"""The classical segmenter on a simulated patient with known organs and on real CT."""

from __future__ import annotations

import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pytest

from wbr_platform.dicom.rtstruct import read_rtstruct
from wbr_platform.dicom.volumes import read_series
from wbr_platform.imaging import Geometry, LabelMap, Volume
from wbr_platform.imaging.nifti import read_labelmap, read_volume
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.catalogue import SEGMENTERS
from wbr_platform.segmentation.segmenter import Segmentation, SegmentationInputs
from wbr_platform.segmentation.vocabulary import is_organ, organs
from wbr_platform.simulation.design import CohortDesign
from wbr_platform.simulation.phantom import Phantom, make_phantom
from wbr_platform.simulation.population import Population
from wbr_platform.simulation.scanners import SCANNERS
from wbr_platform_tests.reference_data import reference_data
from wbr_platform_tests.segmentation.scenes import flipped

CLASSICAL = SEGMENTERS["classical"]
LUNGS = {
    "lung_left": ("lung_upper_lobe_left", "lung_lower_lobe_left"),
    "lung_right": ("lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right"),
}


@cache
def _phantom() -> Phantom:
    patient = Population.of(CohortDesign(patients=8, seed=11)).patient(1)
    return make_phantom(patient, SCANNERS[patient.scanner])


@cache
def _drawn() -> Segmentation:
    phantom = _phantom()
    return CLASSICAL.segment(SegmentationInputs(pet=phantom.pet, ct=phantom.ct))


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2.0 * float((a & b).sum()) / float(a.sum() + b.sum())


def _true(*names: str) -> np.ndarray:
    organs_map = _phantom().organs
    return np.isin(organs_map.array, [organs_map.label_of(name) for name in names])


@pytest.mark.parametrize(
    ("region", "parts", "least"),
    [
        ("lung_left", LUNGS["lung_left"], 0.95),
        ("lung_right", LUNGS["lung_right"], 0.95),
        ("brain", ("brain",), 0.9),
        ("urinary_bladder", ("urinary_bladder",), 0.9),
        ("kidney_left", ("kidney_left",), 0.8),
        ("kidney_right", ("kidney_right",), 0.5),
        ("subcutaneous_fat", ("subcutaneous_fat",), 0.85),
        ("skeletal_muscle", ("skeletal_muscle",), 0.75),
    ],
)
def test_organs_of_a_simulated_patient(region: str, parts: tuple[str, ...], least: float) -> None:
    assert _dice(_drawn().labelmap.mask(region), _true(*parts)) > least


def test_reference_regions_lie_in_their_organs() -> None:
    drawn = _drawn().labelmap
    for region, organ in (("other_liver_sphere", "liver"), ("other_blood_pool", "aorta")):
        mask = drawn.mask(region)
        assert mask.any()
        assert _true(organ)[mask].mean() > 0.9


def test_percist_goes_by_the_sphere_when_the_liver_is_not_drawn() -> None:
    phantom = _phantom()
    inputs = SegmentationInputs(pet=phantom.pet, organs=_drawn().labelmap)
    by_sphere = SEGMENTERS["percist"].segment(inputs)
    by_liver = SEGMENTERS["percist"].segment(
        SegmentationInputs(pet=phantom.pet, organs=phantom.organs)
    )

    def threshold(found: Segmentation) -> float:
        note = next(note for note in found.notes if note.startswith("PERCIST_REFERENCE"))
        return float(note.rsplit(" ", 1)[1])

    assert threshold(by_sphere) == pytest.approx(threshold(by_liver), rel=0.15)


def test_names_are_those_of_the_vocabulary() -> None:
    for name in _drawn().labelmap.labels.values():
        assert name in organs() or not is_organ(name)
    assert _drawn().grid == "ct"
    assert any(note.startswith("CLASSICAL_LIMITS") for note in _drawn().notes)


def _swapped(array: np.ndarray, geometry: Geometry) -> tuple[np.ndarray, Geometry]:
    """The array stored sagittally, with an axis backwards."""
    moved = np.ascontiguousarray(np.transpose(array, (2, 0, 1)))
    matrix = geometry.direction_matrix[:, [1, 2, 0]]  # columns x, y, z of the new array
    z, y, x = geometry.spacing
    turned = Geometry(
        (moved.shape[0], moved.shape[1], moved.shape[2]),
        (x, z, y),
        geometry.origin,
        tuple(float(v) for v in matrix.ravel()),
    )
    return flipped(moved, turned, 1)


def test_storage_does_not_matter() -> None:
    phantom = _phantom()
    array, geometry = _swapped(phantom.ct.array, phantom.ct.geometry)
    turned = CLASSICAL.segment(
        SegmentationInputs(pet=phantom.pet, ct=Volume(array, geometry, "HU"))
    )
    expected, _ = _swapped(_drawn().labelmap.array, phantom.ct.geometry)
    assert turned.labelmap.labels == _drawn().labelmap.labels
    assert (turned.labelmap.array != expected).mean() < 1e-4


def test_without_pet_nothing_is_guessed_from_uptake() -> None:
    found = CLASSICAL.segment(SegmentationInputs(ct=_phantom().ct))
    names = set(found.labelmap.labels.values())
    assert {"lung_left", "lung_right", "brain", "skeleton"} <= names
    assert names.isdisjoint({"urinary_bladder", "kidney_left", "kidney_right", "heart"})
    assert any(note.startswith("NO_PET") for note in found.notes)


def test_refusals() -> None:
    air = Volume(
        np.full((20, 30, 30), -1000, dtype=np.float32), Geometry((20, 30, 30), (3, 3, 3)), "HU"
    )
    suv = Volume(air.array, air.geometry, "SUVbw")
    for ct, code in ((None, "NO_CT"), (air, "NO_BODY"), (suv, "CT_NOT_HU")):
        with pytest.raises(Refusal) as refused:
            CLASSICAL.segment(SegmentationInputs(ct=ct))
        assert refused.value.reason_code == code


@pytest.mark.reference
def test_lungs_of_a_real_patient(tmp_path: Path) -> None:
    """A lung cancer patient whose lungs a person contoured; in clinical size."""
    archive = reference_data("nsclc_lung1_001_ct_rtstruct") / "LUNG1-001_CT_RTSTRUCT.zip"
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    headers = {p: pydicom.dcmread(p, stop_before_pixels=True, force=True) for p in files}
    series = read_series([p for p in files if headers[p].get("Modality") == "CT"])
    structures = next(p for p in files if headers[p].get("Modality") == "RTSTRUCT")
    contours = read_rtstruct(pydicom.dcmread(structures), series.geometry, series.sop_instance_uids)
    ct = Volume(series.array, series.geometry, "HU")
    found = CLASSICAL.segment(SegmentationInputs(ct=ct)).labelmap
    for contour, name in (("Lung-Left", "lung_left"), ("Lung-Right", "lung_right")):
        expert = next(mask.mask for mask in contours if mask.name == contour)
        assert _dice(found.mask(name), expert) > 0.95


@pytest.mark.reference
def test_tissues_of_a_real_abdomen() -> None:
    """Against TotalSegmentator's tissue types and bones on its example CT (upper abdomen)."""
    folder = reference_data("totalsegmentator_ct")
    ct = read_volume(folder / "example_ct_sm.nii.gz", "HU")
    found = CLASSICAL.segment(SegmentationInputs(ct=ct)).labelmap
    for name, least in (("subcutaneous_fat", 0.8), ("torso_fat", 0.75), ("skeletal_muscle", 0.55)):
        expert = read_labelmap(folder / "tissue_types" / f"{name}.nii.gz").array > 0
        assert _dice(found.mask(name), expert) > least
    seg: LabelMap = read_labelmap(folder / "example_seg_fast.nii.gz")
    bones = [*range(25, 51), *range(69, 79), 91, *range(92, 117)]
    ours = found.mask("skeleton") | found.mask("bone_marrow")
    assert _dice(ours, np.isin(seg.array, bones)) > 0.7


@pytest.mark.reference
def test_a_slab_of_the_neck_with_odd_hu() -> None:
    path = reference_data("moose_ct_neck") / "CT_enhance_pet_1446_neck_slice.nii.gz"
    found = CLASSICAL.segment(SegmentationInputs(ct=read_volume(path, "HU"))).labelmap
    names = set(found.labels.values())
    assert {"skeleton", "skeletal_muscle", "subcutaneous_fat"} <= names
    assert "brain" not in names
    # The slab begins at the top of a lung.
    heights = np.flatnonzero(found.mask("lung_right").any(axis=(1, 2)))
    assert found.mask("lung_right")[:10].sum() > 0.85 * found.mask("lung_right").sum()
    assert heights[0] == 0
