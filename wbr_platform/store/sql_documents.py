"""The YAML beside the SQL models: descriptions, column docs and tests, checked as it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from wbr_platform.refusal import Refusal

Severity = Literal["error", "warn"]
TestKind = Literal[
    "not_null",
    "unique",
    "accepted_values",
    "relationships",
    "accepted_range",
    "unique_combination",
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TestDocument(_Strict):
    """One test: ``not_null`` or ``{accepted_range: {min: 0, severity: warn}}`` in the YAML."""

    kind: TestKind
    severity: Severity = "error"
    values: tuple[str | int | float | bool, ...] = ()
    to: str | None = None
    column: str | None = None
    min: float | None = None
    max: float | None = None
    columns: tuple[str, ...] = ()

    def model_post_init(self, _: Any) -> None:
        """Each kind has its own arguments, all of them needed."""
        needed: dict[str, bool] = {
            "values": self.kind == "accepted_values",
            "to": self.kind == "relationships",
            "column": self.kind == "relationships",
            "columns": self.kind == "unique_combination",
        }
        for name, need in needed.items():
            if bool(getattr(self, name)) != need:
                raise ValueError(f"test {self.kind}: argument {name} is {_wanted(need)}")
        bounded = self.min is not None or self.max is not None
        if bounded != (self.kind == "accepted_range"):
            raise ValueError(f"test {self.kind}: min or max is {_wanted(not bounded)}")


class ColumnDocument(_Strict):
    """One column; an empty description is inherited from the same column upstream."""

    name: str
    description: str = ""
    unit: str = ""
    tests: tuple[TestDocument, ...] = ()

    @field_validator("tests", mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        return _expand_tests(value)


class RepeatedColumns(_Strict):
    """Columns that a template makes in a loop; ``{name}`` in the description is the column."""

    for_each: Literal["feature_columns", "biomarker_columns", "clinical_columns"]
    description: str
    unit: str = ""


class ModelDocument(_Strict):
    """One model; staging models are views and marts tables unless said otherwise."""

    name: str
    description: str = Field(min_length=1)
    materialized: Literal["view", "table"] | None = None
    tests: tuple[TestDocument, ...] = ()
    columns: tuple[ColumnDocument, ...] = ()
    repeated_columns: tuple[RepeatedColumns, ...] = ()

    @field_validator("tests", mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        return _expand_tests(value)


class _Document(_Strict):
    models: tuple[ModelDocument, ...]


def read_documents(folder: Path) -> dict[str, ModelDocument]:
    """All models documented in a folder's ``*.yml`` files; Refusal MODEL_DOCUMENT on a mistake."""
    documents: dict[str, ModelDocument] = {}
    for path in sorted(folder.glob("*.yml")):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            models = _Document.model_validate(content).models
        except (yaml.YAMLError, ValidationError) as error:
            raise Refusal("MODEL_DOCUMENT", f"{path.name}: {error}") from error
        for model in models:
            if model.name in documents:
                raise Refusal("MODEL_DUPLICATE", f"model {model.name} is documented twice")
            documents[model.name] = model
    return documents


def _expand_tests(value: Any) -> Any:
    """``unique`` to ``{kind: unique}``, ``{unique: {…}}`` to ``{kind: unique, …}``."""
    if not isinstance(value, (list, tuple)):
        return value
    return [_expand_test(test) for test in value]


def _expand_test(test: Any) -> Any:
    if isinstance(test, str):
        return {"kind": test}
    if isinstance(test, dict) and len(test) == 1:
        ((kind, arguments),) = test.items()
        if isinstance(arguments, dict):
            return {**arguments, "kind": kind}
    return test


def _wanted(need: bool) -> str:
    return "needed" if need else "not known"
