"""The SQL project: models with their documentation, order, compiled SQL and column lineage."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from wbr_platform.refusal import Refusal
from wbr_platform.store.schemas import TABLES
from wbr_platform.store.sql_context import ModelContext
from wbr_platform.store.sql_documents import ModelDocument, read_documents
from wbr_platform.store.sql_lineage import Lineage, column_lineage
from wbr_platform.store.sql_template import RAW_SCHEMA, RenderedModel, render_model
from wbr_platform.store.sql_tests import ColumnTest
from wbr_platform.store.sql_text import relation

# Folder = schema in the warehouse. Staging reads raw tables, marts read models.
LAYERS = ("staging", "marts")
_MATERIALIZED = {"staging": "view", "marts": "table"}
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class ModelColumn:
    """One output column with its documentation."""

    name: str
    description: str
    unit: str


@dataclass(frozen=True)
class SqlModel:
    """One file of SQL with its YAML entry.

    ``layer`` is its schema in the warehouse; ``refs`` are the models and ``sources`` the raw tables
    that it reads.
    """

    name: str
    layer: str
    template: str
    document: ModelDocument
    refs: tuple[str, ...]
    sources: tuple[str, ...]
    tests: tuple[ColumnTest, ...]

    @property
    def code_version(self) -> str:
        """Changes when the SQL changes."""
        return hashlib.sha256(self.template.encode()).hexdigest()[:12]

    @property
    def description(self) -> str:
        """What the model is, from its YAML entry."""
        return self.document.description

    @property
    def materialized(self) -> str:
        """``view`` or ``table``."""
        return self.document.materialized or _MATERIALIZED[self.layer]

    @property
    def relation(self) -> str:
        """Its quoted name in the warehouse."""
        return relation(self.layer, self.name)


@dataclass(frozen=True)
class CompiledModel:
    """A model for one context: runnable SQL, documented columns and where they come from."""

    model: SqlModel
    sql: str
    columns: tuple[ModelColumn, ...]
    lineage: Lineage


class SqlProject:
    """All models of a folder, in dependency order."""

    def __init__(self, models: tuple[SqlModel, ...], context: ModelContext) -> None:
        self.models = models
        self._by_name = {model.name: model for model in models}
        self._compiled: tuple[ModelContext, dict[str, CompiledModel]] | None = None
        _check_tests(self, context)

    @classmethod
    def load(cls, folder: Path, context: ModelContext | None = None) -> SqlProject:
        """Read ``staging/`` and ``marts/`` and compile them once, for the context if given.

        A Refusal (MODEL_…) names the model at fault.
        """
        templates, documents, layers = _read_folder(folder)
        context = context or ModelContext()
        models = {}
        for name, template in templates.items():
            rendered = render_model(name, template, layers, context)
            _check_layer(name, layers[name], rendered)
            document = documents[name]
            models[name] = SqlModel(
                name, layers[name], template, document, rendered.refs, rendered.sources,
                _tests(document),
            )  # fmt: skip
        return cls(_in_order(models), context)

    def model(self, name: str) -> SqlModel:
        """One model; Refusal MODEL_UNKNOWN."""
        if name not in self._by_name:
            raise Refusal("MODEL_UNKNOWN", f"there is no model {name!r}")
        return self._by_name[name]

    def compiled(self, context: ModelContext | None = None) -> Mapping[str, CompiledModel]:
        """Every model compiled for a context, in dependency order."""
        context = context or ModelContext()
        if self._compiled is None or self._compiled[0] != context:
            self._compiled = (context, _compile_all(self, context))
        return self._compiled[1]

    def compile(self, name: str, context: ModelContext | None = None) -> str:
        """Runnable SQL of one model."""
        self.model(name)
        return self.compiled(context)[name].sql

    def column_lineage(self, name: str, context: ModelContext | None = None) -> Lineage:
        """Output column to the (raw table or model, column) pairs it is made of."""
        self.model(name)
        return self.compiled(context)[name].lineage

    def columns(self, name: str, context: ModelContext | None = None) -> tuple[ModelColumn, ...]:
        """Documented output columns of one model."""
        self.model(name)
        return self.compiled(context)[name].columns

    def relations(self) -> dict[str, str]:
        """Quoted relation by model name."""
        return {model.name: model.relation for model in self.models}


def default_models_folder() -> Path:
    """``dbt_like_sql`` beside the package."""
    return Path(__file__).parents[2] / "dbt_like_sql"


def _read_folder(
    folder: Path,
) -> tuple[dict[str, str], dict[str, ModelDocument], dict[str, str]]:
    templates: dict[str, str] = {}
    documents: dict[str, ModelDocument] = {}
    layers: dict[str, str] = {}
    for layer in LAYERS:
        layer_documents = read_documents(folder / layer)
        for path in sorted((folder / layer).glob("*.sql")):
            name = path.stem
            if name in templates or _NAME.fullmatch(name) is None or name in TABLES:
                raise Refusal("MODEL_DUPLICATE", f"{name!r} is taken or not a name for a model")
            if name not in layer_documents:
                raise Refusal("MODEL_UNDOCUMENTED", f"model {name} has no entry in {layer}/*.yml")
            templates[name] = path.read_text(encoding="utf-8")
            documents[name] = layer_documents[name]
            layers[name] = layer
        for name in layer_documents:
            if layers.get(name) != layer:
                raise Refusal("MODEL_WITHOUT_SQL", f"model {name} has no file {layer}/{name}.sql")
    if not templates:
        raise Refusal("MODEL_FOLDER_EMPTY", "the folder of SQL models holds none")
    return templates, documents, layers


def _check_layer(name: str, layer: str, rendered: RenderedModel) -> None:
    if layer == "staging" and rendered.refs:
        raise Refusal("MODEL_LAYER", f"staging model {name} reads other models; it reads raw ones")
    if layer == "marts" and rendered.sources:
        raise Refusal("MODEL_LAYER", f"mart {name} reads raw tables; it reads models")


def _in_order(models: dict[str, SqlModel]) -> tuple[SqlModel, ...]:
    graph = {name: sorted(models[name].refs) for name in sorted(models)}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise Refusal("MODEL_CYCLE", f"models refer to each other in a circle: {circle}") from error
    return tuple(models[name] for name in order)


def _tests(document: ModelDocument) -> tuple[ColumnTest, ...]:
    tests = [
        ColumnTest(document.name, test.kind, (column.name,), test.severity, test)
        for column in document.columns
        for test in column.tests
    ]
    tests += [
        ColumnTest(document.name, test.kind, test.columns, test.severity, test)
        for test in document.tests
    ]
    return tuple(tests)


def _compile_all(project: SqlProject, context: ModelContext) -> dict[str, CompiledModel]:
    layers = {model.name: model.layer for model in project.models}
    raw_columns = context.raw_columns()
    columns_of: dict[str, list[str]] = {}
    known = {
        (table, name): ModelColumn(name, column.description, column.unit)
        for table, schema in TABLES.items()
        for name, column in schema.columns.items()
    }
    compiled = {}
    for model in project.models:
        rendered = render_model(model.name, model.template, layers, context)
        upstream: dict[str, dict[str, list[str]]] = {}
        for name in rendered.sources:
            upstream.setdefault(RAW_SCHEMA, {})[name] = raw_columns[name]
        for name in rendered.refs:
            upstream.setdefault(layers[name], {})[name] = columns_of[name]
        lineage = column_lineage(model.name, rendered.expression, upstream)
        columns = _document_columns(model, lineage, known, context)
        columns_of[model.name] = list(lineage)
        known.update({(model.name, column.name): column for column in columns})
        compiled[model.name] = CompiledModel(model, rendered.sql, columns, lineage)
    return compiled


def _document_columns(
    model: SqlModel,
    lineage: Lineage,
    known: Mapping[tuple[str, str], ModelColumn],
    context: ModelContext,
) -> tuple[ModelColumn, ...]:
    """Documentation of each column: its own entry, the loop's entry, or the same column above."""
    own = {column.name: column for column in model.document.columns}
    missing = [name for name in own if name not in lineage]
    if missing:
        raise Refusal(
            "MODEL_COLUMN_UNKNOWN", f"model {model.name} documents {missing}, which it lacks"
        )
    repeated = {
        name: loop
        for loop in model.document.repeated_columns
        for name in context.variables()[loop.for_each]
    }
    columns = []
    for name, origins in lineage.items():
        above = next((known[o] for o in origins if o[1] == name and o in known), None)
        description, unit = (above.description, above.unit) if above else ("", "")
        if name in repeated:
            loop = repeated[name]
            description, unit = context.documentation.get(name, ("", loop.unit))
            description = description or loop.description.replace("{name}", name)
        if name in own:
            description = own[name].description or description
            unit = own[name].unit or unit
        if not description:
            raise Refusal(
                "MODEL_COLUMN_UNDOCUMENTED", f"column {name!r} of model {model.name} is undescribed"
            )
        columns.append(ModelColumn(name, description, unit))
    return tuple(columns)


def _check_tests(project: SqlProject, context: ModelContext) -> None:
    """Tests name columns and models that exist, and no two of a model have one name."""
    compiled = project.compiled(context)
    for model in project.models:
        names = [test.name for test in model.tests]
        for name in {name for name in names if names.count(name) > 1}:
            raise Refusal("MODEL_TEST", f"model {model.name} has two tests named {name}")
        for test in model.tests:
            for column in test.columns:
                _check_column(test, compiled, model.name, column)
            if test.document.to is not None:
                _check_column(test, compiled, test.document.to, str(test.document.column))


def _check_column(
    test: ColumnTest, compiled: Mapping[str, CompiledModel], model: str, column: str
) -> None:
    if model not in compiled or column not in compiled[model].lineage:
        raise Refusal("MODEL_TEST", f"{test.model}.{test.name}: there is no {model}.{column}")
