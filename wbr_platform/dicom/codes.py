"""Coded meanings of regions in SEG objects: SNOMED CT codes by the platform's region names.

Sided names ("kidney_left") take the code of the organ and a laterality modifier. Values, and the
SNOMED-RT values that older objects carry, are those of DICOM PS3.16 (Annex L and CID 6300, 7150).
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Concept:
    """One coded concept: SNOMED CT value and meaning, and the older SNOMED-RT value if any."""

    value: str
    meaning: str
    old_value: str = ""


LEFT = Concept("7771000", "Left", "G-A101")
RIGHT = Concept("24028007", "Right", "G-A100")
ORGAN = Concept("91772007", "Organ", "T-D0062")
ANATOMICAL_STRUCTURE = Concept("123037004", "Anatomical Structure", "T-D000A")
ABNORMAL_STRUCTURE = Concept("49755003", "Morphologically Abnormal Structure", "M-01000")
NEOPLASM = Concept("108369006", "Neoplasm", "M-8FFFF")
LESION = Concept("52988006", "Lesion", "M-01100")
PRIMARY = Concept("86049000", "Neoplasm, Primary", "M-80003")
SECONDARY = Concept("14799000", "Neoplasm, Secondary", "M-80006")

ORGANS: dict[str, Concept] = {
    "adrenal_gland": Concept("23451007", "Adrenal gland", "T-B3000"),
    "aorta": Concept("15825003", "Aorta", "T-42000"),
    "bone": Concept("272673000", "Bone", "T-D016E"),
    "bone_marrow": Concept("14016003", "Bone marrow", "T-C1000"),
    "bowel": Concept("113276009", "Intestine"),
    "brain": Concept("12738006", "Brain", "T-A0100"),
    "breast": Concept("76752008", "Breast", "T-04000"),
    "clavicula": Concept("51299004", "Clavicle", "T-12310"),
    "colon": Concept("71854001", "Colon", "T-59300"),
    "duodenum": Concept("38848004", "Duodenum", "T-58200"),
    "esophagus": Concept("32849002", "Esophagus", "T-56000"),
    "femur": Concept("71341001", "Femur", "T-12710"),
    "gallbladder": Concept("28231008", "Gallbladder", "T-63000"),
    "heart": Concept("80891009", "Heart", "T-32000"),
    "hip": Concept("29836001", "Hip", "T-D2500"),
    "humerus": Concept("85050009", "Humerus", "T-12410"),
    "inferior_vena_cava": Concept("64131007", "Inferior vena cava", "T-48710"),
    "kidney": Concept("64033007", "Kidney", "T-71000"),
    "liver": Concept("10200004", "Liver", "T-62000"),
    "lung": Concept("39607008", "Lung", "T-28000"),
    "lung_lower_lobe": Concept("90572001", "Lower lobe of lung"),
    "lung_middle_lobe": Concept("72481006", "Middle lobe of right lung"),
    "lung_upper_lobe": Concept("45653009", "Upper lobe of lung"),
    "lymph_node": Concept("59441001", "Lymph node", "T-C4000"),
    "mediastinum": Concept("72410000", "Mediastinum", "T-D3300"),
    "muscle": Concept("127954009", "Skeletal muscle", "T-D0684"),
    "ovary": Concept("15497006", "Ovary"),
    "pancreas": Concept("15776009", "Pancreas", "T-65000"),
    "parotid_gland": Concept("45289007", "Parotid gland", "T-61100"),
    "prostate": Concept("41216001", "Prostate", "T-92000"),
    "rectum": Concept("34402009", "Rectum", "T-59600"),
    "rib": Concept("113197003", "Rib", "T-11300"),
    "sacrum": Concept("54735007", "Sacrum", "T-11AD0"),
    "scapula": Concept("79601000", "Scapula", "T-12280"),
    "skull": Concept("89546000", "Skull", "T-11100"),
    "small_bowel": Concept("30315005", "Small intestine", "T-58000"),
    "spinal_cord": Concept("2748008", "Spinal cord", "T-A7010"),
    "spleen": Concept("78961009", "Spleen", "T-C3000"),
    "sternum": Concept("56873002", "Sternum", "T-11210"),
    "stomach": Concept("69695003", "Stomach", "T-57000"),
    "submandibular_gland": Concept("54019009", "Submandibular gland", "T-61300"),
    "testis": Concept("40689003", "Testis"),
    "thymus": Concept("9875009", "Thymus", "T-C8000"),
    "thyroid_gland": Concept("69748006", "Thyroid gland", "T-B6000"),
    "trachea": Concept("44567001", "Trachea", "T-25000"),
    "urinary_bladder": Concept("89837001", "Bladder", "T-74000"),
    "uterus": Concept("35039007", "Uterus", "T-83000"),
    "vertebrae": Concept("421060004", "Spine", "T-D04FF"),
}
_SIDES = {"left": LEFT, "right": RIGHT}
_PLURALS = {
    "adrenal_glands": "adrenal_gland",
    "breasts": "breast",
    "claviculae": "clavicula",
    "femurs": "femur",
    "hips": "hip",
    "humeri": "humerus",
    "kidneys": "kidney",
    "lungs": "lung",
    "ovaries": "ovary",
    "ribs": "rib",
    "scapulae": "scapula",
    "spine": "vertebrae",
    "vertebral_column": "vertebrae",
}
_LESION_NAME = re.compile(
    r"(l\d{2,}|lesions?|tumou?rs?|gtv\w*|neoplasms?)([_\s].*)?", re.IGNORECASE
)
_OLD_SCHEMES = ("SRT", "SNM3", "99SDM")
_BY_OLD_VALUE = {
    concept.old_value: concept
    for concept in (*ORGANS.values(), NEOPLASM, LESION, PRIMARY, SECONDARY)
    if concept.old_value
}


@dataclass(frozen=True)
class CodedRegion:
    """The category, type and laterality that describe a region in a SEG object."""

    category: Concept
    kind: Concept
    side: Concept | None = None


def coded_region(name: str) -> CodedRegion:
    """The codes of a region's name; a name that is not known is an anatomical structure.

    ``L01``, ``lesion_3``, ``tumour``, ``GTV…`` are neoplasms.
    """
    if _LESION_NAME.fullmatch(name):
        return CodedRegion(ABNORMAL_STRUCTURE, NEOPLASM)
    base = name.lower()
    side = None
    for word, concept in _SIDES.items():
        if base.endswith(f"_{word}"):
            base, side = base.removesuffix(f"_{word}"), concept
    base = _PLURALS.get(base, base)
    if base.startswith("vertebrae_"):
        base = "vertebrae"
    if base not in ORGANS:
        return CodedRegion(ANATOMICAL_STRUCTURE, ANATOMICAL_STRUCTURE, side)
    return CodedRegion(ORGAN, ORGANS[base], side)


def normalised_code(scheme: str, value: str) -> str | None:
    """ "SCT:value" where a known SNOMED-RT value was used, else "scheme:value"; None if empty."""
    if not scheme or not value:
        return None
    if scheme in _OLD_SCHEMES and value in _BY_OLD_VALUE:
        return f"SCT:{_BY_OLD_VALUE[value].value}"
    return f"{scheme}:{value}"
