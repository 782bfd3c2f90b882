"""The organ vocabulary is consistent and understands the names that exports use."""

from __future__ import annotations

import json
import re

import pytest

from wbr_platform.segmentation.vocabulary import find_organ, organs, side_and_words
from wbr_platform_tests.reference_data import reference_data


def test_rows_are_consistent() -> None:
    for organ in organs().values():
        assert re.fullmatch(r"[a-z]+(_[a-zA-Z0-9]+)*", organ.name)
        assert organ.side in ("left", "right", "both", "")
        assert organ.physiological_uptake in ("removed", "guarded", "none")
        assert organ.snomed is None or re.fullmatch(r"SCT:\d{6,}", organ.snomed)
        if organ.merged is not None:
            merged = organs()[organ.merged]
            assert merged.physiological_uptake == organ.physiological_uptake


def test_both_sides_of_a_pair_agree() -> None:
    for organ in organs().values():
        if organ.side == "left":
            twin = organs().get(organ.name.replace("left", "right"))
            if twin is not None:
                assert (twin.merged, twin.physiological_uptake) == (
                    organ.merged,
                    organ.physiological_uptake,
                )


def test_every_name_and_synonym_finds_its_own_organ() -> None:
    for organ in organs().values():
        assert find_organ(organ.name) == organ.name
        side = organ.side if organ.side in ("left", "right") else ""
        for synonym in organ.synonyms:
            found = find_organ(f"{side} {synonym}")
            # A word may stand for two rows (thyroid, renal); it must never change side or policy.
            assert found is not None
            assert organs()[found].physiological_uptake == organ.physiological_uptake
            assert side in (organs()[found].side, "")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Left kidney", "kidney_left"),
        ("Kidney, right", "kidney_right"),
        ("KIDNEY_L", "kidney_left"),
        ("Lt Kidney", "kidney_left"),
        ("KidneyRight", "kidney_right"),
        ("Both kidneys", "kidneys"),
        ("Urinary bladder", "urinary_bladder"),
        ("BLADDER", "urinary_bladder"),
        ("Lung-Left", "lung_left"),
        ("Spinal-Cord", "spinal_cord"),
        ("Middle lobe of right lung", "lung_middle_lobe_right"),
        ("Upper lobe of left lung", "lung_upper_lobe_left"),
        ("L1 vertebra", "vertebrae_L1"),
        ("Th10", "vertebrae_T10"),
        ("third rib, left", "rib_left_3"),
        ("Small Intestine", "small_bowel"),
        ("Oesophagus", "esophagus"),
        ("head salivary glands", "salivary_glands"),
        ("Bone Marrow", "bone_marrow"),
        ("nonsense", None),
        ("L01", None),
    ],
)
def test_names_of_exports(given: str, expected: str | None) -> None:
    assert find_organ(given) == expected


def test_a_code_helps_where_the_name_does_not() -> None:
    assert find_organ("segment 3", "SCT:10200004") == "liver"
    assert find_organ("segment 4 left", "SCT:64033007") == "kidney_left"
    assert find_organ("segment 5", "SCT:64033007") == "kidneys"
    assert find_organ("Spleen", "SCT:10200004") == "spleen"
    assert find_organ("segment 6", "SCT:999999999") is None


def test_the_side_is_taken_out_of_a_name() -> None:
    assert side_and_words("Femoral head, Rt") == ("right", ("femoral", "head"))


@pytest.mark.reference
def test_all_class_names_of_totalsegmentator_are_known() -> None:
    statistics = reference_data("totalsegmentator_ct") / "statistics.json"
    names = list(json.loads(statistics.read_text()))
    assert len(names) == 117
    assert {name: find_organ(name) for name in names} == {name: name for name in names}
