"""Muscle and fat, under the skin and inside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wbr_platform.imaging.morphology import BoolArray
from wbr_platform.segmentation.classical.air import Chest
from wbr_platform.segmentation.classical.bones import Bones
from wbr_platform.segmentation.classical.working import WorkingScan, filled_planes

FAT_HU = (-190.0, -30.0)
MUSCLE_HU = (-29.0, 150.0)
SKIN_MM = 7.0
SEPTA_MM = 3.1  # lean strands thinner than twice this do not wall anything in
# Gaps of muscle and bone up to twice this wide do not open the inside of the body to the skin.
WALL_GAP_MM = 14.0
# Muscle of the wall of the trunk lies within this distance of its outside, or of a bone.
WALL_MM = 12.0
BESIDE_BONE_MM = 14.0


@dataclass(frozen=True)
class Tissues:
    """Where muscle, subcutaneous and inner fat may be; their HU decides at full resolution."""

    muscle: BoolArray
    subcutaneous: BoolArray
    inner: BoolArray


def find_tissues(scan: WorkingScan, body: BoolArray, chest: Chest, bones: Bones) -> Tissues:
    """The inside of the body is what lean tissue, bone and lung wall in."""
    lean = body & (scan.hu > MUSCLE_HU[0]) & scan.shrunk(body, SKIN_MM)
    lean = scan.opened(lean, SEPTA_MM)
    inside = filled_planes(scan.closed(lean | chest.lungs | bones.whole, WALL_GAP_MM)) & body
    depth_wall = inside & ~scan.shrunk(inside, WALL_MM)
    trunk = _trunk_planes(scan, body, chest)
    near_bone = scan.grown(bones.whole, BESIDE_BONE_MM)
    cavity = inside & ~depth_wall & ~near_bone & trunk[:, None, None]
    taken = chest.lungs | chest.airways | bones.whole | bones.brain
    return Tissues(inside & ~cavity & ~taken, body & ~inside, inside & ~taken)


def _trunk_planes(scan: WorkingScan, body: BoolArray, chest: Chest) -> BoolArray:
    """Planes of chest and abdomen: from the lungs' top to 30 cm below their base."""
    planes = np.zeros(body.shape[0], dtype=bool)
    heights = np.flatnonzero(chest.lungs.any(axis=(1, 2)))
    if heights.size:
        below = int(300.0 / scan.spacing[0])
        planes[max(0, int(heights[0]) - below) : int(heights[-1]) + 1] = True
    else:
        planes[:] = True
    return planes
