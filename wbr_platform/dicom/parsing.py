"""In the sandbox: pixels and masks of the series that were chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wbr_platform.dicom.describing import read_header
from wbr_platform.dicom.geometry_gate import check_slices
from wbr_platform.dicom.headers import text
from wbr_platform.dicom.pseudonym import identity_words, region_name
from wbr_platform.dicom.selection import MASK_CLASSES
from wbr_platform.dicom.volumes import read_image, read_series
from wbr_platform.imaging.geometry import Geometry
from wbr_platform.imaging.volume import NamedMask
from wbr_platform.refusal import Refusal

CODE = re.compile(r"[A-Za-z0-9_]{1,16}:[A-Za-z0-9._\-]{1,64}")
HU_TYPES = ("", "HU", "US")  # US: unspecified; what an original CT stores is HU nevertheless


def geometry_as_dict(geometry: Geometry) -> dict[str, Any]:
    """A geometry as JSON; :func:`geometry_from_dict` is its inverse."""
    return {
        "shape": list(geometry.shape),
        "spacing": list(geometry.spacing),
        "origin": list(geometry.origin),
        "direction": list(geometry.direction),
    }


def geometry_from_dict(fields: dict[str, Any]) -> Geometry:
    """The geometry of :func:`geometry_as_dict`."""
    depth, height, width = (int(n) for n in fields["shape"])
    z, y, x = (float(s) for s in fields["spacing"])
    left, posterior, superior = (float(v) for v in fields["origin"])
    direction = tuple(float(v) for v in fields["direction"])
    return Geometry((depth, height, width), (z, y, x), (left, posterior, superior), direction)


def parse_pet(paths: Sequence[str]) -> dict[str, Any]:
    """A PET series as SUVbw: {"array": float32 (z, y, x), "geometry", "instances"}."""
    from wbr_platform.dicom.suv import suv_conversion

    series = read_series([Path(path) for path in paths])
    factors = np.asarray(suv_conversion(series.headers).factors, dtype=np.float64)
    if factors.shape != (len(series.array),) or not np.isfinite(factors).all():
        raise Refusal("SUV_FACTORS_INVALID", "not every slice has a finite factor to SUV")
    for plane, factor in zip(series.array, factors, strict=True):
        plane *= factor
    return {
        "array": series.array,
        "geometry": geometry_as_dict(series.geometry),
        "instances": list(series.sop_instance_uids),
    }


def parse_ct(paths: Sequence[str]) -> dict[str, Any]:
    """A CT series in HU: {"array": float32 (z, y, x), "geometry", "instances"}."""
    series = read_series([Path(path) for path in paths])
    if any(text(header, "RescaleType").upper() not in HU_TYPES for header in series.headers):
        raise Refusal("CT_NOT_HU", "the CT's values are not Hounsfield units")
    return {
        "array": series.array,
        "geometry": geometry_as_dict(series.geometry),
        "instances": list(series.sop_instance_uids),
    }


def parse_masks(mask_path: str, image_paths: Sequence[str]) -> dict[str, Any]:
    """The masks of one SEG or RTSTRUCT on the grid of the image series that it refers to.

    A region's name is free text: one that might be about a person becomes ``region_<number>``.
    Masks travel as packed bits: {"masks": [{"name", "code", "source", "notes", "bits"}],
    "geometry", "instances"}.
    """
    headers = [read_header(Path(path)) for path in image_paths]
    order, geometry = check_slices(headers)
    instances = [text(headers[i], "SOPInstanceUID") for i in order]
    dataset = read_image(Path(mask_path))
    kind = MASK_CLASSES.get(text(dataset, "SOPClassUID"))
    masks: list[NamedMask]
    if kind == "SEG":
        from wbr_platform.dicom.seg import read_seg

        masks = read_seg(dataset, geometry, instances)
    elif kind == "RTSTRUCT":
        from wbr_platform.dicom.rtstruct import read_rtstruct

        masks = read_rtstruct(dataset, geometry, instances)
    else:
        raise Refusal("MASKS_UNREADABLE", "the object is neither a SEG nor an RTSTRUCT")
    identity = identity_words(dataset) | identity_words(headers[0])
    return {
        "masks": [
            {
                "name": region_name(mask.name, identity) or f"region_{number}",
                "code": mask.code if mask.code and CODE.fullmatch(mask.code) else None,
                "source": mask.source,
                "notes": list(mask.notes),
                "bits": np.packbits(mask.mask),
            }
            for number, mask in enumerate(masks, start=1)
        ],
        "geometry": geometry_as_dict(geometry),
        "instances": [text(dataset, "SOPInstanceUID")],
    }
