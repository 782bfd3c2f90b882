"""The page of one study: self-contained HTML, also for a study that was refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from wbr_platform.reporting import study_tables as tables
from wbr_platform.reporting.formatting import is_missing, number, quantity, text_of
from wbr_platform.reporting.rendering import (
    Card,
    PictureOnPage,
    fact_pairs,
    picture_on_page,
    render,
)
from wbr_platform.reporting.strings import (
    ROLES,
    STATUS,
    algorithm_name,
    flags_in_words,
    reason_in_words,
)
from wbr_platform.reporting.tables import distinct, rows_of, where


@dataclass(frozen=True)
class StudyPageInputs:
    """What the page is made of: a row of ``studies`` and this study's rows of the other tables.

    The frames have the columns of ``store.schemas`` (study_key may be missing; a column that is
    absent counts as null; any frame may be empty). ``pictures`` maps a title to PNG bytes.
    ``segmenter_notes`` maps an algorithm to what it has to say about its result ("CODE: words").
    ``provenance`` is shown as it is: versions, policy hashes; it may be nested.
    """

    study: Mapping[str, Any]
    acquisitions: pl.DataFrame = field(default_factory=pl.DataFrame)
    quarantine: pl.DataFrame = field(default_factory=pl.DataFrame)
    regions: pl.DataFrame = field(default_factory=pl.DataFrame)
    lesions: pl.DataFrame = field(default_factory=pl.DataFrame)
    biomarkers: pl.DataFrame = field(default_factory=pl.DataFrame)
    segmentation_agreement: pl.DataFrame = field(default_factory=pl.DataFrame)
    features: pl.DataFrame = field(default_factory=pl.DataFrame)
    segmenter_notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


def study_page(inputs: StudyPageInputs) -> str:
    """The page as one HTML text that needs nothing else."""
    primary = tables.primary_algorithm(inputs.regions, inputs.biomarkers, inputs.lesions)
    algorithms = tables.lesion_algorithms(inputs.biomarkers, inputs.lesions, primary)
    main, *others = [tables.lesion_table(inputs.lesions, name) for name in algorithms] or [
        tables.lesion_table(inputs.lesions, None)
    ]
    study_key = str(inputs.study.get("study_key") or "unknown")
    return render(
        "study.html",
        title=f"Study {study_key}",
        study_key=study_key,
        refusal=_refusal(inputs),
        summary=_summary(inputs, primary),
        notices=_notices(inputs),
        pictures=[_picture(title, png) for title, png in inputs.pictures.items()],
        no_picture=f"No picture: {_why_no_picture(inputs)}.",
        lesions=[main],
        other_lesions=others,
        segmenter_notes=_segmenter_notes(inputs),
        spread=tables.spread_in_words(inputs.biomarkers),
        burden=tables.burden_table(inputs.biomarkers, algorithms),
        host=tables.host_table(inputs.biomarkers),
        organs=tables.organ_table(inputs.regions, inputs.features),
        agreement=tables.agreement_table(inputs.segmentation_agreement),
        acquisition=_acquisition(inputs.acquisitions),
        series=tables.series_table(inputs.acquisitions),
        features=tables.feature_table(inputs.features),
        missing_features=tables.missing_feature_table(inputs.features),
        refused=tables.refused_table(inputs.quarantine),
        provenance=fact_pairs(inputs.provenance) or [("Recorded", "nothing")],
    )


def _refusal(inputs: StudyPageInputs) -> dict[str, str] | None:
    """Why the study as a whole was refused, with the message that the quarantine kept."""
    if inputs.study.get("status") != "refused":
        return None
    code = inputs.study.get("reason_code")
    row = next(iter(rows_of(where(inputs.quarantine, reason_code=code), "message", "action")), {})
    return {
        "words": reason_in_words(code),
        "message": f"{row['message'].rstrip('.')}." if row.get("message") else "",
        "action": (row.get("action") or "").rstrip("."),
    }


def _missing(inputs: StudyPageInputs, modality: str) -> bool:
    return not inputs.study.get(f"has_{modality}")


def _notices(inputs: StudyPageInputs) -> list[str]:
    """What the reader has to know before looking at numbers."""
    notices = []
    if _missing(inputs, "pet"):
        notices.append("PET features, lesions and biomarkers absent: no PET in this export.")
    if _missing(inputs, "ct"):
        notices.append("CT features absent: no CT in this export.")
    notices.extend(
        f"SUV was computed after repairs of the header: {flags_in_words(row['suv_flags'])}."
        for row in rows_of(where(inputs.acquisitions, role="pet"), "suv_flags")
        if row["suv_flags"] and inputs.study.get("status") != "refused"
    )
    return notices


def _segmenter_notes(inputs: StudyPageInputs) -> list[tuple[str, list[str]]]:
    """Each algorithm with its notes in words; the codes are for tables."""
    return [
        (algorithm_name(algorithm), [note.partition(": ")[2] or note for note in notes])
        for algorithm, notes in inputs.segmenter_notes.items()
        if notes
    ]


def _why_no_picture(inputs: StudyPageInputs) -> str:
    if inputs.study.get("status") == "refused":
        return "the study was refused"
    return "no PET in this export" if _missing(inputs, "pet") else "none was drawn"


def _known(value: Any, unit: str = "") -> str:
    if is_missing(value) or value == "":
        return "not known"
    return quantity(float(value), unit) if isinstance(value, (int, float)) else str(value)


def _summary(inputs: StudyPageInputs, primary: str | None) -> list[Card]:
    """The numbers that a reader looks for first."""
    study = inputs.study
    pet = next(iter(rows_of(where(inputs.acquisitions, role="pet"))), {})
    status = str(study.get("status") or "unknown")
    person = [str(study.get("sex") or ""), _years(study.get("age_years"))]
    size = [
        "" if is_missing(study.get(column)) else quantity(float(study[column]), unit)
        for column, unit in (("weight_kg", "kg"), ("height_m", "m"))
    ]
    cards = [
        Card(
            "Status",
            STATUS.get(status, status),
            reason_in_words(study.get("reason_code")) if status == "refused" else "",
            "bad" if status == "refused" else "good",
        ),
        Card(
            "Patient",
            ", ".join(filter(None, person)) or "not known",
            " · ".join(filter(None, [*size, str(study.get("patient_key") or "")])),
        ),
        Card("Scanner", str(pet.get("scanner") or "not known"), str(study.get("study_date") or "")),
        Card(
            "Uptake time",
            _known(pet.get("uptake_time_min"), "min"),
            str(pet.get("radiopharmaceutical") or pet.get("radionuclide") or ""),
        ),
        Card(
            "Injected dose",
            _known(pet.get("injected_dose_mbq"), "MBq"),
            str(pet.get("radionuclide") or ""),
        ),
    ]
    return [*cards, *_burden_cards(inputs, primary)]


def _years(age: Any) -> str:
    if is_missing(age):
        return ""
    return "90 years or above" if age >= 90 else quantity(float(age), "years", 2)


def _burden_cards(inputs: StudyPageInputs, primary: str | None) -> list[Card]:
    values = tables.tmtv_by_algorithm(inputs.biomarkers)
    lesions = where(inputs.lesions, algorithm=primary) if primary else inputs.lesions.clear()
    name = algorithm_name(primary)
    known = {key: value for key, value in values.items() if value is not None}
    under = f"{name}" if primary in known else ""
    if len(known) > 1:
        low, high = min(known.values()), max(known.values())
        under += f"; {number(low)} to {number(high)} mL over {len(known)} methods"
    if known:
        first = known.get(primary or "", next(iter(known.values())))
        tmtv = quantity(first, "mL")
    else:
        tmtv, under = "not computed", _reason_of_tmtv(inputs)
    count = Card(
        "Lesions", text_of(lesions.height) if known else "not known", name if known else ""
    )
    return [Card("TMTV", tmtv, under, "wide"), count]


def _reason_of_tmtv(inputs: StudyPageInputs) -> str:
    reasons = distinct(where(inputs.biomarkers, biomarker="tmtv_ml"), "reason")
    if reasons:
        return reason_in_words(reasons[0])
    if inputs.study.get("status") == "refused":
        return reason_in_words(inputs.study.get("reason_code"))
    return "no PET in this export" if _missing(inputs, "pet") else "no lesion algorithm ran"


def _picture(title: str, png: bytes) -> PictureOnPage:
    """A picture with words for those who cannot see it; the numbers are in the tables."""
    if "whole" in title.lower():
        caption = (
            "maximum intensity projections of the PET from the front and from the side, SUVbw 0 to "
            "10 in inverse grey, with the lesions in red and the outlines of the main organs. The "
            "patient's right is on the left."
        )
        alternative = "Whole-body PET from the front and the side; lesions are listed below."
    else:
        caption = "the patient's right is on the left in coronal and axial slices."
        alternative = f"{title}; the values are in the tables below."
    return picture_on_page(title, png, alternative, caption)


_ACQUISITION_FACTS: Sequence[tuple[str, str, str]] = (
    ("Scanner", "scanner", ""),
    ("Reconstruction", "reconstruction", ""),
    ("Images", "slices", ""),
    ("Radiopharmaceutical", "radiopharmaceutical", ""),
    ("Radionuclide", "radionuclide", ""),
    ("Injected dose", "injected_dose_mbq", "MBq"),
    ("Uptake time", "uptake_time_min", "min"),
    ("Units of the stored values", "units", ""),
    ("Decay correction", "decay_correction", ""),
    ("Decay reference (branch of the rule)", "decay_reference", ""),
)


def _acquisition(acquisitions: pl.DataFrame) -> list[tuple[str, list[tuple[str, str]]]]:
    """Facts of the series that were used, PET first."""
    blocks = []
    for role in ("pet", "ct"):
        for row in rows_of(where(acquisitions, role=role), "suv_flags"):
            facts = [
                (label, _known(row.get(column), unit))
                for label, column, unit in _ACQUISITION_FACTS
                if role == "pet" or not is_missing(row.get(column))
            ]
            spacing = [row.get(f"spacing_{axis}_mm") for axis in "zyx"]
            known = [float(s) for s in spacing if s is not None]
            if len(known) == 3:
                words = " × ".join(number(s) for s in known)
                facts.insert(3, ("Voxel (z × y × x)", f"{words}\u00a0mm"))
            if role == "pet":
                repairs = flags_in_words(row["suv_flags"]) if row["suv_flags"] else "none"
                facts.append(("Repairs on the way to SUV", repairs))
            blocks.append((ROLES[role], facts))
    return blocks
