"""Where 117 organs lie: skeletons in mm from the corner of the field of view, axes (z, y, x).

Schematic: what matters for a benchmark is how many regions there are, how large they are and how
they are spread. Volumes (mL), uptake (SUV) and density (HU) are those of an adult.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
_MIDDLE = 250.0


@dataclass(frozen=True)
class Organ:
    """A structure and the points (n, 3) round which it grows."""

    name: str
    skeleton: Points
    millilitres: float
    suv: float
    hu: float


def _line(*corners: tuple[float, float, float]) -> Points:
    """Points every 2 mm along a line through corners (z, y, x)."""
    parts = []
    for start, end in pairwise(corners):
        steps = max(int(np.linalg.norm(np.subtract(end, start)) / 2), 1)
        parts.append(np.linspace(start, end, steps + 1))
    return np.concatenate(parts) if parts else np.array(corners, dtype=np.float64)


def _shell(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Points:
    """Points on an ellipsoid, about 4 mm apart."""
    number = int(4 * np.pi * float(np.mean(radii)) ** 2 / 16)
    k = np.arange(number) + 0.5
    polar, turn = np.arccos(1 - 2 * k / number), np.pi * (1 + 5**0.5) * k
    unit = np.stack(
        [np.cos(polar), np.sin(polar) * np.sin(turn), np.sin(polar) * np.cos(turn)], axis=1
    )
    return np.asarray(unit * radii + centre)


def _spine() -> Iterator[Organ]:
    heights = {"L": (5, 340.0, 35.0, 62.0), "T": (12, 515.0, 22.0, 32.0), "C": (7, 780.0, 17.0, 13)}
    for part, (number, lowest, step, volume) in heights.items():
        for k in range(number):
            z = lowest + k * step
            body = _line((z, 300.0, _MIDDLE), (z, 345.0, _MIDDLE))
            yield Organ(f"vertebrae_{part}{number - k}", body, volume, 1.8, 235)
    yield Organ("vertebrae_S1", _line((312, 300, 250), (305, 330, 250)), 40, 1.6, 220)
    yield Organ("sacrum", _line((300, 330, 250), (235, 345, 250)), 210, 1.5, 210)
    yield Organ("spinal_cord", _line((900, 355, 250), (500, 355, 250)), 60, 1.7, 40)


def _thorax(side: str, sign: int) -> Iterator[Organ]:
    for k in range(1, 13):
        wide = 75 + 9 * min(k, 7) - (0 if k < 9 else 6 * (k - 8))
        turn = np.linspace(0.2, 2.5 if k < 11 else 1.4, 45)
        z = 762 - 22 * (k - 1) - 24 * turn
        arc = np.stack([z, 265 + 80 * np.cos(turn), _MIDDLE + sign * wide * np.sin(turn)], axis=1)
        yield Organ(
            f"rib_{side}_{k}", arc, (5, 8, 10, 11, 12, 13, 13, 13, 12, 10, 7, 4)[k - 1], 1, 280
        )

    def x(lateral: float) -> float:
        return _MIDDLE + sign * lateral

    yield Organ(f"clavicula_{side}", _line((752, 190, x(25)), (778, 235, x(150))), 30, 1.0, 380)
    yield Organ(f"scapula_{side}", _line((640, 330, x(120)), (760, 325, x(140))), 95, 1.0, 330)
    yield Organ(f"humerus_{side}", _line((752, 270, x(185)), (640, 275, x(196))), 160, 0.9, 420)
    yield Organ(
        f"lung_upper_lobe_{side}", _line((740, 250, x(70)), (650, 220, x(85))), 1000, 0.5, -840
    )
    yield Organ(
        f"lung_lower_lobe_{side}", _line((620, 300, x(75)), (545, 310, x(90))), 990, 0.6, -800
    )
    yield Organ(
        f"subclavian_artery_{side}", _line((735, 240, x(20)), (765, 240, x(90))), 12, 1.6, 160
    )
    yield Organ(
        f"common_carotid_artery_{side}", _line((735, 240, x(24)), (860, 250, x(30))), 9, 1.6, 160
    )
    yield Organ(
        f"brachiocephalic_vein_{side}", _line((700, 215, x(8)), (745, 220, x(40))), 12, 1.6, 130
    )


def _pelvis(side: str, sign: int) -> Iterator[Organ]:
    def x(lateral: float) -> float:
        return _MIDDLE + sign * lateral

    hip = np.concatenate(
        [_line((380, 320, x(110)), (270, 300, x(75))), _line((270, 300, x(75)), (225, 220, x(20)))]
    )
    yield Organ(f"hip_{side}", hip, 360, 1.1, 330)
    yield Organ(
        f"femur_{side}",
        _line((238, 265, x(92)), (205, 265, x(125)), (4, 255, x(110))),
        300,
        0.9,
        480,
    )
    yield Organ(f"iliac_artery_{side}", _line((350, 275, x(5)), (255, 250, x(60))), 26, 1.6, 160)
    yield Organ(f"iliac_vena_{side}", _line((345, 290, x(12)), (250, 262, x(68))), 36, 1.6, 120)
    yield Organ(f"kidney_{side}", _line((480, 295, x(62)), (405, 300, x(72))), 165, 3.2, 120)
    yield Organ(f"kidney_cyst_{side}", _line((430, 300, x(92))), 6, 0.8, 8)
    yield Organ(f"adrenal_gland_{side}", _line((510, 290, x(42)), (490, 290, x(50))), 4.5, 1.6, 45)
    yield Organ(
        f"iliopsoas_{side}",
        _line((470, 295, x(36)), (350, 290, x(55)), (195, 250, x(95))),
        340,
        0.8,
        58,
    )
    yield Organ(f"autochthon_{side}", _line((780, 360, x(28)), (320, 362, x(38))), 720, 0.8, 52)
    yield Organ(
        f"gluteus_minimus_{side}", _line((320, 280, x(118)), (280, 290, x(118))), 95, 0.8, 55
    )
    yield Organ(
        f"gluteus_medius_{side}", _line((350, 300, x(130)), (270, 300, x(130))), 350, 0.8, 55
    )
    yield Organ(
        f"gluteus_maximus_{side}", _line((310, 360, x(60)), (200, 350, x(110))), 820, 0.7, 50
    )


def _middle() -> Iterator[Organ]:
    yield Organ("brain", _line((930, 235, 250), (990, 265, 250)), 1400, 8.0, 35)
    yield Organ("skull", _shell((955, 250, 250), (75, 94, 76)), 700, 1.0, 750)
    yield Organ("sternum", _line((735, 160, 250), (575, 165, 250)), 52, 1.4, 170)
    cartilages = [
        _line((700 - 24 * k, 164, 250 + s * 22), (672 - 27 * k, 178, 250 + s * 80))
        for s in (-1, 1)
        for k in range(6)
    ]
    yield Organ("costal_cartilages", np.concatenate(cartilages), 140, 0.7, 110)
    yield Organ("trachea", _line((790, 250, 250), (650, 272, 250)), 45, 0.7, -900)
    yield Organ(
        "thyroid_gland", _line((800, 232, 232), (785, 228, 250), (800, 232, 268)), 18, 1.4, 110
    )
    yield Organ("esophagus", _line((790, 282, 254), (510, 268, 274)), 36, 1.8, 40)
    yield Organ("heart", _line((625, 215, 255), (575, 215, 295)), 640, 3.2, 130)
    yield Organ("atrial_appendage_left", _line((640, 222, 292)), 9, 2.0, 150)
    arch = _line((610, 220, 264), (690, 240, 260), (670, 282, 274), (350, 278, 256))
    yield Organ("aorta", arch, 210, 1.7, 160)
    yield Organ(
        "pulmonary_vein", _line((632, 270, 198), (628, 255, 250), (634, 272, 308)), 60, 1.6, 160
    )
    yield Organ("brachiocephalic_trunk", _line((692, 230, 250), (735, 232, 228)), 9, 1.6, 160)
    yield Organ("superior_vena_cava", _line((705, 224, 226), (640, 234, 224)), 24, 1.6, 140)
    yield Organ("inferior_vena_cava", _line((590, 270, 228), (350, 280, 234)), 85, 1.6, 130)
    yield Organ(
        "portal_vein_and_splenic_vein",
        _line((505, 250, 210), (480, 258, 250), (500, 270, 310)),
        36,
        1.7,
        140,
    )
    yield Organ("lung_middle_lobe_right", _line((610, 200, 165), (580, 190, 170)), 360, 0.5, -830)
    yield Organ("liver", _line((530, 240, 180), (490, 240, 170), (520, 215, 250)), 1550, 2.3, 105)
    yield Organ("gallbladder", _line((470, 190, 188), (445, 188, 188)), 30, 0.7, 12)
    yield Organ("spleen", _line((545, 300, 365), (490, 300, 362)), 210, 1.9, 110)
    yield Organ("stomach", _line((545, 225, 325), (470, 200, 300), (468, 200, 240)), 320, 1.9, 40)
    yield Organ("pancreas", _line((462, 242, 220), (478, 238, 250), (502, 268, 315)), 82, 1.6, 85)
    yield Organ("duodenum", _line((490, 220, 222), (425, 250, 210), (430, 245, 265)), 75, 1.8, 50)
    bowel = [_line((380 - 18 * k, 205, 190), (380 - 18 * k, 205, 310)) for k in range(5)]
    yield Organ("small_bowel", np.concatenate(bowel), 850, 1.7, 40)
    frame = _line((300, 245, 140), (430, 245, 132), (420, 175, 320), (470, 250, 375))
    rest = _line((470, 250, 375), (330, 255, 372), (270, 295, 265), (225, 300, 255))
    yield Organ("colon", np.concatenate([frame, rest]), 780, 1.8, 10)
    yield Organ("urinary_bladder", _line((255, 212, 250)), 210, 18.0, 8)
    yield Organ("prostate", _line((208, 228, 250)), 42, 2.2, 45)


def organs() -> list[Organ]:
    """All 117, in the order in which they take their voxels: bones first."""
    sides = (("left", 1), ("right", -1))
    found = [*_spine(), *(o for side in sides for o in _thorax(*side))]
    found += [*(o for side in sides for o in _pelvis(*side)), *_middle()]
    return found
