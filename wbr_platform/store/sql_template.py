"""A model's template turned into SQL, and the SQL checked to be one harmless SELECT."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlglot
from jinja2 import DictLoader, StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment
from sqlglot import exp
from sqlglot.errors import SqlglotError

from wbr_platform.refusal import Refusal
from wbr_platform.store.schemas import TABLES
from wbr_platform.store.sql_context import ModelContext
from wbr_platform.store.sql_text import identifier, literal, relation

DIALECT = "duckdb"
RAW_SCHEMA = "raw"
_WRITING = (
    exp.DDL, exp.DML, exp.Command, exp.Copy, exp.Attach, exp.Detach, exp.Install, exp.Pragma,
    exp.Set, exp.Drop, exp.Alter, exp.Into, exp.TruncateTable, exp.Use, exp.Grant, exp.Comment,
    exp.Transaction, exp.Commit, exp.Rollback, exp.Kill, exp.Analyze,
)  # fmt: skip
_TERMINAL_CODES = re.compile(r"\x1b\[\d*m")
_TABLE_FUNCTIONS = {"range", "generate_series", "unnest"}


@dataclass(frozen=True)
class RenderedModel:
    """SQL of one model with the models (``refs``) and raw tables (``sources``) it reads."""

    sql: str
    expression: exp.Query
    refs: tuple[str, ...]
    sources: tuple[str, ...]


def render_model(
    name: str, template: str, layers: dict[str, str], context: ModelContext
) -> RenderedModel:
    """Fill in and check one template. ``layers`` maps each known model to its schema.

    Refusals: MODEL_TEMPLATE, MODEL_UNKNOWN_REF, MODEL_UNKNOWN_SOURCE, MODEL_SQL,
    MODEL_NOT_ONE_SELECT, MODEL_WRITES, MODEL_HIDDEN_SOURCE.
    """
    refs: dict[str, str] = {}
    sources: dict[str, str] = {}

    def ref(model: str) -> str:
        if model not in layers:
            raise Refusal("MODEL_UNKNOWN_REF", f"model {name} refers to {model!r}, which is none")
        refs[model] = layers[model]
        return relation(layers[model], model)

    def source(schema: str, table: str) -> str:
        if schema != RAW_SCHEMA or table not in TABLES:
            raise Refusal(
                "MODEL_UNKNOWN_SOURCE", f"model {name}: there is no source {schema}.{table}"
            )
        sources[table] = schema
        return relation(schema, table)

    environment = SandboxedEnvironment(loader=DictLoader({}), undefined=StrictUndefined)
    environment.filters.update(identifier=identifier, literal=literal)
    try:
        sql = environment.from_string(template).render(
            ref=ref, source=source, **context.variables()
        )
    except TemplateError as error:
        raise Refusal("MODEL_TEMPLATE", f"model {name}: {error}") from error
    allowed = {(schema, table) for table, schema in {**sources, **refs}.items()}
    expression = _one_select(name, sql)
    _check_relations(name, expression, allowed)
    return RenderedModel(sql.strip().rstrip(";"), expression, tuple(refs), tuple(sources))


def _one_select(name: str, sql: str) -> exp.Query:
    try:
        statements = [s for s in sqlglot.parse(sql, dialect=DIALECT) if s is not None]
    except SqlglotError as error:
        text = _TERMINAL_CODES.sub("", str(error))
        raise Refusal("MODEL_SQL", f"model {name}: {text}") from error
    for statement in statements:
        writing = statement.find(*_WRITING)
        if writing is not None:
            raise Refusal(
                "MODEL_WRITES",
                f"model {name} holds {type(writing).__name__.upper()}; a model only selects",
            )
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise Refusal("MODEL_NOT_ONE_SELECT", f"model {name} has to be exactly one SELECT")
    return statements[0]


def _check_relations(name: str, expression: exp.Query, allowed: set[tuple[str, str]]) -> None:
    """Every table read is a CTE or came through ref() or source(): the lineage is complete."""
    allowed = allowed | {("", cte.alias) for cte in expression.find_all(exp.CTE)}
    for table in expression.find_all(exp.Table):
        if not table.catalog and (table.db, table.name) in allowed:
            continue
        if _function_name(table) in _TABLE_FUNCTIONS:
            continue
        raise Refusal(
            "MODEL_HIDDEN_SOURCE",
            f"model {name} reads {table.sql(dialect=DIALECT)} without ref() or source()",
            "write {{ ref('model') }} or {{ source('raw', 'table') }}",
        )


def _function_name(table: exp.Table) -> str | None:
    """Lower-case name of a table function; None for a table that is named."""
    function = table.this
    if isinstance(function, exp.Anonymous):
        return str(function.name).lower()
    return function.sql_name().lower() if isinstance(function, exp.Func) else None
