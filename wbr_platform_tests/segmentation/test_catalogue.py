"""The catalogue of segmenters and what it says about itself."""

from __future__ import annotations

import pytest

from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.catalogue import SEGMENTERS, segmenter, segmenters_of
from wbr_platform.segmentation.doctor import availability_of_all
from wbr_platform.segmentation.segmenter import Segmenter


def test_names_and_targets() -> None:
    targets = {name: one.target for name, one in SEGMENTERS.items()}
    assert targets == {
        "imported_organs": "organs",
        "classical": "organs",
        "imported_lesions": "lesions",
        "suv_2.5": "lesions",
        "suv_4.0": "lesions",
        "percent_41": "lesions",
        "percent_50": "lesions",
        "a50p": "lesions",
        "nestle": "lesions",
        "percist": "lesions",
        "mv2": "lesions",
        "mv3": "lesions",
        "lesion_adaptive": "lesions",
        "staple": "lesions",
        "simple": "lesions",
    }
    assert all(isinstance(one, Segmenter) for one in SEGMENTERS.values())
    assert all(name == one.name and one.version for name, one in SEGMENTERS.items())
    assert [one.name for one in segmenters_of("organs")] == ["imported_organs", "classical"]


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        segmenter("magic")
    assert refused.value.reason_code == "UNKNOWN_SEGMENTER"
    assert segmenter("suv_4.0") is SEGMENTERS["suv_4.0"]


def test_everything_built_in_can_run() -> None:
    states = availability_of_all()
    assert [state.name for state in states] == list(SEGMENTERS)
    assert all(state.ok and state.reason == "" for state in states)
