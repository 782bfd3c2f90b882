"""In the sandbox: what a study holds, by its headers; the series chosen; whether SUV can be had.

Nothing here knows the pseudonym key. What identifies the patient goes back to the parent only in
the fields of :func:`patient_fields`, from which the parent makes an age and a shifted date.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from wbr_platform.dicom.geometry_gate import FRESH_EXPORT, check_slices
from wbr_platform.dicom.headers import PARSER_ERRORS, number, numbers, text, texts, whole
from wbr_platform.dicom.pseudonym import allowed_fields, identity_words, technical_text
from wbr_platform.dicom.selection import SeriesSummary, select_series
from wbr_platform.imaging.geometry import Geometry
from wbr_platform.refusal import Refusal

_PLANE_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "PatientID",
    "Modality",
    "FrameOfReferenceUID",
    "ImageType",
    "SeriesType",
    "SeriesNumber",
    "SeriesDescription",
    "CorrectedImage",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "NumberOfSlices",
    "NumberOfTimeSlices",
    "NumberOfTimeSlots",
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "FrameReferenceTime",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
]


def describe_files(files: Sequence[Sequence[str]], conflicts: Sequence[str]) -> dict[str, Any]:
    """Describe the files of one study, given as [path, SeriesInstanceUID].

    ``conflicts`` are the series with two different images under one identifier. Returns "series"
    (a list of what is known of each), "selection" and "patient".
    """
    paths: dict[str, list[Path]] = defaultdict(list)
    for path, series_instance_uid in files:
        paths[series_instance_uid].append(Path(path))
    headers: dict[str, Dataset] = {}
    summaries: list[SeriesSummary] = []
    geometries: dict[str, Geometry] = {}
    suv: dict[str, dict[str, Any]] = {}
    for uid, of_series in sorted(paths.items()):
        summary, header, geometry = _summarise(uid, of_series, uid in conflicts)
        if geometry is not None:
            geometries[uid] = geometry
        if summary.is_pet and summary.refusal is None:
            summary, suv[uid] = _try_suv(summary, of_series)
        headers[uid] = header
        summaries.append(summary)
    selection = select_series(summaries)
    chosen = selection.pet or selection.ct or min(headers)
    refusal = selection.refusal
    return {
        "series": [
            {
                "series_instance_uid": one.series_instance_uid,
                "modality": _code(one.modality),
                "images": one.images,
                **vars(selection.choices[one.series_instance_uid]),
                **_technical(headers[one.series_instance_uid]),
                **_spacing(
                    geometries.get(one.series_instance_uid), headers[one.series_instance_uid]
                ),
                "suv": suv.get(one.series_instance_uid),
            }
            for one in summaries
        ],
        "selection": {
            "pet": selection.pet,
            "ct": selection.ct,
            "masks": [list(pair) for pair in selection.masks],
            "mask_files": sum(len(paths[uid]) for uid, _ in selection.masks),
            "refusal": None
            if refusal is None
            else [refusal.reason_code, refusal.message, refusal.action],
        },
        "patient": patient_fields(headers[chosen]),
    }


def patient_fields(header: Dataset) -> dict[str, Any]:
    """The few fields about the patient; the dates are exact and must not leave the vault.

    The names are for the vault's audit alone, which looks for them in all outputs.
    """
    sex = text(header, "PatientSex").upper()
    weight, height = number(header, "PatientWeight"), number(header, "PatientSize")
    if weight is not None and weight >= 1000:
        weight /= 1000  # written in g
    if height is not None and height > 3:
        height /= 100  # written in cm
    named = ("PatientName", "OtherPatientNames", "OtherPatientIDs", "AccessionNumber")
    return {
        "names": [value for keyword in named for value in texts(header, keyword)],
        "birth_date": text(header, "PatientBirthDate"),
        "study_date": text(header, "StudyDate") or text(header, "SeriesDate"),
        "patient_age": text(header, "PatientAge"),
        "sex": sex if sex in ("M", "F", "O") else None,
        "weight_kg": weight if weight is not None and 0 < weight < 700 else None,
        "height_m": height if height is not None and 0.2 < height < 2.8 else None,
    }


def _summarise(
    uid: str, paths: Sequence[Path], conflicting: bool
) -> tuple[SeriesSummary, Dataset, Geometry | None]:
    """A series' summary, its first header in full, and its grid when it passes the gate."""
    first = read_header(paths[0])
    summary = SeriesSummary(
        series_instance_uid=uid,
        modality=text(first, "Modality"),
        sop_class=text(first, "SOPClassUID"),
        images=len(paths),
        image_type=texts(first, "ImageType"),
        corrected_image=texts(first, "CorrectedImage"),
        series_type=text(first, "SeriesType"),
        description=text(first, "SeriesDescription"),
        frame_of_reference=text(first, "FrameOfReferenceUID"),
        series_number=whole(first, "SeriesNumber") or 0,
    )
    if conflicting:
        refusal = Refusal(
            "SERIES_CONFLICTING_DUPLICATES",
            "two different images bear the same SOPInstanceUID",
            FRESH_EXPORT,
        )
        return replace(summary, refusal=refusal), first, None
    if summary.is_masks:
        return _with_references(summary, paths), first, None
    if not summary.is_pet and not summary.is_ct:
        return summary, first, None
    try:
        planes = [read_header(path, _PLANE_TAGS) for path in paths]
        order, geometry = check_slices(planes)
    except Refusal as refusal:
        return replace(summary, refusal=refusal), first, None
    low, high = _box(geometry)
    return (
        replace(
            summary,
            box_low=low,
            box_high=high,
            sop_instance_uids=frozenset(text(plane, "SOPInstanceUID") for plane in planes),
        ),
        read_header(paths[order[0]]),
        geometry,
    )


