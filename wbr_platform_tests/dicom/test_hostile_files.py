"""Malformed files, public and home-made: a verdict for each, and the good ones are read."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from wbr_platform.dicom.inventory import identify_files
from wbr_platform.dicom.reading import (
    describe_study,
    read_ct,
    read_masks,
    read_pet,
    register_exports,
)
from wbr_platform.dicom.sandbox import Limits, map_in_sandbox
from wbr_platform.dicom.vault import Vault
from wbr_platform.refusal import Refusal
from wbr_platform_tests.dicom.synthetic_series import SLICES, series, written
from wbr_platform_tests.reference_data import reference_data

CORPORA = [
    ("dicom_fuzz_pwnlab", "corpus.zip"),
    ("dicom_odd_pydicom", "test_files.zip"),
    ("dicom_odd_pydicom", "charset_files.zip"),
    ("dicom_odd_fodicom", "files.zip"),
]


def _reason(read: Callable[[Vault, str], object], vault: Vault, study_key: str) -> str | None:
    try:
        read(vault, study_key)
    except Refusal as refusal:
        return refusal.reason_code
    return None


@pytest.mark.reference
@pytest.mark.parametrize(("name", "archive"), CORPORA)
def test_public_corpus_together_with_a_good_series(name: str, archive: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(reference_data(name) / archive) as opened:
        opened.extractall(tmp_path / "export")
    written(series("CT"), tmp_path / "export" / "good")
    vault = Vault(tmp_path / "vault")
    report = register_exports([tmp_path / "export"], vault)
    given = sum(
        path.is_file() and path.name not in (".DS_Store", "Thumbs.db")
        for path in (tmp_path / "export").rglob("*")
    )
    # Every file is part of a study or rejected; copies of one image count once.
    in_studies = {
        copy[0]
        for key in vault.study_keys()
        for entry in vault.source(key)["files"]
        for copy in entry["copies"]
    }
    assert len(in_studies) + len(report.rejected) == given
    good = vault.pseudonyms.study_key("PATIENT-1", "", "1.2.826.0.1.99.1")
    assert read_ct(vault, good).array.shape[0] == SLICES
    for study in report.studies:
        description = describe_study(vault, study.study_key)
        assert description.study["status"] in ("accepted", "refused")
        for read in (read_pet, read_ct, read_masks):
            if description.refusal is None:
                assert _reason(read, vault, study.study_key) != "READING_FAILED"
    assert list(vault.workspace.iterdir()) == []


@pytest.mark.reference
@pytest.mark.parametrize(("name", "archive"), CORPORA)
def test_pixels_of_every_public_file(name: str, archive: str, tmp_path: Path) -> None:
    """Reading the whole file, pixels included: a hash or a reason for each."""
    with zipfile.ZipFile(reference_data(name) / archive) as opened:
        opened.extractall(tmp_path / "export")
    files = sorted(str(path) for path in (tmp_path / "export").rglob("*") if path.is_file())
    verdicts = map_in_sandbox(
        "wbr_platform.dicom.inventory:content_digest",
        files,
        tmp_path / "work",
        Limits(cpu_seconds=10, wall_seconds=20),
    )
    assert len(verdicts) == len(files)
    codes = {v.reason_code for v in verdicts if isinstance(v, Refusal)}
    assert codes <= {"FILE_UNREADABLE", "FILE_EXHAUSTED_MEMORY", "FILE_KILLED_PARSER"}


def _meta(content: bytes, syntax: bytes = b"1.2.840.10008.1.2.1\0") -> bytes:
    """A file with the preamble, a transfer syntax, and any content."""
    element = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(syntax)) + syntax
    return bytes(128) + b"DICM" + element + content


def _element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    head = struct.pack("<HH", group, number) + vr
    if vr in (b"SQ", b"OB", b"OW", b"UN", b"UT"):
        return head + b"\0\0" + struct.pack("<I", len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def _nested(depth: int) -> bytes:
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    begin = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
    return (begin + item) * depth


def _deflated_bomb() -> bytes:
    """800 MB of pixels in 800 kB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = struct.pack("<HH", 0x7FE0, 0x10) + b"OW\0\0" + struct.pack("<I", 800_000_000)
    body = packer.compress(head) + b"".join(packer.compress(bytes(8_000_000)) for _ in range(100))
    return _meta(body + packer.flush(), b"1.2.840.10008.1.2.1.99\0\0")


