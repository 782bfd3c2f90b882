"""The columns of a clinical table: what they mean, which values they take, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

Kind = Literal["text", "number", "flag", "choice"]

PATIENT_ID = "patient_id"

TRUE_WORDS = frozenset({"1", "true", "t", "yes", "y", "oui", "vrai"})
FALSE_WORDS = frozenset({"0", "false", "f", "no", "n", "non", "faux"})
MISSING_WORDS = frozenset(
    {"", "na", "n/a", "nan", "null", "none", "nd", "-", "--", "?", ".", "unknown", "missing"}
)

LONGEST_TEXT = 200  # characters of a text cell


@dataclass(frozen=True)
class ClinicalColumn:
    """One column: meaning, kind of value, unit, closed range of a number, words of a choice.

    ``choices`` maps the lower-case words that are accepted to the value that is stored.
    ``hint`` says what a value out of range often is.
    """

    description: str
    kind: Kind
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    hint: str = ""

    @property
    def dtype(self) -> type[pl.DataType]:
        """Type of the column in the table that is read."""
        return {"number": pl.Float64, "flag": pl.Boolean}.get(self.kind, pl.String)

    @property
    def accepted(self) -> str:
        """What a cell may hold, in words."""
        unit = f" {self.unit}" if self.unit else ""
        match self.kind:
            case "number":
                return f"a number from {self.minimum:g} to {self.maximum:g}{unit}"
            case "flag":
                return "yes or no (1/0, true/false, oui/non)"
            case "choice":
                return " or ".join(sorted(set(self.choices.values())))
            case "text":
                return f"text of at most {LONGEST_TEXT} characters"


_SEX = {
    **dict.fromkeys(("m", "male", "man", "homme", "h"), "M"),
    **dict.fromkeys(("f", "female", "woman", "femme"), "F"),
    **dict.fromkeys(("o", "other", "autre"), "O"),
}

# All are optional but the patient's identifier, which is replaced by a pseudonym.
CLINICAL_COLUMNS: Mapping[str, ClinicalColumn] = {
    PATIENT_ID: ClinicalColumn("Patient's identifier as in DICOM PatientID; one row each.", "text"),
    "age_years": ClinicalColumn(
        "Age at baseline.", "number", "years", 0.0, 120.0, hint="a year of birth is not an age"
    ),
    "sex": ClinicalColumn("Sex as in DICOM PatientSex.", "choice", choices=_SEX),
    "stage": ClinicalColumn("Stage, as given.", "text"),
    "weight_kg": ClinicalColumn("Body weight.", "number", "kg", 1.0, 400.0),
    "height_m": ClinicalColumn(
        "Body height.", "number", "m", 0.3, 2.6, hint="centimetres have to be divided by 100"
    ),
    "glycaemia_mmol_l": ClinicalColumn(
        "Blood glucose before injection.",
        "number",
        "mmol/L",
        1.0,
        45.0,
        hint="mg/dL have to be divided by 18",
    ),
    "treatment": ClinicalColumn("Treatment, as given.", "text"),
    "response": ClinicalColumn("Responder to treatment.", "flag"),
    "survival_days": ClinicalColumn(
        "Time from baseline to death or last news.", "number", "days", 0.0, 36_525.0
    ),
    "death": ClinicalColumn("Death observed (no: censored at last news).", "flag"),
    "progression_free_days": ClinicalColumn(
        "Time from baseline to progression, death or last news.", "number", "days", 0.0, 36_525.0
    ),
    "progression": ClinicalColumn("Progression or death observed.", "flag"),
}

# Endpoints: column of the time, column of the event.
ENDPOINTS: tuple[tuple[str, str], ...] = (
    ("survival_days", "death"),
    ("progression_free_days", "progression"),
)

# Other names of the same column, after lower-casing and joining words by underscores.
SYNONYMS: Mapping[str, str] = {
    "patient": PATIENT_ID,
    "patientid": PATIENT_ID,
    "age": "age_years",
    "gender": "sex",
    "patientsex": "sex",
    "weight": "weight_kg",
    "height": "height_m",
    "glycaemia": "glycaemia_mmol_l",
    "glycemia_mmol_l": "glycaemia_mmol_l",
}

# Words in a column's name that announce an identity: such columns never leave the reader.
IDENTIFYING_WORDS = frozenset(
    {"name", "surname", "firstname", "lastname", "forename", "nom", "prenom", "birth", "birthday"}
    | {"birthdate", "born", "naissance", "dob", "ddn", "address", "adresse", "street", "zip"}
    | {"postcode", "phone", "telephone", "mobile", "email", "mail", "ssn", "nir", "mrn", "ipp"}
    | {"nip", "insurance", "physician", "doctor", "accession"}
)
