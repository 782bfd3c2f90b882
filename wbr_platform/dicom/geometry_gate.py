"""The gate before every volume: slices that do not form one regular grid are refused.

Series readers sort and stack whatever they are given; of 16 kinds of broken series a common one
built a wrong volume without a word for 14. Here a series is a volume only when its slices agree in
all that defines a grid and lie on it. The rules: DICOM PS3.3 C.7.6.2 (Image Plane Module).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from wbr_platform.dicom.headers import number, numbers, text, texts, whole
from wbr_platform.imaging.geometry import Geometry
from wbr_platform.refusal import Refusal

MAX_VOXELS = 500_000_000  # float32: 2 GB; a whole-body CT of 512 x 512 x 1500 passes
MAX_POSITION_MM = 10_000.0
PIXEL_SPACING_LIMITS_MM = (0.05, 50.0)
ORIENTATION_TOLERANCE = 1e-4
SPACING_TOLERANCE = 0.01  # of the median distance between slices
# Scanners write bed positions to some hundredths of a millimetre: a GE whole-body PET of 267 slices
# 3.27 mm apart has one step of 3.19 mm. Up to this much, and no more than 5 %, is not an error.
POSITION_JITTER_MM = 0.1
MAX_JITTER = 0.05
DRIFT_TOLERANCE = 0.1  # of a pixel, over the whole series
DRIFT_FLOOR_MM = 0.05
MAX_GAP = 1.5  # distance between slices over their thickness

MULTIFRAME_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image Storage
        "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT Image Storage
        "1.2.840.10008.5.1.4.1.1.128.1",  # Legacy Converted Enhanced PET Image Storage
        "1.2.840.10008.5.1.4.1.1.130",  # Enhanced PET Image Storage
    }
)
FRESH_EXPORT = "export the whole series again from the archive"
_SAME_VALUE = {
    "SeriesInstanceUID": ("GEOMETRY_MIXED_SERIES", "several series"),
    "StudyInstanceUID": ("GEOMETRY_MIXED_SERIES", "several studies"),
    "PatientID": ("GEOMETRY_MIXED_SERIES", "several patients"),
    "Modality": ("GEOMETRY_MIXED_SERIES", "several modalities"),
    "SOPClassUID": ("GEOMETRY_MIXED_SERIES", "several kinds of object"),
    "FrameOfReferenceUID": ("GEOMETRY_MIXED_FRAME_OF_REFERENCE", "several frames of reference"),
    "Rows": ("GEOMETRY_MIXED_MATRIX", "several matrix sizes"),
    "Columns": ("GEOMETRY_MIXED_MATRIX", "several matrix sizes"),
    "BitsAllocated": ("GEOMETRY_MIXED_PIXEL_FORMAT", "several pixel formats"),
    "BitsStored": ("GEOMETRY_MIXED_PIXEL_FORMAT", "several pixel formats"),
    "PixelRepresentation": ("GEOMETRY_MIXED_PIXEL_FORMAT", "several pixel formats"),
    "PhotometricInterpretation": ("GEOMETRY_MIXED_PIXEL_FORMAT", "several pixel formats"),
    "TemporalPositionIdentifier": ("GEOMETRY_SEVERAL_TIME_POINTS", "several time points"),
    "TemporalPositionIndex": ("GEOMETRY_SEVERAL_TIME_POINTS", "several time points"),
}


def check_slices(headers: Sequence[Dataset]) -> tuple[list[int], Geometry]:
    """The order of the slices along the normal, ascending, and the grid that they form.

    ``headers`` holds one single-frame image each, in any order. The grid's z axis is the normal
    (row direction x column direction); ``order[k]`` is the index of the header of plane k.

    Raises Refusal with a code ``GEOMETRY_…``, ``PIXELS_…`` or ``ENHANCED_MULTIFRAME_UNSUPPORTED``.
    """
    _check_kind(headers)
    _check_agreement(headers)
    shape = _check_pixel_format(headers)
    rows_then_columns = _one_orientation(headers)
    spacing_y, spacing_x = _one_pixel_spacing(headers)
    positions = _positions(headers)

    row, column = rows_then_columns[:3], rows_then_columns[3:]
    normal = np.cross(row, column)
    along = positions @ normal
    order = [int(i) for i in np.argsort(along, kind="stable")]
    spacing_z = _check_distances(along[order], headers)
    _check_drift(positions[order], row, column, min(spacing_y, spacing_x))
    _check_gaps(headers, spacing_z)
    _check_completeness(headers)

    origin = positions[order[0]]
    direction = np.column_stack([row, column, normal]).ravel() + 0.0  # no negative zeros
    return order, Geometry(
        (len(headers), *shape),
        (spacing_z, spacing_y, spacing_x),
        (float(origin[0]), float(origin[1]), float(origin[2])),
        tuple(float(v) for v in direction),
    )


def _check_kind(headers: Sequence[Dataset]) -> None:
    for header in headers:
        frames = whole(header, "NumberOfFrames")
        if (
            text(header, "SOPClassUID") in MULTIFRAME_CLASSES
            or "PerFrameFunctionalGroupsSequence" in header
            or (frames is not None and frames > 1)
        ):
            raise Refusal(
                "ENHANCED_MULTIFRAME_UNSUPPORTED",
                "multi-frame (enhanced) images are not read",
                "export the series as classic single-frame images",
            )
        if "LOCALIZER" in (value.upper() for value in texts(header, "ImageType")):
            raise Refusal(
                "GEOMETRY_LOCALIZER", "the series holds a localizer image", "choose another series"
            )
        # GE writes NumberOfTimeSlices = number of slices into static series: SeriesType decides.
        time_points = [whole(header, k) for k in ("NumberOfTimeSlices", "NumberOfTimeSlots")]
        if text(header, "SeriesType").upper() in ("DYNAMIC", "GATED") and any(
            points is not None and points > 1 for points in time_points
        ):
            raise Refusal(
                "GEOMETRY_SEVERAL_TIME_POINTS",
                "the series is dynamic or gated",
                "export one time point as a static series",
            )
    if len(headers) < 2:
        raise Refusal(
            "GEOMETRY_TOO_FEW_SLICES",
            f"a volume needs two slices or more, the series has {len(headers)}",
            FRESH_EXPORT,
        )


def _check_agreement(headers: Sequence[Dataset]) -> None:
    for keyword, (reason_code, words) in _SAME_VALUE.items():
        if len({texts(header, keyword) for header in headers}) > 1:
            raise Refusal(reason_code, f"the series holds {words} ({keyword})", FRESH_EXPORT)
    identifiers = [text(header, "SOPInstanceUID") for header in headers]
    if not all(identifiers):
        raise Refusal("GEOMETRY_NO_INSTANCE_UID", "an image has no SOPInstanceUID", FRESH_EXPORT)
    if len(set(identifiers)) < len(identifiers):
        raise Refusal(
            "GEOMETRY_DUPLICATE_SLICE", "the same image was given more than once", FRESH_EXPORT
        )


def _check_pixel_format(headers: Sequence[Dataset]) -> tuple[int, int]:
    header = headers[0]
    rows, columns = whole(header, "Rows"), whole(header, "Columns")
    if rows is None or columns is None or rows < 1 or columns < 1:
        raise Refusal("GEOMETRY_NO_MATRIX", "Rows or Columns is missing", FRESH_EXPORT)
    if len(headers) * rows * columns > MAX_VOXELS:
        raise Refusal(
            "GEOMETRY_TOO_MANY_VOXELS",
            f"{len(headers)} x {rows} x {columns} voxels are more than {MAX_VOXELS}",
            "check that the series is a PET or CT of one patient",
        )
    allocated, stored = whole(header, "BitsAllocated"), whole(header, "BitsStored")
    high_bit = whole(header, "HighBit")
    samples = whole(header, "SamplesPerPixel")
    if allocated not in (8, 16, 32) or stored is None or not 1 <= stored <= allocated:
        raise Refusal("PIXELS_UNSUPPORTED_FORMAT", "the pixels have an unknown size", FRESH_EXPORT)
    if (
        samples not in (None, 1)
        or high_bit not in (None, stored - 1)
        or whole(header, "PixelRepresentation") not in (0, 1)
        or text(header, "PhotometricInterpretation") not in ("MONOCHROME2", "")
    ):
        raise Refusal(
            "PIXELS_UNSUPPORTED_FORMAT", "the pixels are not plain grey values", FRESH_EXPORT
        )
    return rows, columns


def _one_orientation(headers: Sequence[Dataset]) -> NDArray[np.float64]:
    orientations = [numbers(header, "ImageOrientationPatient", 6) for header in headers]
    known = [orientation for orientation in orientations if orientation is not None]
    if len(known) < len(headers):
        raise Refusal(
            "GEOMETRY_NO_ORIENTATION", "an image has no ImageOrientationPatient", FRESH_EXPORT
        )
    all_of_them = np.stack(known)
    if np.abs(all_of_them - all_of_them[0]).max() > ORIENTATION_TOLERANCE:
        raise Refusal(
            "GEOMETRY_MIXED_ORIENTATION",
            "the images are not parallel: ImageOrientationPatient differs",
            FRESH_EXPORT,
        )
    row, column = all_of_them[0, :3], all_of_them[0, 3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not np.allclose(lengths, 1.0, atol=1e-2) or abs(float(row @ column)) > 1e-3:
        raise Refusal(
            "GEOMETRY_BAD_ORIENTATION",
            "ImageOrientationPatient is not two perpendicular unit vectors",
            FRESH_EXPORT,
        )
    row = row / lengths[0]
    column = column - (column @ row) * row
    return np.concatenate([row, column / np.linalg.norm(column)])


def _one_pixel_spacing(headers: Sequence[Dataset]) -> tuple[float, float]:
    """PixelSpacing as (y, x): its first value is the distance between rows."""
    spacings = [numbers(header, "PixelSpacing", 2) for header in headers]
    known = [spacing for spacing in spacings if spacing is not None]
    if len(known) < len(headers):
        raise Refusal("GEOMETRY_NO_SPACING", "an image has no PixelSpacing", FRESH_EXPORT)
    all_of_them = np.stack(known)
    low, high = PIXEL_SPACING_LIMITS_MM
    if all_of_them.min() < low or all_of_them.max() > high:
        raise Refusal(
            "GEOMETRY_ABSURD_SPACING", f"PixelSpacing is not within {low}-{high} mm", FRESH_EXPORT
        )
    if np.abs(all_of_them / all_of_them[0] - 1.0).max() > ORIENTATION_TOLERANCE:
        raise Refusal("GEOMETRY_MIXED_SPACING", "the images differ in PixelSpacing", FRESH_EXPORT)
    return float(all_of_them[0, 0]), float(all_of_them[0, 1])


def _positions(headers: Sequence[Dataset]) -> NDArray[np.float64]:
    positions = [numbers(header, "ImagePositionPatient", 3) for header in headers]
    known = [position for position in positions if position is not None]
    if len(known) < len(headers):
        raise Refusal(
            "GEOMETRY_NO_POSITION", "an image has no usable ImagePositionPatient", FRESH_EXPORT
        )
    all_of_them = np.stack(known)
    if np.abs(all_of_them).max() > MAX_POSITION_MM:
        raise Refusal(
            "GEOMETRY_ABSURD_POSITION",
            f"an image lies more than {MAX_POSITION_MM / 1000:.0f} m from the origin",
            FRESH_EXPORT,
        )
    return all_of_them


def _check_distances(along: NDArray[np.float64], headers: Sequence[Dataset]) -> float:
    """The one distance between planes (mm) of sorted plane positions."""
    steps = np.diff(along)
    median = float(np.median(steps))
    tolerance = max(SPACING_TOLERANCE * median, min(POSITION_JITTER_MM, MAX_JITTER * median))
    repeated = int(np.count_nonzero(steps <= tolerance))
    if repeated:
        times = {texts(header, "FrameReferenceTime") for header in headers}
        if 2 * (repeated + 1) >= len(along) and len(times) > 1:
            raise Refusal(
                "GEOMETRY_SEVERAL_TIME_POINTS",
                "the same planes were imaged more than once",
                "export one time point as a static series",
            )
        raise Refusal(
            "GEOMETRY_DUPLICATE_SLICE", f"{repeated} planes lie on one another", FRESH_EXPORT
        )
    uneven = np.abs(steps - median) > tolerance
    if uneven.any():
        multiples = steps[uneven] / median
        whole_steps = np.abs(multiples - np.rint(multiples)) <= MAX_JITTER
        if whole_steps.all() and (np.rint(multiples) >= 2).all():
            missing = int((np.rint(multiples) - 1).sum())
            raise Refusal("GEOMETRY_MISSING_SLICE", f"{missing} slices are missing", FRESH_EXPORT)
        raise Refusal(
            "GEOMETRY_UNEVEN_SPACING",
            f"{int(uneven.sum())} distances between slices differ from the median {median:.3f} mm",
            FRESH_EXPORT,
        )
    spacing = float((along[-1] - along[0]) / (len(along) - 1))
    off_grid = np.abs(along - along[0] - spacing * np.arange(len(along)))
    if off_grid.max() > 2 * tolerance:
        raise Refusal(
            "GEOMETRY_UNEVEN_SPACING",
            f"a slice lies {off_grid.max():.2f} mm off the regular grid",
            FRESH_EXPORT,
        )
    return spacing


def _check_drift(
    positions: NDArray[np.float64],
    row: NDArray[np.float64],
    column: NDArray[np.float64],
    pixel_mm: float,
) -> None:
    """Planes must lie straight above one another: a tilted gantry shears the volume."""
    offsets = (positions - positions[0]) @ np.column_stack([row, column])
    allowed = max(DRIFT_TOLERANCE * pixel_mm, DRIFT_FLOOR_MM)
    drift = float(np.linalg.norm(offsets, axis=1).max())
    if drift <= allowed:
        return
    plane = np.arange(len(offsets), dtype=np.float64)[:, None]
    straight = plane * offsets[-1] / plane[-1]
    if np.abs(offsets - straight).max() <= allowed:
        raise Refusal(
            "GEOMETRY_TILT",
            f"the slices drift sideways by {drift:.2f} mm (tilted gantry)",
            "export a series reconstructed without tilt",
        )
    raise Refusal(
        "GEOMETRY_SHIFTED_SLICE", f"a slice lies {drift:.2f} mm beside the others", FRESH_EXPORT
    )


def _check_gaps(headers: Sequence[Dataset], spacing_z: float) -> None:
    """Slices much thinner than their distance: every other one is missing, or never was there."""
    thickness = number(headers[0], "SliceThickness")
    if thickness is not None and thickness > 0 and spacing_z > MAX_GAP * thickness:
        raise Refusal(
            "GEOMETRY_GAPS",
            f"slices {thickness:.2f} mm thick lie {spacing_z:.2f} mm apart",
            "export the contiguous series",
        )


def _check_completeness(headers: Sequence[Dataset]) -> None:
    """Slices missing at either end leave an even spacing; a PET says how many there should be."""
    promised = whole(headers[0], "NumberOfSlices")
    if promised is not None and promised > len(headers):
        raise Refusal(
            "GEOMETRY_MISSING_SLICE",
            f"{len(headers)} of the {promised} slices that the header promises are here",
            FRESH_EXPORT,
        )
