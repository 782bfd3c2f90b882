"""Every segmenter by its name; a new algorithm becomes known by one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.classical.segmenter import CLASSICAL
from wbr_platform.segmentation.fused import SIMPLE, STAPLE
from wbr_platform.segmentation.imported import ImportedLesions, ImportedOrgans
from wbr_platform.segmentation.isocontours import A50P, NESTLE, PERCENT_41, PERCENT_50
from wbr_platform.segmentation.percist import PERCIST
from wbr_platform.segmentation.segmenter import Segmenter, Target
from wbr_platform.segmentation.thresholds import SUV_2_5, SUV_4_0
from wbr_platform.segmentation.votes import LESION_ADAPTIVE, MV2, MV3

_ALL: tuple[Segmenter, ...] = (
    ImportedOrgans(),
    CLASSICAL,
    ImportedLesions(),
    SUV_2_5,
    SUV_4_0,
    PERCENT_41,
    PERCENT_50,
    A50P,
    NESTLE,
    PERCIST,
    MV2,
    MV3,
    LESION_ADAPTIVE,
    STAPLE,
    SIMPLE,
)

SEGMENTERS: Mapping[str, Segmenter] = MappingProxyType({s.name: s for s in _ALL})


def segmenter(name: str) -> Segmenter:
    """A segmenter by name; Refusal UNKNOWN_SEGMENTER."""
    try:
        return SEGMENTERS[name]
    except KeyError:
        raise Refusal(
            "UNKNOWN_SEGMENTER",
            f"there is no segmenter {name!r}",
            f"use one of {', '.join(SEGMENTERS)}",
        ) from None


def segmenters_of(target: Target) -> tuple[Segmenter, ...]:
    """All segmenters of organs, or all of lesions, in the catalogue's order."""
    return tuple(s for s in SEGMENTERS.values() if s.target == target)
