"""Which PET, which CT and which masks of a study are used, and why not the others.

Pure rules over summaries of series; every series of the study gets a reason code and words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from wbr_platform.refusal import Refusal

Role = Literal["pet", "ct", "masks", "unused"]

PET_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.128",
        "1.2.840.10008.5.1.4.1.1.128.1",
        "1.2.840.10008.5.1.4.1.1.130",
    }
)
CT_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.2",
        "1.2.840.10008.5.1.4.1.1.2.1",
        "1.2.840.10008.5.1.4.1.1.2.2",
    }
)
MASK_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.66.7": "SEG",
    "1.2.840.10008.5.1.4.1.1.481.3": "RTSTRUCT",
}
MIN_COVERAGE = 0.5  # share of the PET's axial length that the CT has to cover
_PROJECTIONS = ("MIP", "MAXIMUM INTENSITY", "PROJECTION", "MPR", "REFORMATTED", "VOLUME RENDER")
_NOT_A_CANDIDATE = ("PET_NOT_ATTENUATION_CORRECTED", "PET_PROJECTION")
_NOT_CORRECTED = re.compile(r"\b(nac|non?[ _-]?ac|non?[ _-]?attn|uncorrected)\b", re.IGNORECASE)


@dataclass(frozen=True)
class SeriesSummary:
    """What the rules look at. ``box_low``, ``box_high``: bounding box (x, y, z) in LPS mm.

    ``refusal`` is what the geometry gate or the way to SUV said. ``description`` is free text: it
    is looked at here and goes nowhere.
    """

    series_instance_uid: str
    modality: str
    sop_class: str
    images: int
    image_type: tuple[str, ...] = ()
    corrected_image: tuple[str, ...] = ()
    series_type: str = ""
    description: str = ""
    frame_of_reference: str = ""
    series_number: int = 0
    box_low: tuple[float, float, float] | None = None
    box_high: tuple[float, float, float] | None = None
    refusal: Refusal | None = None
    sop_instance_uids: frozenset[str] = frozenset()
    referenced_series: frozenset[str] = frozenset()
    referenced_instances: frozenset[str] = frozenset()
    referenced_frames: frozenset[str] = frozenset()

    @property
    def is_pet(self) -> bool:
        return self.sop_class in PET_CLASSES

    @property
    def is_ct(self) -> bool:
        return self.sop_class in CT_CLASSES

    @property
    def is_masks(self) -> bool:
        return self.sop_class in MASK_CLASSES

    @property
    def is_original(self) -> bool:
        return bool(self.image_type) and self.image_type[0].upper() == "ORIGINAL"

    @property
    def is_projection(self) -> bool:
        kinds = "\\".join(self.image_type[2:]).upper()
        return any(word in kinds for word in _PROJECTIONS)

    @property
    def is_localizer(self) -> bool:
        return any(kind.upper() in ("LOCALIZER", "SCOUT", "TOPOGRAM") for kind in self.image_type)

    @property
    def length_mm(self) -> float:
        """Axial length of the volume, 0 when it has none."""
        if self.box_low is None or self.box_high is None:
            return 0.0
        return self.box_high[2] - self.box_low[2]


@dataclass(frozen=True)
class Choice:
    """The role of one series, with its reason."""

    role: Role
    reason_code: str
    reason: str


@dataclass(frozen=True)
class Selection:
    """The series chosen, and a choice for every series of the study.

    ``masks`` pairs each chosen mask series with the image on whose grid it is to be read.
    ``refusal`` is set when nothing of the study can be used.
    """

    choices: dict[str, Choice]
    pet: str | None = None
    ct: str | None = None
    masks: tuple[tuple[str, Literal["pet", "ct"]], ...] = field(default=())
    refusal: Refusal | None = None


def select_series(series: Sequence[SeriesSummary]) -> Selection:
    """Choose PET, CT and masks of one study.

    A study with PET images of which none can be used is refused with the reason of the best one:
    its CT alone would pass for a study that never had a PET.
    """
    choices: dict[str, Choice] = {}
    pet = _choose_pet([one for one in series if one.is_pet], choices)
    ct = _choose_ct([one for one in series if one.is_ct], pet, choices)
    masks = _choose_masks([one for one in series if one.is_masks], pet, ct, choices)
    for one in series:
        if one.series_instance_uid not in choices:
            choices[one.series_instance_uid] = Choice(
                "unused", "MODALITY_UNUSED", "neither PET, CT nor masks as classic images"
            )
    refusal = _study_refusal(series, pet, ct, choices)
    return Selection(
        choices,
        None if pet is None else pet.series_instance_uid,
        None if ct is None else ct.series_instance_uid,
        masks,
        refusal,
    )


def _study_refusal(
    series: Sequence[SeriesSummary],
    pet: SeriesSummary | None,
    ct: SeriesSummary | None,
    choices: dict[str, Choice],
) -> Refusal | None:
    pets = sorted((one for one in series if one.is_pet), key=_pet_rank)
    pets.sort(key=lambda one: choices[one.series_instance_uid].reason_code in _NOT_A_CANDIDATE)
    if pet is None and pets:
        choice = choices[pets[0].series_instance_uid]
        action = "" if pets[0].refusal is None else pets[0].refusal.action
        return Refusal(choice.reason_code, f"no PET can be used: {choice.reason}", action)
    if pet is not None or ct is not None:
        return None
    cts = sorted((one for one in series if one.is_ct), key=_ct_rank)
    if cts:
        choice = choices[cts[0].series_instance_uid]
        return Refusal(choice.reason_code, f"no CT can be used: {choice.reason}")
    return Refusal(
        "STUDY_WITHOUT_IMAGES",
        "the study holds neither a PET nor a CT",
        "export the images together with the other objects",
    )


def _unused(one: SeriesSummary, choices: dict[str, Choice], code: str, words: str) -> None:
    choices[one.series_instance_uid] = Choice("unused", code, words)


def _pet_rank(one: SeriesSummary) -> tuple[object, ...]:
    """Least is best: usable, original, static, longest, most slices, first series."""
    return (
        one.refusal is not None,
        not one.is_original,
        one.series_type.upper() in ("DYNAMIC", "GATED"),
        -round(one.length_mm, 1),
        -one.images,
        one.series_number,
        one.series_instance_uid,
    )


def _choose_pet(
    candidates: Sequence[SeriesSummary], choices: dict[str, Choice]
) -> SeriesSummary | None:
    usable: list[SeriesSummary] = []
    for one in candidates:
        corrected = "ATTN" in (word.upper() for word in one.corrected_image)
        if one.is_projection:
            _unused(one, choices, "PET_PROJECTION", "a projection or reformatted series")
        elif not corrected:
            words = "not corrected for attenuation (CorrectedImage without ATTN)"
            _unused(one, choices, "PET_NOT_ATTENUATION_CORRECTED", words)
        elif _NOT_CORRECTED.search(one.description):
            words = "its description says that it is not corrected for attenuation"
            _unused(one, choices, "PET_NOT_ATTENUATION_CORRECTED", words)
        elif one.refusal is not None:
            _unused(one, choices, one.refusal.reason_code, one.refusal.message)
        else:
            usable.append(one)
    if not usable:
        return None
    usable.sort(key=_pet_rank)
    best = usable[0]
    ties = [one for one in usable if _pet_rank(one)[:-2] == _pet_rank(best)[:-2]]
    if len(ties) > 1:
        words = f"the first of {len(ties)} equally suitable PET series"
        choices[best.series_instance_uid] = Choice("pet", "PET_CHOSEN_AMONG_SEVERAL", words)
    else:
        words = "attenuation-corrected PET, the most suitable of the study"
        choices[best.series_instance_uid] = Choice("pet", "PET_CHOSEN", words)
    for one in usable[1:]:
        words = "another PET is original, longer, has more slices or comes first"
        _unused(one, choices, "PET_LESS_SUITABLE", words)
    return best


def _ct_rank(one: SeriesSummary, coverage: float = 1.0) -> tuple[object, ...]:
    """Least is best: usable, covers the PET (in steps of 5 %), original, longest, most slices."""
    return (
        one.refusal is not None,
        -round(coverage * 20),
        not one.is_original,
        -round(one.length_mm, 1),
        -one.images,
        one.series_number,
        one.series_instance_uid,
    )


def _choose_ct(
    candidates: Sequence[SeriesSummary], pet: SeriesSummary | None, choices: dict[str, Choice]
) -> SeriesSummary | None:
    usable: list[tuple[SeriesSummary, float]] = []
    for one in candidates:
        refusal = _ct_refusal(one, pet)
        if refusal is not None:
            _unused(one, choices, refusal.reason_code, refusal.message)
        else:
            usable.append((one, 1.0 if pet is None else axial_coverage(pet, one)))
    if not usable:
        return None
    usable.sort(key=lambda pair: _ct_rank(*pair))
    best, coverage = usable[0]
    if pet is None:
        words = "the most suitable CT of a study without PET"
        choices[best.series_instance_uid] = Choice("ct", "CT_CHOSEN_WITHOUT_PET", words)
    else:
        words = f"CT in the PET's frame of reference, covers {100 * coverage:.0f} % of its length"
        choices[best.series_instance_uid] = Choice("ct", "CT_CHOSEN", words)
    for one, _ in usable[1:]:
        _unused(one, choices, "CT_LESS_SUITABLE", "another CT covers more, is original or longer")
    return best


def _ct_refusal(one: SeriesSummary, pet: SeriesSummary | None) -> Refusal | None:
    if one.is_localizer:
        return Refusal("CT_LOCALIZER", "a localizer (scout) image")
    if one.is_projection:
        return Refusal("CT_PROJECTION", "a projection or reformatted series")
    if one.refusal is not None:
        return one.refusal
    if pet is None:
        return None
    if not one.frame_of_reference or one.frame_of_reference != pet.frame_of_reference:
        return Refusal("CT_OTHER_FRAME_OF_REFERENCE", "not in the PET's frame of reference")
    coverage = axial_coverage(pet, one)
    if coverage < MIN_COVERAGE:
        words = f"covers {100 * coverage:.0f} % of the PET's length"
        return Refusal("CT_COVERAGE_TOO_SMALL", words)
    return None


def axial_coverage(pet: SeriesSummary, ct: SeriesSummary) -> float:
    """Share (0 to 1) of the PET's axial length that the CT covers; 0 when their boxes are apart."""
    if pet.box_low is None or pet.box_high is None or ct.box_low is None or ct.box_high is None:
        return 0.0
    overlaps = [
        min(pet_high, ct_high) - max(pet_low, ct_low)
        for pet_low, pet_high, ct_low, ct_high in zip(
            pet.box_low, pet.box_high, ct.box_low, ct.box_high, strict=True
        )
    ]
    if min(overlaps) <= 0 or pet.length_mm <= 0:
        return 0.0
    return min(1.0, overlaps[2] / pet.length_mm)


