"""Masks of an export as files: packed bits and a JSON record, overlaps kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from wbr_platform.imaging import Geometry, NamedMask


def write_masks(masks: Sequence[NamedMask], folder: Path) -> None:
    """Write each mask as ``mask_<n>.npy`` (packed bits) with its record in ``masks.json``."""
    records = []
    for number, mask in enumerate(masks):
        np.save(folder / f"mask_{number}.npy", np.packbits(mask.mask))
        records.append(
            {
                "name": mask.name,
                "geometry": asdict(mask.geometry),
                "source": mask.source,
                "code": mask.code,
                "notes": list(mask.notes),
            }
        )
    (folder / "masks.json").write_text(json.dumps(records, indent=1) + "\n")


def read_masks(folder: Path) -> tuple[NamedMask, ...]:
    """Read what :func:`write_masks` wrote."""
    masks = []
    for number, record in enumerate(json.loads((folder / "masks.json").read_text())):
        grid = record["geometry"]
        geometry = Geometry(
            tuple(grid["shape"]),
            tuple(grid["spacing"]),
            tuple(grid["origin"]),
            tuple(grid["direction"]),
        )
        packed = np.load(folder / f"mask_{number}.npy", allow_pickle=False)
        bits = np.unpackbits(packed, count=int(np.prod(geometry.shape))).astype(bool)
        masks.append(
            NamedMask(
                record["name"],
                bits.reshape(geometry.shape),
                geometry,
                record["source"],
                record["code"],
                tuple(record["notes"]),
            )
        )
    return tuple(masks)
