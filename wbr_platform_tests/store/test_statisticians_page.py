"""The example queries of docs/statisticians.md run."""

from __future__ import annotations

import re
from pathlib import Path

from wbr_platform.store.files import Store
from wbr_platform.store.publication import publish
from wbr_platform.store.warehouse import query

PAGE = Path(__file__).parents[2] / "docs" / "statisticians.md"


def test_every_example_runs(filled_store: Store, models_folder: Path) -> None:
    publish(filled_store, models_folder)
    text = PAGE.read_text(encoding="utf-8")
    examples = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    examples += re.findall(r'wbr sql "([^"]+)"', text)
    assert len(examples) >= 6
    answers = {sql: query(filled_store, sql).height for sql in examples}
    # The small cohort has no statistics yet: only what reads the ledger finds nothing.
    assert [sql for sql, rows in answers.items() if not rows and "ledger" not in sql] == []
