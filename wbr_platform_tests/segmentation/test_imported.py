"""Masks of an export become organs and lesions on the PET's grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wbr_platform.imaging import NamedMask, Volume
from wbr_platform.imaging.nifti import read_labelmap
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.imported import ImportedLesions, ImportedOrgans
from wbr_platform.segmentation.segmenter import Segmentation, SegmentationInputs
from wbr_platform.segmentation.thresholds import SUV_4_0
from wbr_platform_tests.reference_data import reference_data
from wbr_platform_tests.segmentation.scenes import GRID, ball, named, pet_with

ONE, TWO = ball(GRID, (-40.0, 0.0, 0.0), 15.0), ball(GRID, (40.0, 0.0, 30.0), 10.0)
PET = pet_with([])


def _organs(*masks: NamedMask) -> Segmentation:
    return ImportedOrgans().segment(SegmentationInputs(pet=PET, masks=masks))


def _lesions(*masks: NamedMask) -> Segmentation:
    return ImportedLesions().segment(SegmentationInputs(pet=PET, masks=masks))


def test_organs_take_the_names_and_order_of_the_vocabulary() -> None:
    masks = (named("Liver", ONE), named("Left kidney", TWO), named("GTV", ONE & TWO))
    for given in (masks, masks[::-1]):
        found = _organs(*given)
        assert list(found.labelmap.labels.items()) == [(1, "kidney_left"), (2, "liver")]
        np.testing.assert_array_equal(found.labelmap.mask("liver"), ONE)


def test_parts_of_one_organ_are_joined_and_unknown_ones_stay_apart() -> None:
    found = _organs(
        named("liver", ONE), named("Hepar", TWO), named("wall", ONE), named("wall", TWO)
    )
    assert sorted(found.labelmap.labels.values()) == ["liver", "wall", "wall_2"]
    joined = _organs(named("liver", ONE), named("Hepar", TWO))
    np.testing.assert_array_equal(joined.labelmap.mask("liver"), ONE | TWO)


def test_the_smaller_organ_wins_and_the_overlap_is_recorded() -> None:
    inner = ball(GRID, (-40.0, 0.0, 0.0), 8.0)
    found = _organs(named("liver", ONE), named("gallbladder", inner))
    np.testing.assert_array_equal(found.labelmap.mask("gallbladder"), inner)
    lost = inner.sum() * GRID.voxel_volume_ml
    assert f"OVERLAP: {lost:.2f} mL of liver given to gallbladder, which is smaller" in found.notes


def test_what_is_no_organ_yields_to_every_organ() -> None:
    inner = ball(GRID, (-40.0, 0.0, 0.0), 8.0)
    found = _organs(named("liver", ONE), named("GTV_Edema", inner))
    np.testing.assert_array_equal(found.labelmap.mask("liver"), ONE)
    assert found.labelmap.mask("other_gtv_edema").sum() == 0


def test_oedema_alone_is_kept_but_is_no_organ() -> None:
    found = _organs(named("GTV_Mass", ONE, "RTSTRUCT"), named("GTV_Edema", TWO, "RTSTRUCT"))
    assert dict(found.labelmap.labels) == {1: "other_gtv_edema"}
    suv = SUV_4_0.segment(SegmentationInputs(pet=PET, organs=found.labelmap))
    assert any(note.startswith("PHYSIOLOGICAL_UPTAKE_NOT_REMOVED") for note in suv.notes)


def test_oedema_is_no_lesion() -> None:
    found = _lesions(named("GTV_Mass", ONE, "RTSTRUCT"), named("GTV_Edema", ONE | TWO, "RTSTRUCT"))
    np.testing.assert_array_equal(found.labelmap.array > 0, ONE)


def test_a_mask_of_many_lesions_is_split() -> None:
    for source in ("SEG", "NIfTI"):
        found = _lesions(named("lesions", ONE | TWO, source))
        assert dict(found.labelmap.labels) == {1: "L01", 2: "L02"}
        np.testing.assert_array_equal(found.labelmap.mask("L01"), ONE)


def test_contours_and_numbered_structures_stay_whole() -> None:
    for mask in (named("GTV", ONE | TWO, "RTSTRUCT"), named("Lesion 1", ONE | TWO, "SEG")):
        found = _lesions(mask)
        assert dict(found.labelmap.labels) == {1: "L01"}
        np.testing.assert_array_equal(found.labelmap.array > 0, ONE | TWO)


def test_where_a_lesion_came_from_is_noted() -> None:
    found = _lesions(named("GTV-2", ONE, "RTSTRUCT"), named("GTV-1", TWO, "RTSTRUCT"))
    assert found.notes == ("ORIGIN: L01 from gtv_2", "ORIGIN: L02 from gtv_1")


def test_small_expert_lesions_are_kept() -> None:
    point = np.zeros(GRID.shape, dtype=bool)
    point[30, 20, 20] = True
    assert len(_lesions(named("tumour", ONE | point)).labelmap.labels) == 2


def test_an_empty_tumour_mask_is_a_finding() -> None:
    found = _lesions(named("lesion", np.zeros(GRID.shape, dtype=bool)))
    assert found.labelmap.labels == {}


def test_masks_of_the_ct_come_to_the_pet() -> None:
    fine = GRID.with_spacing((1.5, 2.0, 2.0))
    centre = (-40.0, 0.0, 0.0)
    mask = named("liver", ball(fine, centre, 30.0), geometry=fine)
    found = _organs(mask)
    assert found.grid == "pet"
    assert found.labelmap.geometry.same_grid(GRID)
    truth = ball(GRID, centre, 30.0)
    ours = found.labelmap.mask("liver")
    assert 2 * (ours & truth).sum() / (ours.sum() + truth.sum()) > 0.97


def test_a_tumour_drawn_on_pet_and_on_ct_is_one_lesion() -> None:
    fine = GRID.with_spacing((1.5, 2.0, 2.0))
    on_ct = ball(fine, (-40.0, 0.0, 0.0), 18.0)
    found = _lesions(
        named("GTV_Mass", ONE, "RTSTRUCT"),
        named("GTV_Mass", on_ct, "RTSTRUCT", geometry=fine),
        named("GTV_Node", ball(fine, (40.0, 0.0, 30.0), 10.0), "RTSTRUCT", geometry=fine),
    )
    assert dict(found.labelmap.labels) == {1: "L01", 2: "L02"}
    np.testing.assert_array_equal(found.labelmap.mask("L01"), ONE)
    assert found.notes[0] == "DRAWN_TWICE: gtv_mass as drawn on the pet is kept"


def test_without_pet_the_ct_grid_is_used() -> None:
    ct = Volume(np.zeros(GRID.shape, dtype=np.float32), GRID, "HU")
    found = ImportedOrgans().segment(SegmentationInputs(ct=ct, masks=(named("liver", ONE),)))
    assert found.grid == "ct"


def test_an_organ_outside_the_image_is_noted() -> None:
    far = GRID.cropped((0, 0, 0), (5, 5, 5))
    outside = named(
        "spleen",
        np.ones((5, 5, 5), dtype=bool),
        geometry=type(GRID)(far.shape, far.spacing, (5000.0, 0.0, 0.0)),
    )
    found = _organs(named("liver", ONE), outside)
    assert dict(found.labelmap.labels) == {1: "liver"}
    assert "OUTSIDE_IMAGE: spleen has no voxel on the pet grid" in found.notes


def test_names_with_unknown_words_are_counted_not_repeated() -> None:
    found = _lesions(named("GTV Miller", ONE, "RTSTRUCT"))
    assert any(note.startswith("NAME_REDUCED: 1 ") for note in found.notes)
    assert "iller" not in " ".join(found.notes)


@pytest.mark.parametrize(
    ("segmenter", "mask", "code"),
    [
        (ImportedOrgans(), named("GTV", ONE), "NO_ORGAN_MASKS"),
        (ImportedLesions(), named("liver", ONE), "NO_LESION_MASKS"),
    ],
)
def test_refusals(segmenter: ImportedOrgans | ImportedLesions, mask: NamedMask, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        segmenter.segment(SegmentationInputs(pet=PET, masks=(mask,)))
    assert refused.value.reason_code == code


def test_no_image_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        ImportedOrgans().segment(SegmentationInputs(masks=(named("liver", ONE),)))
    assert refused.value.reason_code == "NO_IMAGE"


# Classes of the whole-body organ masks, in their own words.
AUTOPET_CLASSES = {
    1: "spleen",
    2: "kidneys",
    3: "liver",
    4: "urinary bladder",
    5: "lungs",
    6: "brain",
    7: "heart",
    8: "stomach",
    9: "prostate",
    10: "head salivary glands",
}


def _psma_masks() -> list[Path]:
    return sorted((reference_data("autopet3_organ_masks") / "masks").glob("psma_*.nii.gz"))[:2]


@pytest.mark.reference
def test_real_whole_body_masks_pass_through_unchanged() -> None:
    paths = _psma_masks()
    assert len(paths) == 2
    for path in paths:
        real = read_labelmap(path)
        assert set(real.labels) <= set(AUTOPET_CLASSES)
        masks = tuple(
            NamedMask(AUTOPET_CLASSES[label], real.mask(label), real.geometry, "NIfTI")
            for label in real.labels
        )
        pet = Volume(np.zeros(real.geometry.shape, dtype=np.float32), real.geometry, "SUVbw")
        found = ImportedOrgans().segment(SegmentationInputs(pet=pet, masks=masks))
        names = {AUTOPET_CLASSES[label].replace(" ", "_") for label in real.labels}
        assert set(found.labelmap.labels.values()) == {name.removeprefix("head_") for name in names}
        assert found.notes == ()
        for label in real.labels:
            name = AUTOPET_CLASSES[label].replace(" ", "_").removeprefix("head_")
            np.testing.assert_array_equal(found.labelmap.mask(name), real.mask(label))
