"""Names that cannot be turned back, shifted dates, and the few header fields that may leave.

Everything here is an allow-list: what is not named does not leave. Keys follow HMAC-SHA256 with the
vault's key (DICOM PS3.15 Annex E, Basic profile with Retain Patient Characteristics and Retain
Longitudinal Temporal Information with Modified Dates).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pydicom.dataset import Dataset

from wbr_platform.dicom.headers import number, numbers, text, texts, whole

KEY_LENGTH = 16
OLDEST_AGE = 90.0  # stands for 90 and above
MAX_SHIFT_DAYS = 365

# Words of the standard (value representation CS, UI of the standard itself): from closed lists.
CODE_FIELDS = (
    "Modality",
    "SOPClassUID",
    "ImageType",
    "PatientSex",
    "PatientPosition",
    "PhotometricInterpretation",
    "SeriesType",
    "Units",
    "SUVType",
    "CountsSource",
    "DecayCorrection",
    "CorrectedImage",
    "RandomsCorrectionMethod",
    "CollimatorType",
    "RescaleType",
    "LossyImageCompression",
)
NUMBER_FIELDS = (
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "NumberOfSlices",
    "SliceThickness",
    "SpacingBetweenSlices",
    "PatientWeight",
    "PatientSize",
    "KVP",
    "XRayTubeCurrent",
    "ExposureTime",
    "Exposure",
    "SpiralPitchFactor",
    "ReconstructionDiameter",
    "GantryDetectorTilt",
    "ActualFrameDuration",
    "EnergyWindowLowerLimit",
    "EnergyWindowUpperLimit",
    "AxialAcceptance",
)
VECTOR_FIELDS = {"PixelSpacing": 2, "ImageOrientationPatient": 6}
# Free text by its value representation, but technical by its meaning: kept when it looks technical.
TECHNICAL_TEXT_FIELDS = (
    "Manufacturer",
    "ManufacturerModelName",
    "ReconstructionMethod",
    "ConvolutionKernel",
    "AttenuationCorrectionMethod",
    "ScatterCorrectionMethod",
)
ALLOWED_FIELDS = (*CODE_FIELDS, *NUMBER_FIELDS, *VECTOR_FIELDS, *TECHNICAL_TEXT_FIELDS)

_IDENTITY_FIELDS = (
    "PatientName",
    "PatientID",
    "OtherPatientIDs",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientMotherBirthName",
    "PatientBirthDate",
    "AccessionNumber",
    "StudyID",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "NameOfPhysiciansReadingStudy",
    "PhysiciansOfRecord",
    "OperatorsName",
)
_CODE = re.compile(r"[A-Z0-9][A-Z0-9_ .\-]{0,63}")
_TECHNICAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+\-/(),:]{0,63}")
_SIGNS = re.compile(r"[^A-Za-z0-9 ._+\-/(),:]+")
_LONG_DIGITS = re.compile(r"\d{6,}")
_WORD = re.compile(r"[^\W_]{3,}")


@dataclass(frozen=True)
class Pseudonyms:
    """Keyed names: the same input and key give the same name, nothing leads back without the key.

    ``key`` never leaves the vault; the child processes that parse files do not get it.
    """

    key: bytes

    def __repr__(self) -> str:
        return "Pseudonyms(key=hidden)"

    def patient_key(self, patient_id: str, issuer: str = "") -> str:
        """ "p…" from the issuer and the patient's identifier; the clinical table uses it too."""
        return "p" + self._code("patient", issuer.strip(), patient_id.strip())

    def study_key(self, patient_id: str, issuer: str, study_instance_uid: str) -> str:
        """ "s…" of one patient's study."""
        return "s" + self._code("study", issuer.strip(), patient_id.strip(), study_instance_uid)

    def series_key(self, series_instance_uid: str) -> str:
        """ "e…" of one series."""
        return "e" + self._code("series", series_instance_uid)

    def file_key(self, name: str) -> str:
        """ "f…" of a file or export, by its name."""
        return "f" + self._code("file", name)

    def date_shift_days(self, patient_key: str) -> int:
        """Days added to all dates of a patient: whole days, 1 to 365 in either direction."""
        value = int.from_bytes(self._digest("dates", patient_key)[:8], "big")
        shift = value % (2 * MAX_SHIFT_DAYS) - MAX_SHIFT_DAYS
        return shift if shift < 0 else shift + 1

    def _digest(self, *parts: str) -> bytes:
        message = b"".join(
            len(raw).to_bytes(4, "big") + raw
            for raw in (part.encode("utf-8", "surrogatepass") for part in parts)
        )
        return hmac.new(self.key, message, hashlib.sha256).digest()

    def _code(self, *parts: str) -> str:
        return base64.b32encode(self._digest(*parts)).decode()[:KEY_LENGTH].lower()


