"""Is a NIfTI file whole? The image reader fills what a truncated file lacks without a word."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO, cast

from wbr_platform.refusal import Refusal

GZIP_MAGIC = b"\x1f\x8b"
MAX_BYTES = 8 * 1000**3
CHUNK = 1 << 20
NIFTI1_HEADER, NIFTI2_HEADER = 348, 540


def check_nifti(path: Path) -> None:
    """Refusal NIFTI_UNREADABLE unless the file holds every voxel that its header promises.

    A compressed file is read to its end, its checksum included. NIfTI-1 and -2, single file.
    """
    with path.open("rb") as stream:
        compressed = stream.read(2) == GZIP_MAGIC
    try:
        with _opened(path, compressed) as stream:
            header = stream.read(NIFTI2_HEADER)
            length = len(header)
            while chunk := stream.read(CHUNK):
                length += len(chunk)
                if length > MAX_BYTES:
                    raise Refusal("NIFTI_UNREADABLE", "the NIfTI file is too large")
        expected = _expected_bytes(header)
    except (EOFError, OSError, zlib.error, struct.error) as error:
        raise _damaged("it is truncated or damaged") from error
    if length < expected:
        raise _damaged(f"it holds {length} of {expected} bytes")


def _opened(path: Path, compressed: bool) -> IO[bytes]:
    if compressed:
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def _expected_bytes(header: bytes) -> int:
    """Bytes of the whole file by its header (fields: NIfTI-1 and NIfTI-2 standards)."""
    for order in "<>":
        [size] = struct.unpack_from(f"{order}i", header)
        if size == NIFTI1_HEADER:
            dim = struct.unpack_from(f"{order}8h", header, 40)
            [bits] = struct.unpack_from(f"{order}h", header, 72)
            [offset] = struct.unpack_from(f"{order}f", header, 108)
        elif size == NIFTI2_HEADER:
            dim = struct.unpack_from(f"{order}8q", header, 16)
            [bits] = struct.unpack_from(f"{order}h", header, 14)
            [offset] = struct.unpack_from(f"{order}q", header, 168)
        else:
            continue
        if not 1 <= dim[0] <= 7 or not math.isfinite(offset) or bits <= 0:
            break
        return int(offset) + math.prod(max(n, 1) for n in dim[1 : dim[0] + 1]) * bits // 8
    raise _damaged("its header is none")


def _damaged(words: str) -> Refusal:
    return Refusal("NIFTI_UNREADABLE", f"the NIfTI file cannot be used: {words}", "give it again")
