"""The classical segmenter: organs and tissues of a CT, with the PET's help, without weights.

What it draws is what HU, place and uptake settle: lungs, airways, bone and marrow, muscle and fat,
the brain in its skull; with PET the hot bladder, kidneys and heart; and PERCIST's reference
regions (``other_liver_sphere``, ``other_blood_pool``). It does not know the outline of liver,
spleen, stomach or bowel, cannot tell contrast in large vessels from bone where they touch, takes
hot tumours in the place of an organ for that organ, and draws by rules meant for supine adults.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbr_platform.imaging import LabelMap, Volume
from wbr_platform.imaging.morphology import BoolArray
from wbr_platform.refusal import Refusal
from wbr_platform.segmentation.classical.air import LUNG_BELOW_HU, Chest, find_body, find_chest
from wbr_platform.segmentation.classical.bones import BONE_GROW_HU, Bones, find_bones
from wbr_platform.segmentation.classical.hot_organs import WINDOWS, find_hot_organs
from wbr_platform.segmentation.classical.references import (
    HU_TO_DENSITY,
    blood_reference,
    liver_reference,
)
from wbr_platform.segmentation.classical.tissues import (
    FAT_HU,
    MUSCLE_HU,
    Tissues,
    find_tissues,
)
from wbr_platform.segmentation.classical.working import WorkingScan
from wbr_platform.segmentation.reference_regions import (
    BLOOD_POOL_REGION,
    LIVER_SPHERE_REGION,
    ReferenceRegion,
)
from wbr_platform.segmentation.segmenter import (
    Availability,
    Requirement,
    Segmentation,
    SegmentationInputs,
    Target,
)

BODY_REST = "other_body"
NAMES = (
    BODY_REST,
    "skeletal_muscle",
    "subcutaneous_fat",
    "torso_fat",
    "lung_left",
    "lung_right",
    "trachea",
    "skeleton",
    "bone_marrow",
    "brain",
    "heart",
    "kidney_left",
    "kidney_right",
    "urinary_bladder",
    LIVER_SPHERE_REGION,
    BLOOD_POOL_REGION,
)
LEAST_BODY_ML = 500.0


@dataclass(frozen=True)
class Anatomy:
    """What was found on the working grid."""

    scan: WorkingScan
    body: BoolArray
    chest: Chest
    bones: Bones
    tissues: Tissues
    hot: dict[str, BoolArray]
    references: dict[str, ReferenceRegion]


@dataclass(frozen=True)
class Classical:
    """Organs and tissues by rules; needs a CT, uses a PET."""

    name: str = "classical"
    version: str = "1"
    target: Target = "organs"
    requires: tuple[Requirement, ...] = ("ct",)

    def available(self) -> Availability:
        """Always."""
        return Availability(True)

    def segment(self, inputs: SegmentationInputs) -> Segmentation:
        """Draw on the CT's grid; Refusal NO_CT, CT_NOT_HU, NO_BODY."""
        if inputs.ct is None:
            raise Refusal("NO_CT", "the study has no CT", "export the CT as well")
        if inputs.ct.unit != "HU":
            raise Refusal("CT_NOT_HU", f"the CT is in {inputs.ct.unit}", "give it in HU")
        pet = inputs.pet if inputs.pet is not None and inputs.pet.unit == "SUVbw" else None
        anatomy = find_anatomy(inputs.ct, pet)
        array = paint_anatomy(anatomy, inputs.ct)
        present = np.bincount(array.ravel(), minlength=len(NAMES) + 1)[1:] > 0
        labels = {i: n for i, (n, here) in enumerate(zip(NAMES, present, strict=True), 1) if here}
        labelmap = LabelMap(array, inputs.ct.geometry, labels)
        notes = tuple(_notes(anatomy, set(labels.values())))
        return Segmentation(labelmap, self.name, self.version, "ct", notes)


