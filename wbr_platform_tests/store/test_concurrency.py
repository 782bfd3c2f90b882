"""Many writers, a publisher and readers at once; publishers and writers killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from wbr_platform.store.files import Store
from wbr_platform.store.publication import publish
from wbr_platform.store.warehouse import query

# Dozens of processes come and go: too slow for every quick run of the tests.
pytestmark = pytest.mark.end_to_end

WRITERS, PARTS, ROWS, PUBLICATIONS = 8, 15, 40, 4
KILLS = 3

# A small project, so that many publications happen in little time.
SMALL_PROJECT = {
    "staging/stg_lesions.sql": "select study_key, region_id, suv_max, reason_code "
    "from {{ source('raw', 'lesions') }} "
    "left join (select study_key, reason_code from {{ source('raw', 'studies') }}) "
    "using (study_key)",
    "marts/mart_lesions.sql": "select * from {{ ref('stg_lesions') }}",
}

WRITE = """
    import sys
    from pathlib import Path
    import polars as pl
    from wbr_platform.store.files import Store
    store, writer, parts, rows = Store(Path(sys.argv[1])), *map(int, sys.argv[2:])
    finished = False
    version = 0
    while not finished:
        # Each round writes all parts anew; the round that begins after the signal is the last.
        finished = (store.root / "stop").exists()
        version += 1
        for part in range(parts):
            lesions = {"region_id": [f"r{i}" for i in range(rows)], "algorithm": ["a"] * rows,
                       "lesion": ["L"] * rows, "suv_max": [-1 if finished else version] * rows}
            study = {"patient_key": ["p"], "status": ["accepted"]}
            store.write_part("studies", pl.DataFrame(study), f"s{writer}-{part}")
            store.write_part("lesions", pl.DataFrame(lesions), f"s{writer}-{part}")
            store.write_part("lesions", pl.DataFrame(lesions).head(1), "shared")
            with store.write_study_files("shared", "ct") as folder:
                for name in "ab":
                    (folder / name).write_text(f"{writer} {part} {version}")
        print("round", flush=True)
"""

PUBLISH = """
    import sys
    from pathlib import Path
    from wbr_platform.store.files import Store
    from wbr_platform.store.publication import publish
    store = Store(Path(sys.argv[1]))
    while True:
        publish(store, Path(sys.argv[2]))
        print("published", flush=True)
"""


@pytest.fixture
def small_project(make_folder: Callable[[Mapping[str, str]], Path]) -> Path:
    return make_folder(SMALL_PROJECT)


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check_snapshot(store: Store) -> int:
    """Lesions of each study are of one write; staging, marts and metadata agree. Their number."""
    parts = query(
        store,
        "select study_key, count(*) n, min(suv_max) low, max(suv_max) high from raw.lesions "
        "where study_key <> 'shared' group by study_key",
    )
    assert set(parts["n"].to_list()) <= {ROWS}
    assert parts["low"].equals(parts["high"], check_names=False)
    (agrees,) = query(
        store,
        "select (select count(*) from raw.lesions) = (select count(*) from marts.mart_lesions) "
        "and (select count(*) from raw.lesions) = (select rows from metadata.tables "
        "where schema_name = 'raw' and table_name = 'lesions')",
    ).row(0)
    assert agrees is True
    return parts.height


def test_nothing_is_lost_and_nobody_waits(empty_store: Store, small_project: Path) -> None:
    store = empty_store
    publish(store, small_project)
    writers = [start(WRITE, store.root, number, PARTS, ROWS) for number in range(WRITERS)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "round\n"
    for _ in range(PUBLICATIONS):
        publish(store, small_project)
        for _ in range(3):
            assert check_snapshot(store) == WRITERS * PARTS
            table = store.scan_table("lesions").group_by("study_key").len().collect()
            assert table.height == WRITERS * PARTS + 1
            assert set(table["len"].to_list()) == {1, ROWS}
    assert [writer.poll() for writer in writers] == [None] * WRITERS  # they wrote all the while
    (store.root / "stop").touch()
    for writer in writers:
        _, errors = writer.communicate()
        assert writer.returncode == 0, errors
    publish(store, small_project)
    assert check_snapshot(store) == WRITERS * PARTS
    last = query(
        store, "select count(*), max(suv_max) from raw.lesions where study_key <> 'shared'"
    )
    assert last.row(0) == (WRITERS * PARTS * ROWS, -1.0)
    folder = store.study_folder("shared", "ct")
    assert (folder / "a").read_text() == (folder / "b").read_text()
    assert list(store.incoming_folder.iterdir()) == []


def test_a_killed_publisher_leaves_the_warehouse_whole(
    filled_store: Store, small_project: Path
) -> None:
    counts = "select count(*) from raw.features"
    generator = random.Random(0)
    for _ in range(KILLS):
        publisher = start(PUBLISH, filled_store.root, small_project)
        assert publisher.stdout is not None
        assert publisher.stdout.readline() == "published\n"
        time.sleep(generator.uniform(0.0, 0.2))
        os.kill(publisher.pid, signal.SIGKILL)
        publisher.communicate()
        assert query(filled_store, counts).item() == 3 * 4 * 2 * 3
    # The dead hold no lock, and the next publisher clears what they left.
    publish(filled_store, small_project)
    assert query(filled_store, counts).item() == 3 * 4 * 2 * 3
    assert list(filled_store.incoming_folder.iterdir()) == []


def test_killed_writers_leave_whole_parts(empty_store: Store, small_project: Path) -> None:
    store = empty_store
    generator = random.Random(0)
    for _ in range(KILLS):
        writer = start(WRITE, store.root, 0, PARTS, ROWS)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "round\n"
        time.sleep(generator.uniform(0.0, 0.1))
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        sizes = store.read_table("lesions").group_by("study_key").len()
        assert sorted(sizes["len"].to_list()) == [1] + [ROWS] * PARTS
        folder = store.study_folder("shared", "ct")
        assert (folder / "a").read_text() == (folder / "b").read_text()
    publish(store, small_project)
    assert check_snapshot(store) == PARTS
    assert list(store.incoming_folder.iterdir()) == []
