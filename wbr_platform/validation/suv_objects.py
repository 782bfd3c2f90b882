"""The IBSI-SUV digital reference objects, and what has to be refused when their headers change."""

from __future__ import annotations

import contextlib
import copy
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from wbr_platform.dicom.suv import suv_conversion
from wbr_platform.dicom.volumes import SeriesPixels, read_series
from wbr_platform.imaging.nifti import read_volume
from wbr_platform.imaging.volume import Volume
from wbr_platform.refusal import Refusal
from wbr_platform.validation.report import ValidationRow, compared, compared_text, failed

FOLDER = "suv_dro"
EXPECTED = "expected_suv.csv"
MASK = "DRO_mask.nii.gz"
TOLERANCE = 0.02
DECIMALS = 2  # of the references
STATISTICS: Mapping[str, Callable[[NDArray[np.float64]], np.floating]] = {
    "min": np.min,
    "median": np.median,
    "max": np.max,
}


def rows(folder: Path) -> list[ValidationRow]:
    """Minimum, median and maximum SUVbw inside the mask of every object, listed or present.

    The references have two decimals, so the values are compared at two decimals. The stored values
    of some objects are coarse (DRO_2_3: truncated to steps of 0.038 SUVbw, which no reader can
    undo): where the step is wider than the tolerance, the note gives it.
    """
    expected = pl.read_csv(folder / EXPECTED, infer_schema_length=None)
    listed = {str(row["id"]): row for row in expected.iter_rows(named=True)}
    present = objects(folder)
    mask = read_volume(folder / MASK, "1") if (folder / MASK).is_file() else None
    found: list[ValidationRow] = []
    for name in sorted(listed.keys() | present.keys()):
        if name not in present:
            found.append(failed(name, "SUVbw", f"listed in {EXPECTED}, but not in the folder"))
        elif name not in listed:
            found.append(failed(name, "SUVbw", f"in the folder, but not listed in {EXPECTED}"))
        else:
            references = {key: float(listed[name][f"suvbw_{key}"]) for key in STATISTICS}
            found.extend(_object_rows(name, present[name], mask, references))
    return found


def objects(folder: Path) -> dict[str, Path]:
    """The archives, and folders, of objects by their names."""
    return {
        path.name.removesuffix(".zip"): path
        for path in sorted(folder.iterdir())
        if path.name[0] not in "._" and (path.suffix == ".zip" or path.is_dir())
    }


def _object_rows(
    name: str, source: Path, mask: Volume | None, references: Mapping[str, float]
) -> list[ValidationRow]:
    try:
        with unpacked(source) as folder:
            own_masks = sorted(folder.rglob(MASK))
            if mask is None and own_masks:
                mask = read_volume(own_masks[0], "1")
            series = read_series(image_paths(folder))
        conversion = suv_conversion(series.headers)
    except Refusal as refusal:
        return [
            failed(name, f"SUVbw {key}", str(refusal), value) for key, value in references.items()
        ]
    if mask is None or not mask.geometry.same_grid(series.geometry):
        note = "no mask" if mask is None else "the mask lies on another grid"
        return [failed(name, f"SUVbw {key}", note, value) for key, value in references.items()]
    inside = mask.array > 0
    values = (series.array * conversion.factors[:, None, None])[inside]
    note = _note(series, conversion.factors, (conversion.decay_reference, *conversion.flags))
    return [
        compared(
            name,
            f"SUVbw {key}",
            reference,
            round(float(STATISTICS[key](values)), DECIMALS),
            TOLERANCE,
            "g/mL",
            note=f"{float(STATISTICS[key](values)):.5f} unrounded; {note}",
        )
        for key, reference in references.items()
    ]


def _note(series: SeriesPixels, factors: NDArray[np.float64], what: Sequence[str]) -> str:
    slopes = np.array([float(header.RescaleSlope) for header in series.headers])
    step = float((slopes * factors).max())
    coarse = [f"stored in steps of {step:.3f} SUVbw"] if step > TOLERANCE else []
    return ", ".join([*what, *coarse])


@contextlib.contextmanager
def unpacked(source: Path) -> Iterator[Path]:
    """A folder as it is, or an archive of reference data in a temporary folder."""
    if source.is_dir():
        yield source
        return
    with TemporaryDirectory() as temporary:
        with zipfile.ZipFile(source) as archive:
            archive.extractall(temporary)
        yield Path(temporary)


def image_paths(folder: Path, modality: str = "PT") -> list[Path]:
    """The files of one modality in the folder and below."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with contextlib.suppress(InvalidDicomError):  # masks and texts lie there too
            header = pydicom.dcmread(path, specific_tags=["Modality"], stop_before_pixels=True)
            if header.get("Modality") == modality:
                found.append(path)
    return found


def _set(keyword: str, value: object) -> Callable[[Dataset], None]:
    return lambda header: setattr(header, keyword, value)


def _set_of_tracer(keyword: str, value: object) -> Callable[[Dataset], None]:
    return lambda header: setattr(header.RadiopharmaceuticalInformationSequence[0], keyword, value)


REFUSALS: Mapping[str, tuple[Callable[[Dataset], None], str]] = {
    "units CPS": (_set("Units", "CPS"), "SUV_UNITS_UNSUPPORTED"),
    "units PROPCNTS": (_set("Units", "PROPCNTS"), "SUV_UNITS_UNSUPPORTED"),
    "units PROPCPS": (_set("Units", "PROPCPS"), "SUV_UNITS_UNSUPPORTED"),
    "units CNTS without Philips factors": (_set("Units", "CNTS"), "SUV_PHILIPS_FACTORS_MISSING"),
    "weight 0": (_set("PatientWeight", 0), "SUV_WEIGHT_MISSING"),
    "weight missing": (_set("PatientWeight", None), "SUV_WEIGHT_MISSING"),
    "weight 7 kg in mg": (_set("PatientWeight", 7e6), "SUV_WEIGHT_ABSURD"),
    "dose 1e15 Bq": (_set_of_tracer("RadionuclideTotalDose", 1e15), "SUV_DOSE_ABSURD"),
    "dose negative": (_set_of_tracer("RadionuclideTotalDose", -3.7e8), "SUV_DOSE_ABSURD"),
    "dose missing": (_set_of_tracer("RadionuclideTotalDose", None), "SUV_DOSE_MISSING"),
    "not attenuation corrected": (
        _set("CorrectedImage", ["NORM", "DECY"]),
        "SUV_ATTENUATION_NOT_CORRECTED",
    ),
    "START, but not decay corrected": (
        _set("CorrectedImage", ["NORM", "ATTN"]),
        "SUV_DECAY_NOT_CORRECTED",
    ),
}


def refusal_rows(folder: Path, name: str = "DRO_0_0") -> list[ValidationRow]:
    """The default object with one change of its headers each: refused with the right code."""
    source = objects(folder).get(name)
    if source is None:
        return [failed(case, "refused", f"{name} is absent") for case in REFUSALS]
    with unpacked(source) as unpacked_folder:
        headers = [
            pydicom.dcmread(path, stop_before_pixels=True) for path in image_paths(unpacked_folder)
        ]
    return [
        compared_text(f"{name}, {case}", "refused", reason_code, _reason(headers, change))
        for case, (change, reason_code) in REFUSALS.items()
    ]


def _reason(headers: Sequence[Dataset], change: Callable[[Dataset], None]) -> str:
    changed = [copy.deepcopy(header) for header in headers]
    for header in changed:
        change(header)
    try:
        suv_conversion(changed)
    except Refusal as refusal:
        return refusal.reason_code
    return "converted"
