"""The published warehouse answers queries and nothing else."""

from __future__ import annotations

import io
import json
from pathlib import Path

import polars as pl
import pytest

from wbr_platform.refusal import Refusal
from wbr_platform.store.files import Store
from wbr_platform.store.publication import publish
from wbr_platform.store.rendering import FORMATS, render
from wbr_platform.store.warehouse import query


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Store:
    from wbr_platform.store.sql_models import default_models_folder

    store = Store(tmp_path_factory.mktemp("published"))
    frame = pl.DataFrame({"patient_key": ["p1"], "status": ["accepted"]})
    store.write_part("studies", frame, "s1")
    publish(store, default_models_folder())
    return store


def test_nothing_published(empty_store: Store) -> None:
    with pytest.raises(Refusal, match="WAREHOUSE_NOT_PUBLISHED"):
        query(empty_store, "select 1")


def test_a_broken_file(empty_store: Store) -> None:
    empty_store.write_bytes(empty_store.warehouse, b"no database" * 1000)
    with pytest.raises(Refusal, match="WAREHOUSE_UNREADABLE"):
        query(empty_store, "select 1")


QUERIES = [
    "select study_key from raw.studies",
    "from raw.studies",
    "describe raw.studies",
    "show schemas",
    "show all tables",
    "summarize raw.studies",
    "explain select 1",
    "values (1)",
    "with a as (select 1) from a",
    "pivot raw.studies on status using count(*) group by study_key",
    "select 1;",
    "-- note\nselect 1",
]


@pytest.mark.parametrize("sql", QUERIES)
def test_queries(published: Store, sql: str) -> None:
    assert query(published, sql).height >= 1


ATTEMPTS = [
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from glob('/*')",
    "select * from read_parquet('/tmp/*')",
    "select * from read_blob('/etc/hostname')",
    "copy raw.studies to '/tmp/wbr_leak.csv'",
    "copy (select 1) to '/tmp/wbr_leak.csv'",
    "attach '/tmp/wbr.duckdb'",
    "attach ':memory:' as x",
    "install httpfs",
    "load httpfs",
    "export database '/tmp/wbr_leak'",
    "set enable_external_access = true",
    "reset enable_external_access",
    "set lock_configuration = false",
    "set memory_limit = '1TB'",
    "pragma database_list",
    "drop table raw.studies",
    "delete from raw.studies",
    "update raw.studies set status = 'x'",
    "insert into raw.studies (study_key) values ('x')",
    "create table memory.x as select 1",
    "create temp table x as select 1",
    "detach warehouse",
    "use memory",
    "select 1; select 2",
    "select 1; drop table raw.studies",
    "begin",
    "checkpoint",
    "vacuum",
    "",
    "explain analyze copy raw.studies to '/tmp/wbr_leak.csv'",
    "select * from published",
    "call pragma_version()",
    "select * from duckdb_secrets(); install httpfs",
    "import database '/tmp'",
    "prepare x as select 1",
]


@pytest.mark.parametrize("sql", ATTEMPTS)
def test_nothing_else_is_possible(published: Store, sql: str) -> None:
    before = published.warehouse.read_bytes()
    with pytest.raises(Refusal) as refusal:
        query(published, sql)
    assert refusal.value.reason_code in ("SQL_NOT_A_QUERY", "SQL_ERROR")
    assert not list(Path("/tmp").glob("wbr_leak*"))
    assert published.warehouse.read_bytes() == before


def test_errors_are_duckdbs(published: Store) -> None:
    with pytest.raises(Refusal, match=r"SQL_ERROR.*nonsense") as refusal:
        query(published, "select nonsense from raw.studies")
    assert "nonsense" in refusal.value.message
    with pytest.raises(Refusal, match="SQL_ERROR"):
        query(published, "selec 1")


def test_types_that_frames_lack(published: Store) -> None:
    frame = query(
        published,
        "select sum(a) as total, interval 2 day as wait, avg(a) as mean, max(a)::hugeint as big, "
        "1.50::decimal(6, 2) as price from range(5) r(a)",
    )
    assert frame["total"].dtype == pl.Int64
    assert frame.row(0)[:4] == (10, "2 days", 2.0, 4)
    assert float(frame["price"][0]) == 1.5


SAMPLE = """
select 1 as n, null as nothing, 'ä,"x' as text, date '2020-01-02' as day, [1, null] as list,
  {'a': 1} as struct, true as flag, 'ab'::blob as bytes
"""


def test_rendering(published: Store) -> None:
    frame = query(published, SAMPLE)
    (record,) = json.loads(render(frame, "json"))
    assert record == {
        "n": 1, "nothing": None, "text": 'ä,"x', "day": "2020-01-02", "list": [1, None],
        "struct": {"a": 1}, "flag": True, "bytes": "6162",
    }  # fmt: skip
    text = render(frame, "csv")
    assert isinstance(text, str)
    assert text.splitlines()[1] == '1,,"ä,""x",2020-01-02,"[1, null]","{""a"": 1}",true,6162'
    parquet = render(frame, "parquet")
    assert isinstance(parquet, bytes)
    assert pl.read_parquet(io.BytesIO(parquet)).equals(frame)
    table = render(frame, "table")
    assert isinstance(table, str)
    assert 'ä,"x' in table
    with pytest.raises(Refusal, match="FORMAT_UNKNOWN"):
        render(frame, "xml")


@pytest.mark.parametrize("format_name", FORMATS)
def test_rendering_no_rows(published: Store, format_name: str) -> None:
    assert render(query(published, "from raw.lesions"), format_name)


def test_a_table_shows_every_row_and_column(published: Store) -> None:
    columns = ", ".join(f"{i} as column_number_{i}" for i in range(30))
    table = render(query(published, f"select i, {columns} from range(1000) r(i)"), "table")
    assert isinstance(table, str)
    assert "column_number_29" in table
    assert "999" in table
    assert "…" not in table