def parse_date(value: str) -> date | None:
    """A DICOM (YYYYMMDD) or ISO date; None when it is none."""
    digits = value.strip().replace("-", "").replace(".", "")
    if not re.fullmatch(r"\d{8}", digits):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def shifted_date(value: str, shift_days: int) -> str | None:
    """The date moved by whole days, in ISO form; None when it is no date."""
    day = parse_date(value)
    if day is None:
        return None
    try:
        return (day + timedelta(days=shift_days)).isoformat()
    except OverflowError:
        return None


def age_years(birth_date: str, study_date: str, patient_age: str) -> float | None:
    """Completed years at the study, from the birth date, else from PatientAge ("063Y"); years.

    90 stands for 90 and above. None when neither can be read or the age cannot be.
    """
    born, studied = parse_date(birth_date), parse_date(study_date)
    age: float | None = None
    if born is not None and studied is not None and born <= studied:
        had_birthday = (studied.month, studied.day) >= (born.month, born.day)
        age = float(studied.year - born.year - (0 if had_birthday else 1))
    elif matched := re.fullmatch(r"(\d{1,3})([DWMY])", patient_age.strip().upper()):
        per_year = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}[matched[2]]
        age = float(int(int(matched[1]) / per_year))
    if age is None or age > 130:
        return None
    return min(age, OLDEST_AGE)


def identity_words(header: Dataset) -> frozenset[str]:
    """Words of three letters or digits and more in the fields that name persons, in capitals."""
    found: set[str] = set()
    for keyword in _IDENTITY_FIELDS:
        for value in texts(header, keyword):
            found.update(word.upper() for word in _WORD.findall(value))
    return frozenset(found)


def technical_text(value: str, identity: frozenset[str] = frozenset()) -> str | None:
    """A short technical text, or None when it holds anything that might be about a person.

    Refused: characters beyond those of product names, more than 64 of them, six digits in a row
    (dates, numbers of patients), and any word of the fields that name persons.
    """
    value = " ".join(value.split())
    if not _TECHNICAL.fullmatch(value) or _LONG_DIGITS.search(value):
        return None
    words = {word.upper() for word in _WORD.findall(value)}
    return None if words & identity else value


def region_name(value: str, identity: frozenset[str] = frozenset()) -> str | None:
    """The name of a contour or segment without accents and signs, or None as technical texts."""
    letters = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode()
    return technical_text(_SIGNS.sub("_", letters).strip("_ ."), identity)


def allowed_fields(header: Dataset) -> dict[str, Any]:
    """The header fields that may leave, as plain values; absent or doubtful ones are left out."""
    fields: dict[str, Any] = {}
    identity = identity_words(header)
    for keyword in CODE_FIELDS:
        values = [value for value in texts(header, keyword) if _CODE.fullmatch(value)]
        values = [value for value in values if not set(_WORD.findall(value)) & identity]
        if values:
            fields[keyword] = "\\".join(values)
    for keyword in NUMBER_FIELDS:
        value = number(header, keyword)
        if value is not None:
            fields[keyword] = whole(header, keyword) if value.is_integer() else value
    for keyword, count in VECTOR_FIELDS.items():
        vector = numbers(header, keyword, count)
        if vector is not None:
            fields[keyword] = [float(v) for v in vector]
    for keyword in TECHNICAL_TEXT_FIELDS:
        kept = technical_text(text(header, keyword), identity)
        if kept is not None:
            fields[keyword] = kept
    return fields