def find_anatomy(ct: Volume, pet: Volume | None) -> Anatomy:
    """Everything on a grid of some 3 mm; Refusal NO_BODY."""
    scan = WorkingScan.of(ct, pet)
    body = find_body(scan)
    if np.count_nonzero(body) * scan.voxel_ml < LEAST_BODY_ML:
        raise Refusal("NO_BODY", "no body is seen on the CT", "check that the CT is in HU")
    chest = find_chest(scan, body)
    bones = find_bones(scan, body, chest.lungs)
    tissues = find_tissues(scan, body, chest, bones)
    taken = chest.lungs | chest.airways | bones.brain
    hot = find_hot_organs(scan, body, chest, taken)
    found = (liver_reference(scan, body, chest), blood_reference(scan, body, chest, bones))
    named = zip((LIVER_SPHERE_REGION, BLOOD_POOL_REGION), found, strict=True)
    references = {name: region for name, region in named if region is not None}
    return Anatomy(scan, body, chest, bones, tissues, hot, references)


def paint_anatomy(anatomy: Anatomy, ct: Volume) -> NDArray[np.uint8]:
    """Labels (z, y, x) on the CT's grid; the CT's own HU settles borders."""
    scan, turn = anatomy.scan, anatomy.scan.turn
    hu = turn.turned(ct.array)
    array = np.zeros(hu.shape, dtype=np.uint8)
    number = {name: i for i, name in enumerate(NAMES, 1)}
    array[scan.fine(anatomy.body)] = number[BODY_REST]
    muscle = (hu >= MUSCLE_HU[0]) & (hu <= MUSCLE_HU[1])
    fat = (hu >= FAT_HU[0]) & (hu <= FAT_HU[1])
    array[scan.fine(anatomy.tissues.muscle) & muscle] = number["skeletal_muscle"]
    array[scan.fine(anatomy.tissues.subcutaneous) & fat] = number["subcutaneous_fat"]
    array[scan.fine(anatomy.tissues.inner) & fat] = number["torso_fat"]
    step = max(scan.spacing)
    dark, dense = hu < LUNG_BELOW_HU, hu >= BONE_GROW_HU
    for name, mask in (("lung_left", anatomy.chest.left), ("lung_right", anatomy.chest.right)):
        array[_sharpened(scan, mask & anatomy.body, dark, step)] = number[name]
    array[scan.fine(anatomy.chest.airways)] = number["trachea"]
    array[_sharpened(scan, anatomy.bones.whole, dense, step)] = number["skeleton"]
    array[scan.fine(anatomy.bones.marrow)] = number["bone_marrow"]
    array[scan.fine(anatomy.bones.brain) & ~dense] = number["brain"]
    for name, mask in anatomy.hot.items():
        array[scan.fine(mask)] = number[name]
    for name, region in anatomy.references.items():
        array[scan.fine(region.whole(scan.geometry))] = number[name]
    return np.ascontiguousarray(turn.back(array))


def _sharpened(
    scan: WorkingScan, mask: BoolArray, fits: BoolArray, step_mm: float
) -> NDArray[np.bool_]:
    """A coarse mask whose outermost layer, and the layer around it, the CT's own voxels settle."""
    core = scan.fine(scan.shrunk(mask, step_mm))
    return np.asarray(core | (scan.fine(scan.grown(mask, step_mm)) & fits))


def _notes(anatomy: Anatomy, names: set[str]) -> Iterator[str]:
    yield (
        "CLASSICAL_LIMITS: outlines of liver, spleen, stomach, bowel and vessels are not known; "
        "muscle and inner fat are told from viscera by place only; contrast may count as bone"
    )
    if anatomy.scan.suv is None:
        yield "NO_PET: bladder, kidneys and heart are found by their uptake only"
    missing = [n for n in (*WINDOWS, "brain") if n not in names]
    if missing and anatomy.scan.suv is not None:
        yield f"NOT_FOUND: {', '.join(sorted(missing))}"
    if anatomy.hot:
        found = ", ".join(sorted(anatomy.hot))
        yield f"BY_UPTAKE: {found} are hot components of the organ's place and size; review them"
    if anatomy.chest.lungs.any() and not anatomy.chest.split:
        yield "LUNGS_NOT_SPLIT: only one lung, or no border between the lungs, was found"
    for name, region in sorted(anatomy.references.items()):
        x, y, z = region.centre
        unit = "SUVbw" if anatomy.scan.suv is not None else "HU"
        mean = region.mean - (0.0 if anatomy.scan.suv is not None else HU_TO_DENSITY)
        yield (
            f"REFERENCE_REGION: {name} of mean {mean:.2f} and SD {region.sd:.2f} {unit} at "
            f"({x:.0f}, {y:.0f}, {z:.0f}) mm"
        )


CLASSICAL = Classical()
