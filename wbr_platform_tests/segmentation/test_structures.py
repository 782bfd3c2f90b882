"""What a structure of an export is, and that its name cannot carry an identity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbr_platform.imaging import Geometry
from wbr_platform.segmentation.structures import classify, safe_name
from wbr_platform_tests.segmentation.scenes import named

POINT = Geometry((1, 1, 1), (1.0, 1.0, 1.0))


def _classify(name: str, code: str | None = None) -> tuple[str, str]:
    mask = named(name, np.ones((1, 1, 1), dtype=bool), code=code, geometry=POINT)
    structure = classify(mask)
    return structure.kind, structure.name


@pytest.mark.parametrize(
    ("name", "kind", "kept"),
    [
        ("GTV_Mass", "lesion", "gtv_mass"),
        ("GTV-1", "lesion", "gtv_1"),
        ("GTVnd2", "lesion", "gtvnd2"),
        ("Lesion 3", "lesion", "lesion_3"),
        ("L01", "lesion", "l01"),
        ("FDG-avid tumour", "lesion", "fdg_avid_tumour"),
        ("Liver metastases", "lesion", "liver_metastases"),
        ("GTV_Edema", "other", "other_gtv_edema"),
        ("Oedema", "other", "other_oedema"),
        ("PTV60", "other", "other_ptv60"),
        ("BODY", "other", "other_body"),
        ("Lungs-GTV", "organ", "lungs"),
        ("liver minus tumour", "organ", "liver"),
        ("L1", "organ", "vertebrae_L1"),
        ("Liver", "organ", "liver"),
        ("Liver_Vessels", "organ", "liver_vessels"),
    ],
)
def test_kinds_by_name(name: str, kind: str, kept: str) -> None:
    assert _classify(name) == (kind, kept)


def test_codes_of_tumour() -> None:
    assert _classify("segment 1", "SCT:108369006")[0] == "lesion"
    assert _classify("segment 1", "SRT:M-80003")[0] == "lesion"
    # A name that says oedema outweighs the code of the whole object.
    assert _classify("Edema", "SCT:108369006")[0] == "other"
    # So does the name of an organ.
    assert _classify("Spleen", "SCT:108369006") == ("organ", "spleen")


def test_an_unknown_word_never_turns_a_structure_into_an_organ() -> None:
    assert _classify("Liver Miller") == ("organ", "structure_liver")
    assert _classify("Miller") == ("organ", "structure_unnamed")


@pytest.mark.parametrize(
    "name", ["GTV Miller", "Miller^Anna 19610203 GTV", "liver_4711234", "Müller GTV"]
)
def test_identifying_words_are_dropped(name: str) -> None:
    kept, reduced = safe_name(name)
    assert reduced
    assert not any(part in kept for part in ("miller", "anna", "1961", "4711", "ller"))


@given(
    st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=12), st.integers(100, 10**9)
)
def test_random_words_and_numbers_do_not_survive(word: str, number: int) -> None:
    kept, _ = safe_name(f"GTV {word} {number}")
    assert str(number) not in kept
    if word in kept:
        # Only words that could be met in any export are in the list.
        assert safe_name(word) == (word, False)
