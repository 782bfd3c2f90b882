"""Wanted studies become few runs over consecutive partitions."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from wbr_platform.orchestration.partitions import contiguous_batches

KNOWN = [f"s{number:03d}" for number in range(120)]


@given(st.sets(st.sampled_from(KNOWN)), st.integers(1, 60), st.integers(0, 20))
def test_every_wanted_study_is_in_exactly_one_batch(
    wanted: set[str], most: int, widest_gap: int
) -> None:
    batches = contiguous_batches(KNOWN, wanted, most, widest_gap)
    assert [key for batch in batches for key in batch] == sorted(wanted)
    assert all(1 <= len(batch) <= most for batch in batches)
    for batch in batches:
        positions = [KNOWN.index(key) for key in batch]
        gaps = [b - a - 1 for a, b in pairwise(positions)]
        assert all(gap <= widest_gap for gap in gaps)


def test_two_hundred_new_studies_are_four_runs_of_fifty() -> None:
    known = [f"s{number:03d}" for number in range(200)]
    assert [len(batch) for batch in contiguous_batches(known, known, 50)] == [50, 50, 50, 50]
