"""Consensus of several methods, its uncertainty, and the spread of TMTV."""

from __future__ import annotations

import numpy as np
import pytest

from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.burden_spread import tmtv_spread
from wbr_platform.segmentation.catalogue import SEGMENTERS
from wbr_platform.segmentation.consensus import FUSIONS, fuse, fuse_masks
from wbr_platform.segmentation.segmenter import SegmentationInputs
from wbr_platform_tests.segmentation.scenes import GRID, ball, label_map, pet_with

CENTRE = (0.0, 0.0, 0.0)
TRUTH = ball(GRID, CENTRE, 24.0)


def _raters(seed: int = 0) -> dict[str, np.ndarray]:
    """Four raters who each miss and add voxels at random, and one who sees something else."""
    random = np.random.default_rng(seed)
    near = ball(GRID, CENTRE, 34.0)
    raters = {}
    for number, (miss, add) in enumerate(((0.05, 0.05), (0.1, 0.05), (0.15, 0.1), (0.1, 0.15))):
        noise = random.random(GRID.shape)
        raters[f"r{number}"] = np.where(TRUTH, noise > miss, near & (noise < add))
    raters["wrong"] = ball(GRID, (30.0, 10.0, 10.0), 24.0)
    return raters


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2.0 * float((a & b).sum()) / float(a.sum() + b.sum())


@pytest.mark.parametrize("method", FUSIONS)
def test_a_consensus_beats_its_raters(method: str) -> None:
    raters = _raters()
    consensus = fuse_masks(raters, GRID, method)
    assert _dice(consensus.mask, TRUTH) > max(_dice(mask, TRUTH) for mask in raters.values())
    assert set(consensus.weights) == set(raters)


def test_simple_leaves_the_wrong_rater_out() -> None:
    weights = fuse_masks(_raters(), GRID, "simple").weights
    assert weights["wrong"] == 0.0
    assert all(weights[f"r{i}"] > 0.8 for i in range(4))


def test_staple_finds_the_sensitivities() -> None:
    raters = _raters()
    assert fuse_masks(raters, GRID, "staple").weights["wrong"] < 0.5
    del raters["wrong"]
    weights = fuse_masks(raters, GRID, "staple").weights
    for name, expected in (("r0", 0.95), ("r1", 0.90), ("r2", 0.85), ("r3", 0.90)):
        assert weights[name] == pytest.approx(expected, abs=0.04)


def test_majority_is_the_share_of_votes() -> None:
    raters = _raters()
    consensus = fuse_masks(raters, GRID, "majority")
    votes = np.sum(list(raters.values()), axis=0)
    np.testing.assert_allclose(consensus.probability.array, votes / 5, rtol=1e-6)
    entropy = consensus.uncertainty.array
    assert (entropy[(votes == 0) | (votes == 5)] == 0).all()
    p = 2 / 5
    np.testing.assert_allclose(
        entropy[votes == 2], -(p * np.log2(p) + (1 - p) * np.log2(1 - p)), rtol=1e-5
    )


@pytest.mark.parametrize("method", FUSIONS)
def test_agreement_and_emptiness_stay(method: str) -> None:
    same = fuse_masks({"a": TRUTH, "b": TRUTH, "c": TRUTH}, GRID, method)
    np.testing.assert_array_equal(same.mask, TRUTH)
    nothing = np.zeros(GRID.shape, dtype=bool)
    empty = fuse_masks({"a": nothing, "b": nothing}, GRID, method)
    assert not empty.mask.any()
    assert not empty.uncertainty.array.any()
    assert empty.lesions().labels == {}


def test_refusals() -> None:
    for masks, method, code in (
        ({"a": TRUTH}, "majority", "NO_SECOND_ALGORITHM"),
        ({"a": TRUTH, "b": TRUTH}, "vote", "UNKNOWN_CONSENSUS"),
    ):
        with pytest.raises(Refusal) as refused:
            fuse_masks(masks, GRID, method)
        assert refused.value.reason_code == code


def test_maps_on_other_grids_are_brought_to_one() -> None:
    fine = GRID.with_spacing((1.5, 2.0, 2.0))
    maps = {
        "a": label_map({"L01": TRUTH}),
        "b": label_map({"L01": ball(fine, CENTRE, 24.0)}, fine),
    }
    consensus = fuse(maps, GRID, "majority")
    assert consensus.probability.geometry == GRID
    assert _dice(consensus.mask, TRUTH) > 0.95


@pytest.mark.parametrize("name", ["staple", "simple"])
def test_as_a_segmenter_of_thresholds(name: str) -> None:
    pet = pet_with([(TRUTH, 9.0)])
    found = SEGMENTERS[name].segment(SegmentationInputs(pet=pet))
    np.testing.assert_array_equal(found.labelmap.array > 0, TRUTH)
    assert any(note.startswith("CONSENSUS_WEIGHTS: percent_41 ") for note in found.notes)


def test_spread_of_tmtv() -> None:
    small, large = ball(GRID, CENTRE, 12.0), ball(GRID, CENTRE, 24.0)
    maps = {"a": label_map({"L01": small}), "b": label_map({"L01": large})}
    values = {row["measure"]: row for row in tmtv_spread(maps).iter_rows(named=True)}
    volumes = np.array([small.sum(), large.sum()]) * GRID.voxel_volume_ml
    assert values["tmtv_methods"]["value"] == 2
    assert values["tmtv_median_ml"]["value"] == pytest.approx(volumes.mean())
    assert values["tmtv_cv"]["value"] == pytest.approx(volumes.std(ddof=1) / volumes.mean())
    assert values["tmtv_ratio"]["value"] == pytest.approx(volumes[1] / volumes[0])


def test_spread_without_tumour_or_methods_says_why() -> None:
    def reasons(maps: dict) -> dict:
        return {row["measure"]: row["reason"] for row in tmtv_spread(maps).iter_rows(named=True)}

    empty = label_map({})
    assert reasons({})["tmtv_median_ml"] == "NO_ALGORITHM"
    assert reasons({"a": empty})["tmtv_cv"] == "ONE_ALGORITHM"
    assert reasons({"a": empty, "b": empty})["tmtv_cv"] == "NO_TUMOUR"
    assert reasons({"a": empty, "b": label_map({"L01": TRUTH})})["tmtv_ratio"] == "NO_TUMOUR"
