"""The SQL project: what is refused, in which order models stand, what columns are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from wbr_platform.refusal import Refusal
from wbr_platform.store.sql_context import ModelContext
from wbr_platform.store.sql_models import SqlProject, default_models_folder

Make = Callable[[Mapping[str, str]], SqlProject]
STUDIES = "select study_key, patient_key from {{ source('raw', 'studies') }}"


@pytest.fixture(scope="module")
def project() -> SqlProject:
    return SqlProject.load(default_models_folder())


def test_the_project_is_in_dependency_order(project: SqlProject) -> None:
    seen: set[str] = set()
    for model in project.models:
        assert seen.issuperset(model.refs), model.name
        seen.add(model.name)
    promised = {
        "stg_studies", "stg_acquisitions", "stg_regions", "stg_features", "stg_lesions",
        "stg_biomarkers", "stg_clinical", "stg_quarantine", "mart_features_wide",
        "mart_patient_biomarkers", "mart_quarantine", "mart_lesions", "mart_organ_uptake",
        "mart_cohort", "mart_harmonized_features", "mart_network_edges", "mart_survival_models",
        "mart_ledger",
    }  # fmt: skip
    assert promised <= seen


def test_every_output_column_is_documented_and_traced(project: SqlProject) -> None:
    context = ModelContext(("f1", "f2"), ("tmtv_ml", "b"), ("extra",))
    for name, compiled in project.compiled(context).items():
        assert [column.name for column in compiled.columns] == list(compiled.lineage), name
        assert all(column.description for column in compiled.columns), name
        upstream = {*compiled.model.refs, *compiled.model.sources}
        for column, origins in compiled.lineage.items():
            assert origins or column == "tried_by_asset", f"{name}.{column}"
            assert {relation for relation, _ in origins} <= upstream, f"{name}.{column}"


def test_lineage_of_known_models(project: SqlProject) -> None:
    context = ModelContext(feature_columns=("stat_mean",), clinical_columns=("Deauville",))
    uptake = project.column_lineage("mart_organ_uptake")
    assert uptake["suv_mean"] == (("stg_features", "value"),)
    assert uptake["age_years"] == (("stg_clinical", "age_years"), ("stg_studies", "age_years"))
    assert uptake["organ"] == (("stg_regions", "organ"), ("stg_regions", "region"))
    wide = project.column_lineage("mart_features_wide", context)
    assert wide["stat_mean"] == (("stg_features", "feature"), ("stg_features", "value"))
    assert wide["patient_key"] == (("stg_studies", "patient_key"),)
    studies = project.column_lineage("stg_studies")
    assert studies["body_mass_index"] == (("studies", "height_m"), ("studies", "weight_kg"))
    assert project.column_lineage("stg_clinical", context)["Deauville"] == (
        ("clinical", "Deauville"),
    )


def test_stars_are_expanded(make_project: Make) -> None:
    project = make_project(
        {
            "staging/a.sql": STUDIES,
            "marts/b.sql": "with x as (select * from {{ ref('a') }}) select *, 1 as one from x",
            "marts/b.yml": "models: [{name: b, description: B.,"
            " columns: [{name: one, description: One.}]}]",
        }
    )
    assert project.column_lineage("b") == {
        "study_key": (("a", "study_key"),),
        "patient_key": (("a", "patient_key"),),
        "one": (),
    }
    inherited = {column.name: column.description for column in project.columns("b")}
    assert inherited["patient_key"] == "Pseudonym of the patient."


def test_documentation_of_features_comes_from_the_context(project: SqlProject) -> None:
    context = ModelContext(
        feature_columns=("stat_mean",), documentation={"stat_mean": ("Mean.", "SUV")}
    )
    columns = project.columns("mart_features_wide", context)
    assert (columns[-1].name, columns[-1].description, columns[-1].unit) == (
        "stat_mean", "Mean.", "SUV",
    )  # fmt: skip


def test_a_circle_is_named(make_project: Make) -> None:
    with pytest.raises(Refusal, match=r"MODEL_CYCLE.*a → b → a|MODEL_CYCLE.*b → a → b"):
        make_project(
            {
                "marts/a.sql": "select study_key from {{ ref('b') }}",
                "marts/b.sql": "select study_key from {{ ref('a') }}",
            }
        )


SOURCE = "{{ source('raw', 'studies') }}"
REFUSED = {
    "two statements": (f"select 1 as a from {SOURCE}; select 2 as b", "MODEL_NOT_ONE_SELECT"),
    "nothing": ("-- nothing", "MODEL_NOT_ONE_SELECT"),
    "describe": (f"describe {SOURCE}", "MODEL_NOT_ONE_SELECT"),
    "create": (f"create table x as select * from {SOURCE}", "MODEL_WRITES"),
    "drop after": (f"select study_key from {SOURCE}; drop table raw.studies", "MODEL_WRITES"),
    "insert": (f"insert into {SOURCE} values (1)", "MODEL_WRITES"),
    "update": (f"update {SOURCE} set study_key = 'x'", "MODEL_WRITES"),
    "delete": (f"delete from {SOURCE}", "MODEL_WRITES"),
    "truncate": (f"truncate {SOURCE}", "MODEL_WRITES"),
    "alter": (f"alter table {SOURCE} add column x int", "MODEL_WRITES"),
    "copy": (f"copy {SOURCE} to 'x.csv'", "MODEL_WRITES"),
    "attach": ("attach 'x.duckdb'", "MODEL_WRITES"),
    "pragma": ("pragma database_list", "MODEL_WRITES"),
    "set": ("set memory_limit = '1GB'", "MODEL_WRITES"),
    "install": ("install httpfs", "MODEL_WRITES"),
    "export": ("export database 'x'", "MODEL_SQL"),
    "call": ("call pragma_version()", "MODEL_WRITES"),
    "into": (f"select study_key into x from {SOURCE}", "MODEL_WRITES"),
    "insert in a with": (
        f"with x as (insert into {SOURCE} values (1) returning study_key) select * from x",
        "MODEL_WRITES",
    ),
    "use": ("use raw", "MODEL_WRITES"),
    "hidden table": ("select study_key from raw.studies", "MODEL_HIDDEN_SOURCE"),
    "hidden in a subquery": (
        f"select study_key from {SOURCE} where study_key in (select lesion from raw.lesions)",
        "MODEL_HIDDEN_SOURCE",
    ),
    "other catalogue": ("select study_key from other.raw.studies", "MODEL_HIDDEN_SOURCE"),
    "file": ("select * from '/etc/passwd'", "MODEL_HIDDEN_SOURCE"),
    "read_csv": ("select * from read_csv('/etc/passwd')", "MODEL_HIDDEN_SOURCE"),
    "read_text": ("select * from read_text('/etc/passwd')", "MODEL_HIDDEN_SOURCE"),
    "glob": ("select * from glob('/*')", "MODEL_HIDDEN_SOURCE"),
    "syntax": (f"select from where {SOURCE} (", "MODEL_SQL"),
    "unknown column": (f"select nonsense from {SOURCE}", "MODEL_COLUMN_UNKNOWN"),
    "twice": (f"select study_key, sex as Study_Key from {SOURCE}", "MODEL_COLUMN_DUPLICATE"),
    "undescribed": (f"select 1 as one from {SOURCE}", "MODEL_COLUMN_UNDOCUMENTED"),
    "unknown variable": (f"select {{{{ nonsense }}}} from {SOURCE}", "MODEL_TEMPLATE"),
    "template syntax": ("select {% if %}", "MODEL_TEMPLATE"),
    "sandbox": ("select {{ ref.__globals__ }} as x", "MODEL_TEMPLATE"),
    "sandbox classes": ("select {{ ''.__class__.__mro__ }} as x", "MODEL_TEMPLATE"),
    "include": ("{% include '/etc/passwd' %}", "MODEL_TEMPLATE"),
    "unknown ref": ("select study_key from {{ ref('nonsense') }}", "MODEL_UNKNOWN_REF"),
    "unknown source": ("select 1 as a from {{ source('raw', 'x') }}", "MODEL_UNKNOWN_SOURCE"),
    "other schema": ("select 1 as a from {{ source('x', 'studies') }}", "MODEL_UNKNOWN_SOURCE"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_sql(make_project: Make, case: str) -> None:
    sql, reason = REFUSED[case]
    with pytest.raises(Refusal) as refusal:
        make_project({"staging/a.sql": sql})
    assert refusal.value.reason_code == reason, str(refusal.value)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"staging/a.sql": "select study_key from {{ ref('b') }}", "staging/b.sql": STUDIES},
         "MODEL_LAYER"),
        ({"marts/a.sql": STUDIES}, "MODEL_LAYER"),
        ({"staging/a.sql": STUDIES, "marts/a.sql": STUDIES}, "MODEL_DUPLICATE"),
        ({"staging/studies.sql": STUDIES}, "MODEL_DUPLICATE"),
        ({"staging/Bad-Name.sql": STUDIES}, "MODEL_DUPLICATE"),
        ({"staging/a.sql": STUDIES, "staging/x.yml": "models: [{name: az, description: x}]"},
         "MODEL_UNDOCUMENTED"),
        ({"staging/a.sql": STUDIES, "marts/x.yml": "models: [{name: b, description: x}]"},
         "MODEL_WITHOUT_SQL"),
        ({"staging/a.yml": "models: []"}, "MODEL_FOLDER_EMPTY"),
        ({"staging/a.sql": STUDIES, "staging/a.yml": "models: [{name: a, description: ''}]"},
         "MODEL_DOCUMENT"),
        ({"staging/a.sql": STUDIES, "staging/a.yml": "models: [{name: a, nonsense: 1}]"},
         "MODEL_DOCUMENT"),
        ({"staging/a.sql": STUDIES, "staging/a.yml": "models: ["}, "MODEL_DOCUMENT"),
        ({"staging/a.sql": STUDIES, "staging/a.yml": "models: [!!python/name:os.system a]"},
         "MODEL_DOCUMENT"),
    ],
)  # fmt: skip
def test_refused_projects(make_project: Make, files: dict[str, str], reason: str) -> None:
    with pytest.raises(Refusal) as refusal:
        make_project(files)
    assert refusal.value.reason_code == reason, str(refusal.value)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("columns: [{name: nonsense, description: x}]", "MODEL_COLUMN_UNKNOWN"),
        ("tests: [{unique_combination: {columns: [nonsense]}}]", "MODEL_TEST"),
        (
            "columns: [{name: study_key, tests: [{relationships: {to: b, column: x}}]}]",
            "MODEL_TEST",
        ),
        ("columns: [{name: study_key, tests: [unique, unique]}]", "MODEL_TEST"),
        ("columns: [{name: study_key, tests: [nonsense]}]", "MODEL_DOCUMENT"),
        ("columns: [{name: study_key, tests: [accepted_values]}]", "MODEL_DOCUMENT"),
        ("columns: [{name: study_key, tests: [accepted_range]}]", "MODEL_DOCUMENT"),
        ("columns: [{name: study_key, tests: [{unique: {min: 1}}]}]", "MODEL_DOCUMENT"),
        ("columns: [{name: study_key, tests: [{unique: {severity: fatal}}]}]", "MODEL_DOCUMENT"),
    ],
)
def test_refused_entries(make_project: Make, entry: str, reason: str) -> None:
    files = {
        "staging/a.sql": STUDIES,
        "staging/a.yml": f"models: [{{name: a, description: A model., {entry}}}]",
    }
    with pytest.raises(Refusal) as refusal:
        make_project(files)
    assert refusal.value.reason_code == reason, str(refusal.value)


def test_check_names_suit_any_orchestrator(project: SqlProject) -> None:
    for model in project.models:
        for test in model.tests:
            assert test.name.replace("_", "").isalnum(), test.name
            assert test.name.isascii()
            assert len(test.description) > 10


def test_code_version_follows_the_sql(make_project: Make) -> None:
    first = make_project({"staging/a.sql": STUDIES}).model("a").code_version
    second = make_project({"staging/a.sql": STUDIES + " where true"}).model("a").code_version
    assert first != second
