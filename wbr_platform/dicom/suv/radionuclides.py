"""Radionuclides of PET (and quantitative SPECT): half-lives, and how headers name them."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Half-lives in seconds (NNDC NuDat 3). Headers round them: compare with a tolerance.
HALF_LIVES_S: Mapping[str, float] = {
    "C-11": 1221.8,
    "N-13": 597.9,
    "O-14": 70.6,
    "O-15": 122.24,
    "F-18": 6586.2,
    "Na-22": 8.2105e7,
    "K-38": 458.2,
    "Sc-43": 14007.6,
    "Sc-44": 14551.0,
    "Mn-52": 483062.0,
    "Fe-52": 29790.0,
    "Cu-60": 1422.0,
    "Cu-61": 12020.0,
    "Cu-62": 580.2,
    "Cu-64": 45724.0,
    "Ga-66": 34164.0,
    "Ga-68": 4062.6,
    "Ge-68": 2.3408e7,
    "Br-75": 5802.0,
    "Br-76": 58320.0,
    "Rb-82": 75.45,
    "Y-86": 53064.0,
    "Zr-89": 282276.0,
    "Y-90": 230580.0,
    "Tc-94m": 3120.0,
    "Tc-99m": 21624.0,
    "In-111": 242326.0,
    "I-124": 360806.0,
    "I-131": 693377.0,
    "Tb-152": 63000.0,
    "Lu-177": 574300.0,
}

# Code values of CID 4020 (PET Radionuclide): SNOMED CT and the older SRT and DCM. Scanners put
# these values under other coding schemes too (GE and Siemens: 99SDM), so the value alone decides.
_CODES: Mapping[str, str] = {
    "40565003": "C-11",
    "C-105A1": "C-11",
    "21576001": "N-13",
    "C-107A1": "N-13",
    "424875009": "O-14",
    "C-1018C": "O-14",
    "129504001": "O-15",
    "C-B1038": "O-15",
    "77004003": "F-18",
    "C-111A1": "F-18",
    "71633006": "Na-22",
    "C-155A1": "Na-22",
    "423764008": "K-38",
    "C-135A4": "K-38",
    "126605": "Sc-43",
    "126600": "Sc-44",
    "37225000": "Mn-52",
    "C-149A1": "Mn-52",
    "69089000": "Fe-52",
    "C-130A1": "Fe-52",
    "425364008": "Cu-60",
    "C-127A4": "Cu-60",
    "71425003": "Cu-61",
    "C-127A1": "Cu-61",
    "422934004": "Cu-62",
    "C-127A5": "Cu-62",
    "3932008": "Cu-64",
    "C-127A2": "Cu-64",
    "79477007": "Ga-66",
    "C-131A1": "Ga-66",
    "35337001": "Ga-68",
    "C-131A3": "Ga-68",
    "53315004": "Ge-68",
    "C-128A2": "Ge-68",
    "17910003": "Br-75",
    "C-113A1": "Br-75",
    "79523006": "Br-76",
    "C-113A2": "Br-76",
    "79197006": "Rb-82",
    "C-159A2": "Rb-82",
    "10738001": "Y-86",
    "C-162A3": "Y-86",
    "63360001": "Zr-89",
    "C-168A4": "Zr-89",
    "14691008": "Y-90",
    "C-162A7": "Y-90",
    "424079002": "Tc-94m",
    "C-163AA": "Tc-94m",
    "40937006": "I-124",
    "C-114A5": "I-124",
    "126606": "Tb-152",
    "C-101ED": "Lu-177",
}

_ELEMENTS: Mapping[str, str] = {
    "carbon": "C",
    "nitrogen": "N",
    "oxygen": "O",
    "fluorine": "F",
    "fluor": "F",
    "sodium": "Na",
    "potassium": "K",
    "scandium": "Sc",
    "manganese": "Mn",
    "iron": "Fe",
    "copper": "Cu",
    "gallium": "Ga",
    "germanium": "Ge",
    "bromine": "Br",
    "rubidium": "Rb",
    "yttrium": "Y",
    "zirconium": "Zr",
    "technetium": "Tc",
    "indium": "In",
    "iodine": "I",
    "terbium": "Tb",
    "lutetium": "Lu",
}
_SYMBOLS = {name.split("-")[0].lower(): name.split("-")[0] for name in HALF_LIVES_S}
_TOKENS = re.compile(r"\d+m?|[A-Za-z]+")

# Tracers by code value (CID 4021 and GE's own code of FDG). Free text never leaves the header.
TRACERS: Mapping[str, tuple[str, str]] = {
    "35321007": ("FDG", "F-18"),
    "C-B1031": ("FDG", "F-18"),
    "Y-X1743": ("FDG", "F-18"),
    "129501009": ("sodium fluoride", "F-18"),
    "C-B1032": ("sodium fluoride", "F-18"),
    "456992002": ("fluorocholine", "F-18"),
    "C-E0273": ("fluorocholine", "F-18"),
    "424708001": ("FET", "F-18"),
    "C-B07E0": ("FET", "F-18"),
    "5811000122108": ("FDOPA", "F-18"),
    "C-E0241": ("FDOPA", "F-18"),
    "422598008": ("FMISO", "F-18"),
    "C-B07E1": ("FMISO", "F-18"),
    "926372005": ("FES", "F-18"),
    "457000009": ("fluciclovine", "F-18"),
    "C-E026A": ("fluciclovine", "F-18"),
    "126758": ("PSMA-1007", "F-18"),
    "C116352": ("piflufolastat (DCFPyL)", "F-18"),
    "C118961": ("PSMA-11", "Ga-68"),
    "724025002": ("DOTATATE", "Ga-68"),
    "C2713594": ("DOTATOC", "Ga-68"),
    "126703": ("choline", "C-11"),
    "129510001": ("methionine", "C-11"),
    "C-B103E": ("methionine", "C-11"),
    "129503007": ("rubidium chloride", "Rb-82"),
    "C-B1037": ("rubidium chloride", "Rb-82"),
}
_FDG_WORDS = ("fdg", "fluorodeoxyglucose", "fludeoxyglucose")


def nuclide_of_code(value: str, meaning: str) -> str | None:
    """A nuclide such as "F-18" from its code value, else from the words of the code's meaning."""
    known = _CODES.get(value.upper())
    return known if known is not None else nuclide_of_words(meaning)


def nuclide_of_words(words: str) -> str | None:
    """A nuclide from words such as "^18^Fluorine", "18F", "F-18", "177 Lutetium"."""
    tokens = _TOKENS.findall(words)
    masses = [token for token in tokens if token[0].isdigit()]
    symbols = [
        _ELEMENTS.get(token.lower(), _SYMBOLS.get(token.lower()))
        for token in tokens
        if token[0].isalpha()
    ]
    for mass in masses:
        for symbol in symbols:
            if symbol is not None and f"{symbol}-{mass}" in HALF_LIVES_S:
                return f"{symbol}-{mass}"
    return None


def tracer_of(value: str, words: str) -> tuple[str | None, str | None]:
    """Tracer and its nuclide by code value; of words, FDG alone is recognised."""
    if value.upper() in TRACERS:
        return TRACERS[value.upper()]
    if any(word in words.lower() for word in _FDG_WORDS):
        return "FDG", "F-18"
    return None, None


def nuclide_of_half_life(half_life: float, tolerance: float) -> tuple[str, ...]:
    """The nuclides whose half-life lies within the relative tolerance."""
    return tuple(
        name for name, known in HALF_LIVES_S.items() if abs(half_life / known - 1.0) <= tolerance
    )
