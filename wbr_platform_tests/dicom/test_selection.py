"""Rules of choice, one at a time."""

from __future__ import annotations

from dataclasses import replace

from wbr_platform.dicom.selection import SeriesSummary, axial_coverage, select_series
from wbr_platform.refusal import Refusal

PET = SeriesSummary(
    "pet",
    "PT",
    "1.2.840.10008.5.1.4.1.1.128",
    200,
    image_type=("ORIGINAL", "PRIMARY"),
    corrected_image=("DECY", "ATTN"),
    frame_of_reference="frame",
    box_low=(-300.0, -300.0, 0.0),
    box_high=(300.0, 300.0, 1000.0),
    sop_instance_uids=frozenset({"pet.1", "pet.2"}),
)
CT = replace(
    PET,
    series_instance_uid="ct",
    modality="CT",
    sop_class="1.2.840.10008.5.1.4.1.1.2",
    image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
    corrected_image=(),
    sop_instance_uids=frozenset({"ct.1"}),
)
SEG = SeriesSummary(
    "seg", "SEG", "1.2.840.10008.5.1.4.1.1.66.4", 1, referenced_series=frozenset({"pet"})
)
BAD = Refusal("GEOMETRY_TILT", "tilted")


def _codes(*series: SeriesSummary) -> dict[str, str]:
    choices = select_series(series).choices
    return {uid: choice.reason_code for uid, choice in choices.items()}


def test_pet_ct_and_masks() -> None:
    selection = select_series([SEG, CT, PET])
    assert (selection.pet, selection.ct) == ("pet", "ct")
    assert selection.masks == (("seg", "pet"),)
    assert selection.refusal is None
    assert {uid: choice.role for uid, choice in selection.choices.items()} == {
        "pet": "pet",
        "ct": "ct",
        "seg": "masks",
    }


def test_pet_without_attenuation_correction_is_not_chosen() -> None:
    uncorrected = replace(PET, series_instance_uid="nac", corrected_image=("DECY",), images=400)
    named = replace(PET, series_instance_uid="named", description="WB NAC 3min", images=500)
    assert _codes(uncorrected, named, PET) == {
        "nac": "PET_NOT_ATTENUATION_CORRECTED",
        "named": "PET_NOT_ATTENUATION_CORRECTED",
        "pet": "PET_CHOSEN",
    }
    refusal = select_series([uncorrected, CT]).refusal
    assert refusal is not None
    assert refusal.reason_code == "PET_NOT_ATTENUATION_CORRECTED"


def test_words_that_only_look_like_not_corrected() -> None:
    for words in ("WB AC", "Snack", "Pinnacle", "PET nachher"):
        assert _codes(replace(PET, description=words)) == {"pet": "PET_CHOSEN"}


def test_original_then_longest_then_most_slices() -> None:
    derived = replace(PET, series_instance_uid="derived", image_type=("DERIVED", "SECONDARY"))
    short = replace(PET, series_instance_uid="short", box_high=(300.0, 300.0, 300.0))
    thick = replace(PET, series_instance_uid="thick", images=100)
    projection = replace(PET, series_instance_uid="mip", image_type=("DERIVED", "SECONDARY", "MIP"))
    codes = _codes(derived, short, thick, projection, PET)
    assert codes.pop("pet") == "PET_CHOSEN"
    assert codes.pop("mip") == "PET_PROJECTION"
    assert set(codes.values()) == {"PET_LESS_SUITABLE"}
    assert select_series([derived]).pet == "derived"


def test_equal_pets_are_told() -> None:
    twin = replace(PET, series_instance_uid="twin", series_number=1)
    assert _codes(PET, twin) == {"pet": "PET_CHOSEN_AMONG_SEVERAL", "twin": "PET_LESS_SUITABLE"}


def test_pet_that_cannot_become_suv_gives_way_or_refuses_the_study() -> None:
    no_weight = replace(
        PET, series_instance_uid="bad", refusal=Refusal("SUV_NO_WEIGHT", "no weight", "ask")
    )
    assert _codes(no_weight, PET) == {"bad": "SUV_NO_WEIGHT", "pet": "PET_CHOSEN"}
    uncorrected = replace(PET, series_instance_uid="nac", corrected_image=())
    selection = select_series([no_weight, uncorrected, CT])
    assert selection.pet is None
    assert selection.refusal is not None
    assert (selection.refusal.reason_code, selection.refusal.action) == ("SUV_NO_WEIGHT", "ask")


def test_ct_must_belong_to_the_pet() -> None:
    elsewhere = replace(CT, series_instance_uid="other", frame_of_reference="other")
    nowhere = replace(CT, series_instance_uid="none", frame_of_reference="")
    scout = replace(
        CT, series_instance_uid="scout", image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")
    )
    coronal = replace(CT, series_instance_uid="mpr", image_type=("DERIVED", "SECONDARY", "MPR"))
    head = replace(CT, series_instance_uid="head", box_low=(-100.0, -100.0, 800.0))
    tilted = replace(CT, series_instance_uid="tilted", refusal=BAD)
    assert _codes(elsewhere, nowhere, scout, coronal, head, tilted, PET) == {
        "other": "CT_OTHER_FRAME_OF_REFERENCE",
        "none": "CT_OTHER_FRAME_OF_REFERENCE",
        "scout": "CT_LOCALIZER",
        "mpr": "CT_PROJECTION",
        "head": "CT_COVERAGE_TOO_SMALL",
        "tilted": "GEOMETRY_TILT",
        "pet": "PET_CHOSEN",
    }


def test_ct_that_covers_most_is_chosen() -> None:
    chest = replace(CT, series_instance_uid="chest", box_low=(-250.0, -250.0, 400.0), images=900)
    assert _codes(PET, chest, CT)["chest"] == "CT_LESS_SUITABLE"
    assert axial_coverage(PET, chest) == 0.6
    assert _codes(PET, chest)["chest"] == "CT_CHOSEN"


def test_study_of_ct_alone_and_of_nothing() -> None:
    assert _codes(CT) == {"ct": "CT_CHOSEN_WITHOUT_PET"}
    refusal = select_series([replace(CT, refusal=BAD)]).refusal
    assert refusal is not None
    assert refusal.reason_code == "GEOMETRY_TILT"
    report = SeriesSummary("sr", "SR", "1.2.840.10008.5.1.4.1.1.88.11", 1)
    selection = select_series([report])
    assert selection.choices["sr"].reason_code == "MODALITY_UNUSED"
    assert selection.refusal is not None
    assert selection.refusal.reason_code == "STUDY_WITHOUT_IMAGES"


def test_masks_follow_what_they_refer_to() -> None:
    by_image = replace(
        SEG,
        series_instance_uid="image",
        referenced_series=frozenset(),
        referenced_instances=frozenset({"ct.1"}),
    )
    by_frame = replace(
        SEG,
        series_instance_uid="frame",
        referenced_series=frozenset({"gone"}),
        referenced_frames=frozenset({"frame"}),
    )
    stranger = replace(SEG, series_instance_uid="other", referenced_series=frozenset({"gone"}))
    unreadable = replace(SEG, series_instance_uid="bad", refusal=BAD)
    selection = select_series([PET, CT, SEG, by_image, by_frame, stranger, unreadable])
    assert dict(selection.masks) == {"seg": "pet", "image": "ct", "frame": "pet"}
    assert selection.choices["other"].reason_code == "MASKS_OF_OTHER_IMAGE"
    assert selection.choices["bad"].reason_code == "GEOMETRY_TILT"