HOSTILE: dict[str, Callable[[], bytes]] = {
    "nothing but a preamble": lambda: bytes(128) + b"DICM",
    "preamble cut": lambda: bytes(130),
    "executable": lambda: b"MZ" + bytes(126) + b"DICM" + b"\x90" * 300,
    "random": lambda: zlib.compress(bytes(range(256)) * 50),
    "text": lambda: b"patient,name\n1,Jane\n" * 40,
    "html": lambda: b"<html>" * 100,
    "20 000 nested sequences": lambda: _meta(_nested(20_000)),
    "deflated bomb of 800 MB": _deflated_bomb,
    "deflated garbage": lambda: _meta(b"\xff" * 500, b"1.2.840.10008.1.2.1.99\0\0"),
    "length of 4 GB": lambda: _meta(b"\x08\x00\x18\x00UN\0\0\xfe\xff\xff\xff" + b"1.2.3"),
    "undefined length without end": lambda: _meta(b"\x08\x00\x18\x00UN\0\0\xff\xff\xff\xff12"),
    "unknown value representation": lambda: _meta(_element(8, 0x18, b"??", b"1.2.3.4 ")),
    "unknown transfer syntax": lambda: _meta(_element(8, 0x18, b"UI", b"1.2 "), b"9.9.9 "),
    "numbers that are none": lambda: _meta(
        _element(8, 0x18, b"UI", b"1.2.3") + _element(0x20, 0x32, b"DS", b"NaN\\inf\\1e9")
    ),
    "identifiers as paths": lambda: _meta(
        _element(8, 0x18, b"UI", b"../../x1")
        + _element(0x10, 0x20, b"LO", b"../../../../etc/passwd")
        + _element(0x20, 0x0D, b"UI", b"../../x2")
        + _element(0x20, 0x0E, b"UI", b"../../x3")
    ),
    "sql in identifiers": lambda: _meta(
        _element(8, 0x18, b"UI", b"1.2.7.1 ")
        + _element(0x10, 0x20, b"LO", b"'; DROP TABLE studies;--")
        + _element(0x20, 0x0D, b"UI", b"1.2.7.2 ")
        + _element(0x20, 0x0E, b"UI", b"1.2.7.3 ")
    ),
}


def test_hostile_files_of_our_own(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    written(series("CT"), folder / "good")
    for number, build in enumerate(HOSTILE.values()):
        (folder / f"hostile{number}").write_bytes(build())
    vault = Vault(tmp_path / "vault")
    report = register_exports([folder], vault)
    good = vault.pseudonyms.study_key("PATIENT-1", "", "1.2.826.0.1.99.1")
    assert read_ct(vault, good).array.shape[0] == SLICES
    others = [study.study_key for study in report.studies if study.study_key != good]
    assert len(others) + len(report.rejected) == len(HOSTILE)
    for key in others:
        refusal = describe_study(vault, key).refusal
        assert refusal is not None
        assert refusal.reason_code == "STUDY_WITHOUT_IMAGES"
    outside = {path.name for path in tmp_path.iterdir()}
    assert outside == {"export", "vault"}


@pytest.mark.parametrize("seed", range(3))
def test_random_damage_to_a_series(seed: int, tmp_path: Path) -> None:
    """Flip, cut and insert bytes: a volume only ever comes out of untouched geometry."""
    import numpy as np

    rng = np.random.default_rng(seed)
    clean = written(series("PT"), tmp_path / "clean")
    folder = tmp_path / "export"
    folder.mkdir()
    for number in range(40):
        content = bytearray(clean[number % len(clean)].read_bytes())
        kind, place = rng.integers(3), int(rng.integers(132, len(content)))
        if kind == 0:
            content[place] ^= int(rng.integers(1, 256))
        elif kind == 1:
            del content[place:]
        else:
            content[place:place] = rng.bytes(int(rng.integers(1, 9)))
        (folder / f"{number}").write_bytes(content)
    found, rejected = identify_files(sorted(folder.iterdir()), tmp_path / "work")
    assert len(found) + len(rejected) == 40
    assert all(one.refusal.reason_code != "READING_FAILED" for one in rejected)


def test_identity_of_a_good_file(tmp_path: Path) -> None:
    plane: Dataset = series("CT")[0]
    [found], rejected = identify_files(written([plane], tmp_path / "export"), tmp_path / "work")
    assert rejected == []
    assert found.sop_instance_uid == plane.SOPInstanceUID
    assert (found.patient_id, found.modality) == ("PATIENT-1", "CT")
