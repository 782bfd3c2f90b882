"""RT structure sets as masks on the grid of their image, and label maps as RT structure sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import RTStructureSetStorage

from wbr_platform.dicom.contours import fill_polygons
from wbr_platform.dicom.headers import PARSER_ERRORS, text, whole
from wbr_platform.dicom.rtstruct_writing import write_rtstruct
from wbr_platform.dicom.sequences import items
from wbr_platform.imaging.geometry import Geometry
from wbr_platform.imaging.volume import NamedMask
from wbr_platform.refusal import Refusal

__all__ = ["read_rtstruct", "write_rtstruct"]

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
# Contours and images state the position of one plane with a few hundredths of a millimetre between
# them; more than a tenth of the distance between planes is another plane.
PLANE_TOLERANCE = 0.1
FLATNESS_MM = 0.5
MAX_POSITION_MM = 1e5
NO_CLOSED_CONTOUR = "NO_CLOSED_CONTOUR"
BETWEEN_PLANES = "CONTOURS_BETWEEN_PLANES"
OUTSIDE_IMAGE = "CONTOURS_OUTSIDE_IMAGE"


@dataclass(frozen=True)
class _Contour:
    """One closed contour: vertices (n, 2) as continuous (y, x), and its continuous plane index."""

    polygon: NDArray[np.float64]
    plane: float


def read_rtstruct(
    dataset: Dataset, geometry: Geometry, sop_instance_uids: Sequence[str]
) -> list[NamedMask]:
    """Every region of interest as a mask (z, y, x) on the image's grid.

    ``sop_instance_uids`` are those of the image's planes along z. A contour belongs to the plane
    whose image it names (ContourImageSequence), else to the plane at its position. When contours
    lie between the planes (they were drawn on another image), each plane takes the nearest
    contours that are no further than half the distance between contour planes, and the note
    CONTOURS_BETWEEN_PLANES says so. A voxel is inside when its centre is
    (:mod:`wbr_platform.dicom.contours`).

    A region without closed contours (a point, a line) is an empty mask with the note
    NO_CLOSED_CONTOUR; contours beyond the first or last plane give CONTOURS_OUTSIDE_IMAGE.

    Raises Refusal RTSTRUCT_NOT_ONE, RTSTRUCT_DAMAGED, RTSTRUCT_OBLIQUE (a contour is not parallel
    to the image's planes), RTSTRUCT_PLANE_CONTRADICTION (a contour names another image than the
    one where it lies).
    """
    if text(dataset, "SOPClassUID") != RTStructureSetStorage:
        raise Refusal("RTSTRUCT_NOT_ONE", "the object is not an RT structure set")
    if len(sop_instance_uids) != geometry.shape[0]:
        raise ValueError("one SOPInstanceUID for each plane of the grid")
    plane_of = {uid: plane for plane, uid in enumerate(sop_instance_uids)}
    contours = {
        whole(item, "ReferencedROINumber"): item for item in items(dataset, "ROIContourSequence")
    }
    codes = _codes(dataset)
    found = []
    for roi in items(dataset, "StructureSetROISequence"):
        number = whole(roi, "ROINumber")
        closed = [
            _contour(item, geometry, plane_of)
            for item in items(contours.get(number, Dataset()), "ContourSequence")
            if text(item, "ContourGeometricType") in CLOSED
        ]
        mask, notes = _mask(closed, geometry)
        name = text(roi, "ROIName") or f"ROI {number}"
        found.append(NamedMask(name, mask, geometry, "RTSTRUCT", codes.get(number), notes))
    return found


def _codes(dataset: Dataset) -> Mapping[int | None, str]:
    """ROI number to "scheme:value" where an observation codes what the region is."""
    codes: dict[int | None, str] = {}
    for observation in items(dataset, "RTROIObservationsSequence"):
        for item in items(observation, "RTROIIdentificationCodeSequence")[:1]:
            scheme, value = text(item, "CodingSchemeDesignator"), text(item, "CodeValue")
            if scheme and value:
                codes[whole(observation, "ReferencedROINumber")] = f"{scheme}:{value}"
    return codes


def _contour(item: Dataset, geometry: Geometry, plane_of: Mapping[str, int]) -> _Contour:
    try:
        points = np.asarray(item.ContourData, dtype=np.float64).reshape(-1, 3)
    except PARSER_ERRORS as error:
        raise Refusal("RTSTRUCT_DAMAGED", "a contour has no list of points") from error
    # Not a number compares as false, so this refuses it too.
    if not len(points) or not (np.abs(points) <= MAX_POSITION_MM).all():
        raise Refusal("RTSTRUCT_DAMAGED", "a contour has no points, or points without a place")
    index = geometry.world_to_index(points)
    plane = float(np.median(index[:, 0]))
    spacing = geometry.spacing[0]
    if np.abs(index[:, 0] - plane).max() * spacing > max(FLATNESS_MM, PLANE_TOLERANCE * spacing):
        raise Refusal(
            "RTSTRUCT_OBLIQUE",
            "a contour is not parallel to the planes of the image",
            "export the structures on the planes of the image, or as DICOM SEG",
        )
    named = {
        text(image, "ReferencedSOPInstanceUID") for image in items(item, "ContourImageSequence")
    }
    planes = [plane_of[uid] for uid in named if uid in plane_of]
    if len(planes) == 1:
        if abs(planes[0] - plane) > 0.5:
            raise Refusal(
                "RTSTRUCT_PLANE_CONTRADICTION",
                "a contour names the image of another plane than the one where it lies",
                "export image and structures again, from one system",
            )
        plane = float(planes[0])
    return _Contour(index[:, 1:], plane)


def _mask(
    contours: Sequence[_Contour], geometry: Geometry
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    mask = np.zeros(geometry.shape, dtype=np.bool_)
    if not contours:
        return mask, (NO_CLOSED_CONTOUR,)
    at: dict[float, list[NDArray[np.float64]]] = {}
    on_planes = all(abs(c.plane - round(c.plane)) <= PLANE_TOLERANCE for c in contours)
    for contour in contours:
        # Without this rounding two contours of one plane would not meet in one even-odd fill.
        place = round(contour.plane) if on_planes else round(contour.plane, 2)
        at.setdefault(float(place), []).append(contour.polygon)
    planes = np.array(sorted(at))
    notes = [] if on_planes else [BETWEEN_PLANES]
    if planes[0] < -0.5 or planes[-1] > geometry.shape[0] - 0.5:
        notes.append(OUTSIDE_IMAGE)
    reach = PLANE_TOLERANCE
    if not on_planes:
        reach = float(np.median(np.diff(planes))) / 2 if len(planes) > 1 else 0.5
    for z in range(geometry.shape[0]):
        nearest = planes[np.argmin(np.abs(planes - z))]
        if abs(nearest - z) <= reach:
            mask[z] = fill_polygons(at[float(nearest)], geometry.shape[1:])
    return mask, tuple(notes)
