"""What a structure of an export is: organ, lesion or neither; and a name that is safe to keep.

Names of contours and segments are free text and may hold anything, a patient's name included.
Only words of a fixed list survive: the organ vocabulary and the words below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from wbr_platform.imaging import NamedMask
from wbr_platform.segmentation.vocabulary import OTHER_PREFIX, find_organ, organs, words

Kind = Literal["organ", "lesion", "other"]

# Coded meanings of tumour: SNOMED CT, and the older SNOMED-RT codes that real SEG objects carry.
LESION_CODES = frozenset(
    {
        "SCT:108369006",  # Neoplasm
        "SCT:86049000",  # Neoplasm, Primary
        "SCT:14799000",  # Neoplasm, Secondary
        "SCT:52988006",  # Lesion
        "SCT:4147007",  # Mass
        "SCT:228791009",  # Gross tumor volume
        "SCT:1187425009",  # Carcinoma
        "SRT:M-8FFFF",
        "SRT:M-80003",
        "SRT:M-80006",
        "SRT:M-01100",
    }
)

_LESION_WORD = re.compile(
    r"(gtv[a-z]{0,3}|lesions?|tumou?rs?|mass|masses|mets?|metastas[ie]s|metastatic|cancers?"
    r"|carcinomas?|neoplasms?|neoplasia|malignan(cy|t)|lymphomas?|sarcomas?|melanomas?|nodules?)"
    r"\d{0,2}"
)
# "L01" is a lesion, "L1" a lumbar vertebra.
_LESION_NUMBER = re.compile(r"[lL]\d{2,3}")

# Oedema, planning target volumes with their margins, outlines and aids: neither organ nor tumour.
_OTHER_WORD = re.compile(
    r"((o)?edema|ctv[a-z]{0,3}|ptv[a-z]{0,3}|itv[a-z]{0,3}|igtv|body|external|skin|couch|table"
    r"|bolus|support|ring|margin|isodose|dose|markers?|fiducials?|artifacts?|background|necrosis)"
    r"\d{0,2}"
)
# "Lungs-GTV", "liver minus tumour": the organ without its tumour.
_WITHOUT_TUMOUR = re.compile(
    r"^(?P<organ>.+?)(\s*-\s*|[\s_]+(minus|without|excluding|excl)[\s_]+)"
    r"(i?gtv|ctv|ptv|tumou?r|lesions?)\w*$",
    re.IGNORECASE,
)

_PLAIN_WORDS = frozenset(
    words(
        """
        primary secondary node nodes nodal total all sum union avid fdg psma pet ct local regional
        recurrent residual necrotic solid central peripheral upper lower middle anterior posterior
        superior inferior medial lateral inner outer wall lumen cavity head neck chest thorax
        abdomen pelvic axilla axillary inguinal cervical mediastinal hilar bulky index left right
        l r and of the in minus without label region volume sphere reference blood pool vessels
        vessel vein artery gland muscle bone tissue lobe cyst mask
        """
    )
)


@dataclass(frozen=True)
class Structure:
    """A mask with what it is and the name it may keep.

    ``individual``: its name carries a number, so it is one lesion even in pieces.
    ``reduced``: words of its name were dropped, as they are in no list.
    """

    mask: NamedMask
    kind: Kind
    name: str
    individual: bool = False
    reduced: bool = False


@cache
def _allowed_words() -> frozenset[str]:
    known = set(_PLAIN_WORDS)
    for organ in organs().values():
        for label in (organ.name, *organ.synonyms):
            known.update(words(label))
    return frozenset(known)


def _allowed(word: str) -> bool:
    if word.isdigit():
        # Longer numbers may be dates or record numbers.
        return len(word) <= 2
    return (
        re.sub(r"\d{1,2}$", "", word) in _allowed_words()
        or word in _allowed_words()
        or _LESION_WORD.fullmatch(word) is not None
        or _OTHER_WORD.fullmatch(word) is not None
        or _LESION_NUMBER.fullmatch(word) is not None
    )


def safe_name(name: str) -> tuple[str, bool]:
    """The words of a name that are known, joined by "_" ("unnamed" when none is), and whether
    any word was dropped."""
    all_words = words(name)
    kept = [word for word in all_words if _allowed(word)]
    return "_".join(kept) or "unnamed", len(kept) < len(all_words)


def classify(mask: NamedMask) -> Structure:
    """What a mask of an export is.

    In this order: a known organ by name; an organ without its tumour; neither (oedema, planning
    volumes, outlines: GTV_Edema is not tumour); a tumour by code, then by name; an organ by code;
    anything else is an organ under the safe part of its name.
    """
    organ = find_organ(mask.name)
    if organ is None:
        without = _WITHOUT_TUMOUR.match(mask.name.strip())
        organ = find_organ(without["organ"]) if without else None
    if organ is not None:
        return Structure(mask, "organ", organ)
    name, reduced = safe_name(mask.name)
    all_words = words(mask.name)
    if any(_OTHER_WORD.fullmatch(word) for word in all_words):
        return Structure(mask, "other", OTHER_PREFIX + name, reduced=reduced)
    if (
        mask.code in LESION_CODES
        or any(_LESION_WORD.fullmatch(word) for word in all_words)
        or _LESION_NUMBER.fullmatch(mask.name.strip())
    ):
        individual = any(character.isdigit() for character in mask.name)
        return Structure(mask, "lesion", name, individual, reduced)
    organ = find_organ(mask.name, mask.code)
    if organ is not None:
        return Structure(mask, "organ", organ)
    # "liver" left over from "liver XY" need not be the liver.
    return Structure(mask, "organ", f"structure_{name}" if reduced else name, reduced=reduced)
