"""Attacks by zip: nothing outside the folder, bounded disk, a reason, and nothing left behind."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from wbr_platform.dicom.archive import NAMES_FILE, ArchiveLimits, extract_archive, is_zip
from wbr_platform.dicom.reading import register_exports
from wbr_platform.dicom.vault import Vault
from wbr_platform.refusal import Refusal
from wbr_platform_tests.dicom.synthetic_series import series, written

SMALL = ArchiveLimits(entries=20, file_bytes=3_000_000, total_bytes=5_000_000, free_bytes=0)


def _zip(entries: list[tuple[str | zipfile.ZipInfo, bytes]], method: int = 8) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return stream.getvalue()


def _noise(size: int) -> bytes:
    import numpy as np

    return np.random.default_rng(0).bytes(size)


def _link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return entry, target.encode()


def _encrypted() -> bytes:
    content = bytearray(_zip([("a", b"secret")]))
    central = content.rindex(b"PK\x01\x02")
    content[6] |= 1
    content[central + 8] |= 1
    return bytes(content)


def _lying_size() -> bytes:
    """Headers that claim 10 bytes for an entry that inflates to 4 MB."""
    content = bytearray(_zip([("a", bytes(4_000_000))]))
    central = content.rindex(b"PK\x01\x02")
    struct.pack_into("<I", content, 22, 10)
    struct.pack_into("<I", content, central + 24, 10)
    return bytes(content)


def _damaged_content() -> bytes:
    content = bytearray(_zip([("a", _noise(10_000))], method=0))
    content[5000] ^= 0xFF
    return bytes(content)


ATTACKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "bomb_by_ratio": (lambda: _zip([("a", bytes(2_500_000))]), "ARCHIVE_BOMB"),
    "file_too_large": (lambda: _zip([("a", _noise(3_100_000))]), "ARCHIVE_FILE_TOO_LARGE"),
    "total_too_large": (
        lambda: _zip([(str(i), _noise(2_000_000)) for i in range(3)]),
        "ARCHIVE_TOO_LARGE",
    ),
    "too_many_entries": (
        lambda: _zip([(str(i), b"x") for i in range(21)]),
        "ARCHIVE_TOO_MANY_ENTRIES",
    ),
    "nested": (lambda: _zip([("a", b"x"), ("inner.bin", _zip([("b", b"y")]))]), "ARCHIVE_NESTED"),
    "symbolic_link": (lambda: _zip([_link("l", "/etc"), ("l/passwd", b"x")]), "ARCHIVE_LINK"),
    "encrypted": (_encrypted, "ARCHIVE_ENCRYPTED"),
    "truncated": (lambda: _zip([("a", _noise(9000))])[:-200], "ARCHIVE_DAMAGED"),
    "damaged_content": (_damaged_content, "ARCHIVE_DAMAGED"),
    "lying_size": (_lying_size, "ARCHIVE_DAMAGED"),
    "empty": (lambda: _zip([]), "ARCHIVE_EMPTY"),
    "folders_only": (lambda: _zip([("folder/", b"")]), "ARCHIVE_EMPTY"),
    "no_zip": (lambda: b"PK\x03\x04" + bytes(500), "ARCHIVE_DAMAGED"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    build, reason = ATTACKS[name]
    archive, target = tmp_path / "a.zip", tmp_path / "out" / "x"
    archive.write_bytes(build())
    before = {path for path in tmp_path.rglob("*") if path != target.parent}
    with pytest.raises(Refusal) as refused:
        extract_archive(str(archive), str(target), SMALL)
    assert refused.value.reason_code == reason
    after = {path for path in tmp_path.rglob("*") if path != target.parent}
    assert after == before


SLIPPING = [
    "../../outside",
    "/absolute",
    "C:\\windows\\x",
    "..\\..\\outside",
    "name\n",
    "é\u202ename",
    "a" * 3000,
    ".",
]


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    """Slips, absolute names, equal names, names that differ in case only: all stay apart inside."""
    names = [*SLIPPING, "same", "same", "SAME"]
    archive = tmp_path / "a.zip"
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive.write_bytes(_zip([(name, f"{i}".encode()) for i, name in enumerate(names)]))
    target = tmp_path / "deep" / "out"
    answer = extract_archive(str(archive), str(target), SMALL)
    assert answer["files"] == len(names)
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip", "deep"}
    files = [path for path in target.iterdir() if path.name != NAMES_FILE]
    assert {path.read_bytes() for path in files} == {f"{i}".encode() for i in range(len(names))}
    assert all(len(path.name) == 32 and path.name.isalnum() for path in files)


def test_name_in_no_encoding(tmp_path: Path) -> None:
    content = _zip([("aaaa", b"1")]).replace(b"aaaa", b"\xff\xfe\x80\x81")
    archive = tmp_path / "a.zip"
    archive.write_bytes(content)
    assert extract_archive(str(archive), str(tmp_path / "out"), SMALL)["files"] == 1


def test_disk_is_never_filled(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(_zip([("a", b"x")]))
    with pytest.raises(Refusal) as refused:
        extract_archive(str(archive), str(tmp_path / "out"), ArchiveLimits(free_bytes=10**18))
    assert refused.value.reason_code == "ARCHIVE_DISK_FULL"


def test_dicom_file_with_the_preamble_of_a_zip_is_dicom(tmp_path: Path) -> None:
    path = tmp_path / "both"
    path.write_bytes(b"PK\x03\x04" + bytes(124) + b"DICM")
    assert not is_zip(path)


def test_export_with_a_bad_archive_keeps_its_good_files(tmp_path: Path) -> None:
    export = tmp_path / "export"
    written(series("CT"), export / "good")
    good = sorted((export / "good").iterdir())
    (export / "good.zip").write_bytes(
        _zip([(f"folder/{path.name}", path.read_bytes()) for path in good])
    )
    (export / "bad.zip").write_bytes(_encrypted())
    report = register_exports([export], Vault(tmp_path / "vault"))
    assert [study.files for study in report.studies] == [len(good)]
    assert [one.reason_code for one in report.rejected] == ["ARCHIVE_ENCRYPTED"]
