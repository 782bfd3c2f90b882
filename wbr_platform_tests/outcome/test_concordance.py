"""Harrell's C from pairs, and the interval of a gain."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbr_platform.outcome.concordance import (
    bootstrap_gain,
    comparable_pairs,
    harrell_concordance,
    pair_counts,
)

PATIENT = st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 4))


@given(st.lists(PATIENT, min_size=1, max_size=12))
def test_counted_pair_by_pair(patients: list[tuple[int, bool, int]]) -> None:
    """The definition, one pair after the other."""
    right, comparable = 0.0, 0
    for (time, event, risk), (other_time, other_event, other_risk) in permutations(patients, 2):
        if event and (time < other_time or (time == other_time and not other_event)):
            comparable += 1
            right += 1.0 if risk > other_risk else 0.5 if risk == other_risk else 0.0
    ours = harrell_concordance(*(list(column) for column in zip(*patients, strict=True)))
    assert ours == (pytest.approx(right / comparable) if comparable else None)


def test_perfect_and_reversed_risks() -> None:
    times, events = [1, 2, 3, 4], [1, 1, 1, 0]
    assert harrell_concordance(times, events, [4, 3, 2, 1]) == 1
    assert harrell_concordance(times, events, [1, 2, 3, 4]) == 0
    assert harrell_concordance(times, events, [1, 1, 1, 1]) == 0.5


def test_all_censored_has_no_concordance() -> None:
    assert harrell_concordance([1, 2, 3], [0, 0, 0], [1, 2, 3]) is None


def test_gain_of_a_good_risk_over_noise() -> None:
    rng = np.random.default_rng(0)
    risk = rng.normal(size=150)
    times = rng.exponential(np.exp(-risk))
    comparable = comparable_pairs(times, np.ones(150))
    good, noise = pair_counts(comparable, risk), pair_counts(comparable, rng.normal(size=150))
    limits = bootstrap_gain(good, noise, resamples=200, seed=1)
    assert limits is not None
    assert 0.05 < limits[0] < limits[1] < 0.5
    assert bootstrap_gain(good, good, resamples=50, seed=1) == (0, 0)
    assert bootstrap_gain(good, noise, resamples=200, seed=1) == limits


def test_no_pairs_give_no_interval() -> None:
    nothing = pair_counts(comparable_pairs([1, 2], [0, 0]), [1, 2])
    assert bootstrap_gain(nothing, nothing, resamples=20, seed=0) is None
