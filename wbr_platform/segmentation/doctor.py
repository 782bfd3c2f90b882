"""Which segmenters can run on this machine, and why the others cannot."""

from __future__ import annotations

from typing import NamedTuple

from wbr_platform.segmentation.catalogue import SEGMENTERS
from wbr_platform.segmentation.segmenter import Target


class SegmenterState(NamedTuple):
    """One row: name, target, whether it can run, and the reason when it cannot."""

    name: str
    target: Target
    ok: bool
    reason: str


def availability_of_all() -> list[SegmenterState]:
    """The state of every segmenter in the catalogue, in its order."""
    states = []
    for name, segmenter in SEGMENTERS.items():
        availability = segmenter.available()
        states.append(SegmenterState(name, segmenter.target, availability.ok, availability.reason))
    return states
