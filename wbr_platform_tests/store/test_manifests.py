"""Manifests, stamps and keys."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from wbr_platform.refusal import Refusal
from wbr_platform.store.files import Store
from wbr_platform.store.layout import check_key
from wbr_platform.store.manifests import Manifest, stamp


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    manifest = Manifest(
        "pet_suv", "s1", "refused", "NO_WEIGHT", "no weight", "give it", "abc",
        {"slices": np.int64(3), "mean": np.float32(0.5), "names": ["ä"]},
    )  # fmt: skip
    store.write_manifest(manifest)
    back = store.read_manifest("pet_suv", "s1")
    assert back is not None
    assert (back.status, back.reason_code, back.stamp) == ("refused", "NO_WEIGHT", "abc")
    assert back.metadata == {"slices": 3, "mean": 0.5, "names": ["ä"]}
    assert datetime.fromisoformat(back.created).utcoffset() is not None
    assert store.study_manifests("s1") == [back]
    assert store.study_keys() == ["s1"]


def test_manifests_of_the_cohort_stand_apart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_manifest(Manifest("organ_network", None, "done"))
    assert store.read_manifest("organ_network") in store.cohort_manifests()
    assert store.read_manifest("organ_network", "s1") is None
    assert store.study_keys() == []


def test_new_files_take_the_old_manifest_away(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_manifest(Manifest("ct", "s1", "done"))
    with store.write_study_files("s1", "ct") as folder:
        (folder / "ct.nii.gz").touch()
    assert store.read_manifest("ct", "s1") is None
    store.write_manifest(Manifest("ct", "s1", "done"))
    assert store.remove_manifest("ct", "s1")
    assert not store.remove_manifest("ct", "s1")
    assert (store.study_folder("s1", "ct") / "ct.nii.gz").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"asset": "ct"}', '{"unknown": 1}'])
def test_an_unreadable_manifest_counts_as_none(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path)
    path = store.manifest_path("ct", "s1")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert store.read_manifest("ct", "s1") is None


def test_a_manifest_is_consistent_and_free_of_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="reason code"):
        Manifest("ct", "s1", "refused")
    with pytest.raises(ValueError, match="reason code"):
        Manifest("ct", "s1", "done", "NO_CT")
    with pytest.raises(ValueError, match="done or refused"):
        Manifest("ct", "s1", "failed")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="JSON"):
        Store(tmp_path).write_manifest(Manifest("ct", "s1", "done", metadata={"m": float("nan")}))
    assert Store(tmp_path).read_manifest("ct", "s1") is None


def test_a_stamp_depends_on_everything_but_order() -> None:
    base = stamp("1", {"a": 1, "b": (2.0, "x")}, {"pet": "p", "ct": "c"})
    assert base == stamp("1", {"b": [2.0, "x"], "a": 1}, {"ct": "c", "pet": "p"})
    others = {
        stamp("2", {"a": 1, "b": (2.0, "x")}, {"pet": "p", "ct": "c"}),
        stamp("1", {"a": 2, "b": (2.0, "x")}, {"pet": "p", "ct": "c"}),
        stamp("1", {"a": 1, "b": (2.0, "x")}, {"pet": "q", "ct": "c"}),
        stamp("1", {"a": 1, "b": (2.0, "x")}, {"pet": "p"}),
    }
    assert len(others | {base}) == 5
    # Fixed: a stamp of today has to mean the same tomorrow.
    assert stamp("1", {}, {}) == hashlib.sha256(b'["1", {}, {}]').hexdigest()


BAD_KEYS = [
    "", ".", "..", "../x", "a/b", "/etc", "a\\b", "A", "ä", "a b", "a\n", "a\x00", "-a", ".a",
    "a'b", 'a"b', "a;drop table", "a" * 129, "*", "a%2f", "$(x)", "study_key=a",
]  # fmt: skip


@pytest.mark.parametrize("key", BAD_KEYS)
def test_bad_keys_never_become_paths(tmp_path: Path, key: str) -> None:
    store = Store(tmp_path)
    for attempt in (
        lambda: check_key(key),
        lambda: store.study_folder(key, "ct"),
        lambda: store.study_folder("s1", key),
        lambda: store.part_path("features", key),
        lambda: store.delete_study(key),
    ):
        with pytest.raises(Refusal, match="KEY_INVALID"):
            attempt()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["s", "sabc234", "suv_2.5", "a-b", "0", "_x", "a" * 128])
def test_good_keys(key: str) -> None:
    assert check_key(key) == key


def test_reports_are_written_below_their_folder(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.write_report("studies/s1.html", "<p>ü</p>")
    assert path == store.reports_folder / "studies" / "s1.html"
    assert path.read_text(encoding="utf-8") == "<p>ü</p>"
    with pytest.raises(Refusal, match="KEY_INVALID"):
        store.write_report("../s1.html", "")
