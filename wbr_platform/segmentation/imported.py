"""Masks that came with the export, as a segmenter of organs and one of lesions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging import Geometry
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.components import (
    as_lesions,
    connected_components,
    region_statistics,
)
from wbr_platform.segmentation.painting import Painted, on_grid, paint
from wbr_platform.segmentation.segmenter import (
    Availability,
    Grid,
    Requirement,
    Segmentation,
    SegmentationInputs,
    Target,
)
from wbr_platform.segmentation.structures import Structure, classify
from wbr_platform.segmentation.vocabulary import is_organ, organs

NamedArray = tuple[str, NDArray[np.bool_]]


def working_grid(inputs: SegmentationInputs) -> tuple[Geometry, Grid]:
    """The grid on which regions are drawn: the PET's, else the CT's. Refusal NO_IMAGE."""
    if inputs.pet is not None:
        return inputs.pet.geometry, "pet"
    if inputs.ct is not None:
        return inputs.ct.geometry, "ct"
    raise Refusal("NO_IMAGE", "the study has neither PET nor CT", "export the images as well")


@dataclass(frozen=True)
class ImportedOrgans:
    """Organs as they came, under the names of the vocabulary, on one grid without overlaps."""

    name: str = "imported_organs"
    version: str = "1"
    target: Target = "organs"
    requires: tuple[Requirement, ...] = ("masks",)

    def available(self) -> Availability:
        """Always: it needs nothing but the export."""
        return Availability(True)

    def segment(self, inputs: SegmentationInputs) -> Segmentation:
        """All structures that are not lesions; Refusal NO_ORGAN_MASKS when there is none.

        Structures that are no organ (oedema) are kept under names that begin with "other_".
        """
        structures = [s for s in map(classify, inputs.masks) if s.kind != "lesion"]
        if not structures:
            raise Refusal(
                "NO_ORGAN_MASKS",
                "no organ mask came with the study",
                "export a SEG or RTSTRUCT of organs, or use another organ segmenter",
            )
        geometry, grid = working_grid(inputs)
        notes = _name_notes(structures)
        structures, twice = _drawn_once(structures, geometry)
        notes += [f"DRAWN_TWICE: {name} as drawn on the {grid} is kept" for name in twice]
        merged, lost = _merge(structures, geometry)
        notes += [f"OUTSIDE_IMAGE: {name} has no voxel on the {grid} grid" for name in lost]
        painted = _paint_organs_over_others(merged, geometry)
        notes += _overlap_notes(painted, geometry)
        return Segmentation(painted.labelmap, self.name, self.version, grid, tuple(notes))


@dataclass(frozen=True)
class ImportedLesions:
    """Tumour contours as they came.

    A mask of all lesions (a SEG or NIfTI structure without a number in its name) is split in
    26-connected components. A contour of RTSTRUCT and a numbered structure are one lesion each,
    also when in pieces. No minimum volume applies: they were drawn by a person.
    """

    name: str = "imported_lesions"
    version: str = "1"
    target: Target = "lesions"
    requires: tuple[Requirement, ...] = ("masks",)

    def available(self) -> Availability:
        """Always: it needs nothing but the export."""
        return Availability(True)

    def segment(self, inputs: SegmentationInputs) -> Segmentation:
        """All tumour structures; Refusal NO_LESION_MASKS when there is none.

        A tumour mask that is empty is a finding (no lesion) and gives an empty label map.
        """
        structures = [s for s in map(classify, inputs.masks) if s.kind == "lesion"]
        if not structures:
            raise Refusal(
                "NO_LESION_MASKS",
                "no tumour contour came with the study",
                "export the RTSTRUCT or SEG of the lesions, or use a threshold method",
            )
        geometry, grid = working_grid(inputs)
        notes = _name_notes(structures)
        structures, twice = _drawn_once(structures, geometry)
        notes += [f"DRAWN_TWICE: {name} as drawn on the {grid} is kept" for name in twice]
        structures = sorted(structures, key=lambda s: (s.name, s.mask.name))
        pieces: list[NamedArray] = []
        splits: list[bool] = []
        for structure in structures:
            pieces.append((structure.name, on_grid(structure.mask, geometry)))
            splits.append(structure.mask.source != "RTSTRUCT" and not structure.individual)
            if structure.mask.mask.any() and not pieces[-1][1].any():
                notes.append(f"OUTSIDE_IMAGE: {structure.name} has no voxel on the {grid} grid")
        painted = paint(pieces, geometry)
        notes += _overlap_notes(painted, geometry)
        array = _split(painted, splits)
        lesions = as_lesions(array, geometry).labelmap
        notes += _origin_notes(lesions.array, lesions.labels, painted)
        return Segmentation(lesions, self.name, self.version, grid, tuple(notes))


def _drawn_once(
    structures: Sequence[Structure], geometry: Geometry
) -> tuple[list[Structure], list[str]]:
    """Without structures that stand under the same name on the working grid, and their names.

    Contours of one tumour are often drawn on PET and on CT; resampled on top of each other they
    would leave a shell that looks like another lesion.
    """
    here = [s.mask.geometry.same_grid(geometry) for s in structures]
    drawn = {s.mask.name for s, on_it in zip(structures, here, strict=True) if on_it}
    kept, twice = [], []
    for structure, on_it in zip(structures, here, strict=True):
        if on_it or structure.mask.name not in drawn:
            kept.append(structure)
        else:
            twice.append(structure.name)
    return kept, sorted(twice)


def _merge(
    structures: Sequence[Structure], geometry: Geometry
) -> tuple[list[NamedArray], list[str]]:
    """One mask a name, in the vocabulary's order, and the names that have no voxel on the grid.

    Parts of one known organ are joined; unknown structures of the same safe name stay apart.
    """
    known: dict[str, NDArray[np.bool_]] = {}
    unknown: list[NamedArray] = []
    for structure in structures:
        mask = on_grid(structure.mask, geometry)
        if structure.name in organs():
            earlier = known.get(structure.name)
            known[structure.name] = mask if earlier is None else earlier | mask
        else:
            unknown.append((structure.name, mask))
    merged = [(name, known[name]) for name in organs() if name in known]
    used: dict[str, int] = {}
    for name, mask in sorted(unknown, key=lambda item: (item[0], int(item[1].sum()))):
        used[name] = used.get(name, 0) + 1
        merged.append((name if used[name] == 1 else f"{name}_{used[name]}", mask))
    lost = [name for name, mask in merged if not mask.any()]
    return [item for item in merged if item[0] not in lost], lost


def _paint_organs_over_others(masks: Sequence[NamedArray], geometry: Geometry) -> Painted:
    """Smaller organs win over larger ones, and every organ over whatever is no organ."""
    taken = np.zeros(geometry.shape, dtype=bool)
    for name, mask in masks:
        if is_organ(name):
            taken |= mask
    return paint(
        [(name, mask if is_organ(name) else mask & ~taken) for name, mask in masks], geometry
    )


def _split(painted: Painted, splits: Sequence[bool]) -> NDArray[np.uint32]:
    """Labels of lesions: masks of many lesions in their components, the others whole."""
    array = np.zeros(painted.labelmap.geometry.shape, dtype=np.uint32)
    used = 0
    for region in region_statistics(painted.labelmap.array):
        mask = painted.labelmap.array[region.box] == region.label
        labels = connected_components(mask) if splits[region.label - 1] else mask
        array[region.box][mask] = labels[mask] + used
        used += int(labels.max())
    return array


def _name_notes(structures: Sequence[Structure]) -> list[str]:
    reduced = sum(structure.reduced for structure in structures)
    return [f"NAME_REDUCED: {reduced} structure names held unknown words"] if reduced else []


def _overlap_notes(painted: Painted, geometry: Geometry) -> list[str]:
    voxel_ml = geometry.voxel_volume_ml
    return [
        f"OVERLAP: {count * voxel_ml:.2f} mL of {loser} given to {winner}, which is smaller"
        for (loser, winner), count in sorted(painted.overlaps.items())
    ]


def _origin_notes(
    lesions: NDArray[np.integer[Any]], labels: Mapping[int, str], painted: Painted
) -> list[str]:
    """Which structure each lesion came from."""
    notes = []
    for region in region_statistics(lesions):
        inside = lesions[region.box] == region.label
        source = int(painted.labelmap.array[region.box][inside][0])
        notes.append(f"ORIGIN: {labels[region.label]} from {painted.labelmap.labels[source]}")
    return notes
