"""Our features against PyRadiomics' on random regions, but for its documented deviations."""

from __future__ import annotations

import pytest

from wbr_platform.radiomics.peers.pyradiomics import (
    DEVIATIONS,
    available,
    extract_with_pyradiomics,
)
from wbr_platform.radiomics.policy import FixedBinSize, Policy
from wbr_platform.refusal import Refusal
from wbr_platform_tests.radiomics.helpers import blob, features, volume_of

WIDTH = 0.5


@pytest.mark.peer
@pytest.mark.parametrize("seed", range(4))
def test_features_agree_but_for_the_documented_deviations(seed: int) -> None:
    ok, reason = available()
    if not ok:
        pytest.skip(reason)
    image, mask = blob((10, 11, 12), seed, fill=0.75)
    image[mask] -= image[mask].min()  # so that both begin their bins at nought
    theirs = extract_with_pyradiomics(volume_of(image), mask, WIDTH)
    policy = Policy("peer", FixedBinSize(WIDTH, origin=0.0), minimum_texture_voxels=1)
    ours = features(image, mask, policy)
    assert len(theirs) > 90
    assert theirs["stat_kurt"] == pytest.approx(float(ours["stat_kurt"]) + 3)
    for name, value in theirs.items():
        if not name.startswith(tuple(DEVIATIONS)):
            assert ours[name] == pytest.approx(value, rel=1e-6), name


def test_a_missing_peer_is_named() -> None:
    ok, reason = available()
    if ok:
        assert reason == ""
        return
    image, mask = blob()
    with pytest.raises(Refusal, match="PEER_NOT_INSTALLED"):
        extract_with_pyradiomics(volume_of(image), mask, WIDTH)