def _choose_masks(
    candidates: Sequence[SeriesSummary],
    pet: SeriesSummary | None,
    ct: SeriesSummary | None,
    choices: dict[str, Choice],
) -> tuple[tuple[str, Literal["pet", "ct"]], ...]:
    masks: list[tuple[str, Literal["pet", "ct"]]] = []
    for one in sorted(candidates, key=lambda s: (s.series_number, s.series_instance_uid)):
        uid = one.series_instance_uid
        if one.refusal is not None:
            _unused(one, choices, one.refusal.reason_code, one.refusal.message)
        elif _refers_to(one, pet):
            masks.append((uid, "pet"))
            choices[uid] = Choice("masks", "MASKS_OF_PET", "drawn on the chosen PET")
        elif _refers_to(one, ct):
            masks.append((uid, "ct"))
            choices[uid] = Choice("masks", "MASKS_OF_CT", "drawn on the chosen CT")
        elif image := _same_frame(one, pet, ct):
            masks.append((uid, image))
            words = "in the frame of reference of the chosen images, drawn on another image"
            choices[uid] = Choice("masks", "MASKS_SAME_FRAME_OF_REFERENCE", words)
        else:
            words = "refers to an image that was not chosen"
            _unused(one, choices, "MASKS_OF_OTHER_IMAGE", words)
    return tuple(masks)


def _refers_to(masks: SeriesSummary, image: SeriesSummary | None) -> bool:
    if image is None:
        return False
    return image.series_instance_uid in masks.referenced_series or bool(
        masks.referenced_instances & image.sop_instance_uids
    )


def _same_frame(
    masks: SeriesSummary, pet: SeriesSummary | None, ct: SeriesSummary | None
) -> Literal["pet", "ct"] | None:
    frames = (masks.referenced_frames | {masks.frame_of_reference}) - {""}
    if pet is not None and pet.frame_of_reference in frames:
        return "pet"
    if ct is not None and ct.frame_of_reference in frames:
        return "ct"
    return None