def read_header(path: Path, tags: list[str] | None = None) -> Dataset:
    """One header without pixels; Refusal FILE_UNREADABLE."""
    try:
        return pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=tags)
    except PARSER_ERRORS as error:
        raise Refusal(
            "FILE_UNREADABLE",
            f"a file of the series cannot be read ({type(error).__name__})",
            FRESH_EXPORT,
        ) from error


def _box(
    geometry: Geometry,
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Bounding box of the voxels (not of their centres), LPS mm."""
    edges = [(-0.5, n - 0.5) for n in geometry.shape]
    corners = geometry.index_to_world(np.array(np.meshgrid(*edges)).reshape(3, -1).T)
    low, high = corners.min(axis=0), corners.max(axis=0)
    return (
        (float(low[0]), float(low[1]), float(low[2])),
        (float(high[0]), float(high[1]), float(high[2])),
    )


def _try_suv(summary: SeriesSummary, paths: Sequence[Path]) -> tuple[SeriesSummary, dict[str, Any]]:
    """What the way to SUV says about a PET: its facts, or the refusal in the summary."""
    from wbr_platform.dicom.suv import suv_conversion

    headers = [read_header(path) for path in paths]
    facts: dict[str, Any] = {"units": _code(text(headers[0], "Units"))}
    facts["decay_correction"] = _code(text(headers[0], "DecayCorrection"))
    try:
        conversion = suv_conversion(headers)
    except Refusal as refusal:
        return replace(summary, refusal=refusal), facts
    identity = identity_words(headers[0])
    for name in ("radionuclide", "radiopharmaceutical", "units", "decay_correction"):
        value = getattr(conversion, name)
        facts[name] = None if value is None else technical_text(str(value), identity)
    facts["decay_reference"] = conversion.decay_reference
    facts["flags"] = list(conversion.flags)
    facts["uptake_time_min"] = conversion.uptake_time_min
    facts["injected_dose_mbq"] = conversion.injected_dose_mbq
    return summary, facts


def _code(value: str) -> str | None:
    """A code string (capitals, digits, space, underscore; 16 at most), else None."""
    return value if value.isascii() and len(value) <= 16 and value.isupper() else None


def _technical(header: Dataset) -> dict[str, Any]:
    fields = allowed_fields(header)
    manufacturer, model = fields.get("Manufacturer"), fields.get("ManufacturerModelName")
    named = [part for part in (manufacturer, model) if part]
    return {
        "manufacturer": manufacturer,
        "model": model,
        "scanner": " ".join(named) or None,
        "reconstruction": fields.get("ReconstructionMethod", fields.get("ConvolutionKernel")),
        "fields": fields,
    }


def _spacing(geometry: Geometry | None, header: Dataset) -> dict[str, float | None]:
    if geometry is not None:
        z, y, x = geometry.spacing
        return {"spacing_z_mm": z, "spacing_y_mm": y, "spacing_x_mm": x}
    in_plane = numbers(header, "PixelSpacing", 2)
    y_mm, x_mm = (None, None) if in_plane is None else (float(in_plane[0]), float(in_plane[1]))
    return {"spacing_z_mm": None, "spacing_y_mm": y_mm, "spacing_x_mm": x_mm}


def _with_references(summary: SeriesSummary, paths: Sequence[Path]) -> SeriesSummary:
    series: set[str] = set()
    instances: set[str] = set()
    frames: set[str] = set()
    try:
        for path in paths:
            _collect_references(read_header(path), series, instances, frames)
    except Refusal as refusal:
        return replace(summary, refusal=refusal)
    return replace(
        summary,
        referenced_series=frozenset(series - {""}),
        referenced_instances=frozenset(instances - {""}),
        referenced_frames=frozenset(frames - {""}),
    )


def _collect_references(
    masks: Dataset, series: set[str], instances: set[str], frames: set[str]
) -> None:
    """References of a SEG (Common Instance Reference) or RTSTRUCT (its three ways of saying)."""
    for referenced in _items(masks, "ReferencedSeriesSequence"):
        series.add(text(referenced, "SeriesInstanceUID"))
        for image in _items(referenced, "ReferencedInstanceSequence"):
            instances.add(text(image, "ReferencedSOPInstanceUID"))
    for frame in _items(masks, "ReferencedFrameOfReferenceSequence"):
        frames.add(text(frame, "FrameOfReferenceUID"))
        for study in _items(frame, "RTReferencedStudySequence"):
            for referenced in _items(study, "RTReferencedSeriesSequence"):
                series.add(text(referenced, "SeriesInstanceUID"))
                for image in _items(referenced, "ContourImageSequence"):
                    instances.add(text(image, "ReferencedSOPInstanceUID"))
    for region in _items(masks, "StructureSetROISequence"):
        frames.add(text(region, "ReferencedFrameOfReferenceUID"))
    if instances - {""} or series - {""}:
        return
    for contours in _items(masks, "ROIContourSequence"):
        for contour in _items(contours, "ContourSequence"):
            for image in _items(contour, "ContourImageSequence"):
                instances.add(text(image, "ReferencedSOPInstanceUID"))


def _items(dataset: Dataset, keyword: str) -> Iterator[Dataset]:
    try:
        sequence = dataset.get(keyword)
        items = [] if sequence is None else list(sequence)
    except PARSER_ERRORS as error:
        raise Refusal(
            "MASKS_UNREADABLE", f"a sequence cannot be read ({type(error).__name__})", FRESH_EXPORT
        ) from error
    return (item for item in items if isinstance(item, Dataset))
