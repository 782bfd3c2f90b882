"""Tests of a model's columns, each a query that counts what breaks the rule."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wbr_platform.store.sql_documents import Severity, TestDocument
from wbr_platform.store.sql_text import identifier, literal


@dataclass(frozen=True)
class ColumnTest:
    """One rule for a model. ``columns`` are those of the model that the rule is about."""

    model: str
    kind: str
    columns: tuple[str, ...]
    severity: Severity
    document: TestDocument

    @property
    def name(self) -> str:
        """``<kind>_<columns>``, letters, digits and underscores only; unique in its model."""
        return re.sub(r"\W", "_", "_".join((self.kind, *self.columns)), flags=re.ASCII)

    @property
    def description(self) -> str:
        """The rule in words."""
        return f"{', '.join(self.columns)}: {_rule(self.document)}"


@dataclass(frozen=True)
class ColumnTestResult:
    """How many rows (or values) broke the rule."""

    test: ColumnTest
    failures: int

    @property
    def passed(self) -> bool:
        """Whether nothing broke the rule."""
        return self.failures == 0


def test_query(test: ColumnTest, relations: dict[str, str]) -> str:
    """The counting query; ``relations`` maps each model to its quoted relation."""
    own = relations[test.model]
    document = test.document
    column = identifier(test.columns[0])
    match test.kind:
        case "not_null":
            return f"SELECT count(*) FROM {own} WHERE {column} IS NULL"
        case "unique" | "unique_combination":
            return _duplicates(own, [identifier(name) for name in test.columns])
        case "accepted_values":
            accepted = ", ".join(literal(value) for value in document.values)
            return f"SELECT count(*) FROM {own} WHERE {column} NOT IN ({accepted})"
        case "relationships":
            other, key = relations[str(document.to)], identifier(str(document.column))
            return (
                f"SELECT count(*) FROM {own} AS child WHERE child.{column} IS NOT NULL AND NOT "
                f"EXISTS (SELECT 1 FROM {other} AS parent WHERE parent.{key} = child.{column})"
            )
        case "accepted_range":
            bounds = [f"isnan({column}::DOUBLE)"]
            if document.min is not None:
                bounds.append(f"{column} < {literal(document.min)}")
            if document.max is not None:
                bounds.append(f"{column} > {literal(document.max)}")
            return f"SELECT count(*) FROM {own} WHERE {' OR '.join(bounds)}"
    raise ValueError(f"no such test: {test.kind}")


def _duplicates(relation: str, columns: list[str]) -> str:
    """Values (or combinations) that occur more than once; a lone null is no value."""
    keys = ", ".join(columns)
    present = f" WHERE {keys} IS NOT NULL" if len(columns) == 1 else ""
    return (
        f"SELECT count(*) FROM (SELECT {keys} FROM {relation}{present} "
        f"GROUP BY {keys} HAVING count(*) > 1)"
    )


def _rule(document: TestDocument) -> str:
    match document.kind:
        case "not_null":
            return "never null."
        case "unique":
            return "no value twice."
        case "unique_combination":
            return "no combination twice."
        case "accepted_values":
            return f"one of {', '.join(str(value) for value in document.values)}."
        case "relationships":
            return f"every value stands in {document.to}.{document.column}."
        case "accepted_range":
            low = "" if document.min is None else f"at least {document.min:g}"
            high = "" if document.max is None else f"at most {document.max:g}"
            return " and ".join(bound for bound in (low, high) if bound) + "."
