"""The ``wbr`` command."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from wbr_platform import __version__
from wbr_platform.refusal import Refusal
from wbr_platform.settings import Settings

if TYPE_CHECKING:
    from wbr_platform.orchestration.launching import RunResult
    from wbr_platform.store.files import Store

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NOTHING_USABLE = 3

app = typer.Typer(
    name="wbr",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""
**Whole-body radiomics of PET/CT**: from a PACS export to a cohort's answer.

A first session:

    wbr simulate example                 make a small multi-centre cohort as DICOM exports

    wbr run example/exports --clinical example/clinical.csv

    wbr sql "SELECT * FROM marts.mart_patient_biomarkers"

    wbr ui                               watch it, and put new exports into the inbox

Results go to the *store*, what identifies patients stays in the *vault*: give them with
`--store` and `--vault`, `WBR_STORE` and `WBR_VAULT`, or `wbr.toml`.

Exit codes: 0 done (refused studies are listed, not hidden) · 1 something failed ·
2 the command was not understood · 3 nothing usable came in.
""",
)
console = Console()
errors = Console(stderr=True)

StoreOption = Annotated[
    Path | None, typer.Option("--store", help="Folder of all results (WBR_STORE).")
]
VaultOption = Annotated[
    Path | None,
    typer.Option("--vault", help="Folder of the pseudonym key and sources (WBR_VAULT)."),
]
ExportsArgument = Annotated[
    list[Path],
    typer.Argument(
        exists=True,
        help="Folders (searched to any depth), zip files, or folders with a nifti_studies.csv.",
    ),
]


class TableFormat(StrEnum):
    """How ``wbr sql`` prints."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


class Dialect(StrEnum):
    """Whose feature names."""

    ibsi = "ibsi"
    lifex = "lifex"
    pyradiomics = "pyradiomics"


class Scale(StrEnum):
    """How fine simulated images are."""

    tiny = "tiny"
    small = "small"
    clinical = "clinical"


def _settings(store: Path | None = None, vault: Path | None = None, **more: Any) -> Settings:
    given: dict[str, Any] = {"store": store, "vault": vault, **more}
    return Settings(**{name: value for name, value in given.items() if value is not None})


def _version(wanted: bool) -> None:
    if wanted:
        console.print(f"wbr {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Whole-body radiomics of PET/CT."""


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors) as bars:
        tasks: dict[str, TaskID] = {}

        def report(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=max(total, 1))
            bars.update(tasks[name], completed=done if total else 1, total=max(total, 1))

        yield report


@app.command()
def run(
    exports: Annotated[
        list[Path] | None,
        typer.Argument(
            exists=True,
            help="Exports to take in first; without any, what is registered is brought up to date.",
        ),
    ] = None,
    clinical: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Clinical table (CSV or Excel)."),
    ] = None,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Compute again what is up to date.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Studies processed at the same time.")
    ] = None,
    store: StoreOption = None,
    vault: VaultOption = None,
) -> None:
    """Do the main job: exports in, pages, tables and the cohort's answer out.

    Everything runs as Dagster assets, so `wbr ui` shows what was done. Run it again at any time:
    only what is new, changed or failed is computed.
    """
    from wbr_platform.orchestration import launching
    from wbr_platform.orchestration.clinical_file import keep_clinical_file

    settings = _settings(store, vault, workers=workers)
    if clinical is not None:
        keep_clinical_file(clinical, settings.vault)
    with _progress() as report:
        result = launching.run(exports or [], settings, report, recompute=recompute)
    _summarise(result, settings)
    if not result.success:
        raise typer.Exit(EXIT_FAILED)
    if not result.studies:
        errors.print("[red]no study was found[/red]: see `wbr ingest` for what each file was")
        raise typer.Exit(EXIT_NOTHING_USABLE)
    from wbr_platform.store.files import Store

    if not _accepted(Store(settings.store)):
        errors.print("[red]every study was refused[/red]; the reasons stand above")
        raise typer.Exit(EXIT_NOTHING_USABLE)


def _accepted(store: Store) -> bool:
    return bool((store.read_table("studies")["status"] == "accepted").any())


def _summarise(result: RunResult, settings: Settings) -> None:
    """Print what was done, what was refused and why, and where the results are."""
    from wbr_platform.store.files import Store

    store = Store(settings.store)
    counts = store.read_table("studies")["status"].value_counts()
    totals = ", ".join(f"{n} {status}" for status, n in sorted(counts.iter_rows()))
    errors.print(f"{len(result.processed)} studies processed; in the store: {totals or 'none'}")
    quarantine = store.read_table("quarantine")
    if quarantine.height:
        table = Table("study", "step", "reason", "what was wrong", title="Refused")
        for row in quarantine.iter_rows(named=True):
            table.add_row(row["study_key"], row["stage"], row["reason_code"], row["message"])
        errors.print(table)
    for problem in result.problems:
        errors.print(f"[red]failed[/red] {problem}")
    root = settings.store.resolve()
    errors.print(f"cohort page    {root / 'reports' / 'cohort.html'}", soft_wrap=True)
    errors.print(f"study pages    {root / 'reports' / 'studies'}", soft_wrap=True)
    errors.print(f"warehouse      {root / 'warehouse.duckdb'}", soft_wrap=True)
    errors.print(f"watch it       wbr ui --store {settings.store} --vault {settings.vault}")


@app.command()
def ingest(exports: ExportsArgument, store: StoreOption = None, vault: VaultOption = None) -> None:
    """Read exports and register their studies, without processing them.

    Prints each study found (by pseudonym) and, for each file that is not part of one, why.
    """
    from wbr_platform.orchestration import launching

    settings = _settings(store, vault)
    with _progress() as report:
        report("reading exports", 0, 1)
        inventory = launching.ingest(exports, settings)
        report("reading exports", 1, 1)
    table = Table("study", "patient", "series", "files", "change")
    for study in inventory.studies:
        table.add_row(
            study.study_key,
            study.patient_key,
            str(study.series),
            str(study.files),
            study.change,
        )
    console.print(table)
    reasons = Counter(rejected.reason_code for rejected in inventory.rejected)
    for reason, count in sorted(reasons.items()):
        console.print(f"{count} files left out: {reason}", highlight=False)
    if not inventory.studies:
        raise typer.Exit(EXIT_NOTHING_USABLE)


@app.command("nifti-manifest")
def nifti_manifest(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The images.")],
    pet: Annotated[str | None, typer.Option(help="Name of the PETs (SUVbw), with {id}.")] = None,
    ct: Annotated[str | None, typer.Option(help="Name of the CTs (HU).")] = None,
    lesion_mask: Annotated[str | None, typer.Option(help="Name of the lesion masks.")] = None,
    organ_mask: Annotated[str | None, typer.Option(help="Name of the organ masks.")] = None,
    details: Annotated[
        Path | None,
        typer.Option(exists=True, help="CSV with patient_id or id, weight_kg, height_m, sex, …"),
    ] = None,
) -> None:
    """Write the nifti_studies.csv of a folder of NIfTI images, for `wbr run FOLDER`.

    Example: `wbr nifti-manifest images --pet '{id}_PET.nii.gz' --lesion-mask '{id}_mask.nii.gz'`
    """
    from wbr_platform.dicom.nifti_manifest import write_nifti_manifest

    given = {"pet": pet, "ct": ct, "lesion_mask": lesion_mask, "organ_mask": organ_mask}
    patterns = {column: pattern for column, pattern in given.items() if pattern}
    count = write_nifti_manifest(folder, patterns, details)
    console.print(f"{count} studies in {folder / 'nifti_studies.csv'}", soft_wrap=True)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT on the published warehouse.")],
    output_format: Annotated[
        TableFormat, typer.Option("--format", help="How the rows are written.")
    ] = TableFormat.table,
    output: Annotated[
        Path | None, typer.Option("--output", help="Write to this file, not to the terminal.")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Ask the published warehouse, read-only.

    `wbr sql "SELECT * FROM metadata.columns"` lists every table and column with its meaning.
    """
    from wbr_platform.store.files import Store
    from wbr_platform.store.rendering import render
    from wbr_platform.store.warehouse import query as ask

    if output_format is TableFormat.parquet and output is None and sys.stdout.isatty():
        raise typer.BadParameter("parquet is not for a terminal: give --output FILE")
    frame = ask(Store(_settings(store).store), query)
    content = render(frame, output_format.value)
    data = content if isinstance(content, bytes) else content.encode()
    if output is not None:
        output.write_bytes(data)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@app.command()
def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the user interface.")] = 3000,
    host: Annotated[str, typer.Option(help="Address it listens on.")] = "127.0.0.1",
    inbox: Annotated[
        Path | None, typer.Option(help="Folder that is watched for new exports (WBR_INBOX).")
    ] = None,
    store: StoreOption = None,
    vault: VaultOption = None,
) -> None:
    """Open the platform in Dagster's user interface, with its sensors and schedules."""
    from wbr_platform.orchestration.instance import dagster_home

    settings = _settings(store, vault, inbox=inbox)
    settings.inbox.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        **settings.as_environment(),
        "DAGSTER_HOME": str(dagster_home(settings)),
    }
    errors.print(f"inbox          {settings.inbox.resolve()}", soft_wrap=True)
    errors.print(f"open           http://{host}:{port}")
    command = [sys.executable, "-m", "dagster", "dev", "-m", "wbr_platform.definitions"]
    os.execvpe(command[0], [*command, "--host", host, "--port", str(port)], environment)


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Where to write exports, clinical.csv and truth.")],
    patients: Annotated[int, typer.Option(min=1, help="How many patients.")] = 24,
    seed: Annotated[
        int, typer.Option(min=0, help="The same seed gives the same bytes.")
    ] = 20240229,
    scale: Annotated[
        Scale,
        typer.Option(
            help="Voxels: tiny (for trying), small (about 4 mm) or clinical (as a hospital's)."
        ),
    ] = Scale.small,
    null: Annotated[
        bool, typer.Option("--null", help="Nothing but the clinic drives survival.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Patients written at the same time.")] = 2,
) -> None:
    """Write a simulated multi-centre PET/CT cohort as real DICOM exports, with its truth."""
    from wbr_platform.simulation.cohort import CohortDesign, simulate_cohort

    design = CohortDesign(patients=patients, seed=seed, scale=scale.value, simulate_null=null)
    with _progress() as report:
        simulate_cohort(
            design,
            folder,
            progress=lambda done, total: report("simulating", done, total),
            processes=workers,
        )
    console.print(f"exports   {folder / 'exports'}", soft_wrap=True)
    console.print(f"clinical  {folder / 'clinical.csv'}", soft_wrap=True)
    console.print(f"truth     {folder / 'truth'}", soft_wrap=True)


@app.command()
def doctor(store: StoreOption = None, vault: VaultOption = None) -> None:
    """Say what is installed, which segmenters can run, and whether the store can be written."""
    from wbr_platform.diagnosis import diagnose

    findings = diagnose(_settings(store, vault))
    table = Table("what", "", "finding")
    marks = {"ok": "[green]ok[/green]", "note": "[yellow]note[/yellow]", "bad": "[red]bad[/red]"}
    for finding in findings:
        table.add_row(finding.what, marks[finding.level], finding.text)
    console.print(table)
    if any(finding.level == "bad" for finding in findings):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def validate(
    name: Annotated[str, typer.Argument(help="What to check; 'list' names all checks.")],
    data: Annotated[
        Path | None,
        typer.Option(exists=True, help="Folder of reference data (WBR_REFERENCE_DATA)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[
        Path | None, typer.Option(help="Also write the table as Markdown to this file.")
    ] = None,
) -> None:
    """Compare the platform with independent references, value by value.

    Exit code 1 when any value lies outside its tolerance.
    """
    from wbr_platform.validation.catalogue import VALIDATIONS

    if name == "list":
        for known, (_, description) in VALIDATIONS.items():
            console.print(f"{known:<10} {description}", highlight=False)
        return
    if name not in VALIDATIONS:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(VALIDATIONS)}")
    report = VALIDATIONS[name][0](data)
    if as_json:
        print(report.to_json())
    else:
        table = Table("case", "quantity", "reference", "ours", "tolerance", "verdict")
        for row in report.rows:
            table.add_row(*row.cells())
        console.print(table)
        console.print(f"{report.matched} of {report.total} matched")
    if markdown is not None:
        markdown.write_text(report.to_markdown(), encoding="utf-8")
    if report.matched != report.total:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def harmonize(
    table: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Feature table, CSV or Parquet.")
    ],
    batch: Annotated[str, typer.Option(help="Column of the scanner or site.")],
    output: Annotated[Path, typer.Option(help="Where the harmonised table goes.")],
    feature: Annotated[
        list[str] | None, typer.Option(help="Columns to harmonise (all numbers by default).")
    ] = None,
    covariate: Annotated[
        list[str] | None, typer.Option(help="Columns whose effect is kept; never the outcome.")
    ] = None,
    tissue: Annotated[
        str | None, typer.Option(help="Column that tells tissues apart: a fit for each.")
    ] = None,
    outcome: Annotated[
        str | None, typer.Option(help="Column whose balance between batches is checked.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="Batch that stays as it is, the others are aligned to it.")
    ] = None,
    minimum: Annotated[int, typer.Option(min=2, help="Fewest patients in a batch.")] = 10,
    bootstrap: Annotated[int, typer.Option(min=0, help="Bootstrap samples (B-ComBat).")] = 0,
    estimates: Annotated[Path | None, typer.Option(help="Keep the fit here, for later.")] = None,
    verdicts: Annotated[
        Path | None, typer.Option(help="Write here, feature by feature, whether to apply it.")
    ] = None,
    apply: Annotated[
        Path | None, typer.Option(exists=True, help="Apply this kept fit to later patients.")
    ] = None,
    new_site: Annotated[
        bool, typer.Option("--new-site", help="With --apply: the table is of a site that is new.")
    ] = False,
) -> None:
    """Harmonise a feature table of your own across scanners (ComBat).

    `wbr harmonize features.csv --batch scanner --output harmonised.csv --verdicts verdicts.csv`
    """
    from wbr_platform.harmonization import later_patients
    from wbr_platform.harmonization.table import TableOptions, harmonize_table
    from wbr_platform.harmonization.table_columns import read_table, write_table

    frame = read_table(table)
    if apply is not None:
        fit = later_patients.estimates_from_json(apply.read_text(encoding="utf-8"))
        if new_site:
            fit = later_patients.add_batch_from_table(frame, batch, fit, tissue)
        write_table(later_patients.apply_to_table(frame, batch, fit, tissue), output)
    else:
        options = TableOptions(
            tissue=tissue,
            outcome=outcome,
            reference_batch=reference,
            minimum_per_batch=minimum,
            n_boot=bootstrap,
            verdicts=verdicts is not None,
        )
        result = harmonize_table(frame, batch, feature, covariate or (), options)
        fit = dict(result.estimates)
        write_table(result.frame, output)
        if verdicts is not None:
            write_table(result.verdicts, verdicts)
    if estimates is not None:
        estimates.write_text(later_patients.estimates_to_json(fit), encoding="utf-8")
    console.print(f"{output}", soft_wrap=True)


@app.command()
def features(
    dialect: Annotated[
        Dialect, typer.Option(help="Whose names to show beside ours.")
    ] = Dialect.ibsi,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the table of features: name, IBSI code, name elsewhere, family, unit."""
    from wbr_platform.radiomics.feature_table import FEATURES

    rows = [
        {
            "name": feature.name,
            "ibsi_code": feature.ibsi_code,
            f"{dialect.value}_name": feature.name_in(dialect.value),
            "family": feature.family,
            "aggregation": feature.aggregation,
            "unit": feature.unit,
        }
        for feature in FEATURES
    ]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(value or "" for value in row.values()))
    console.print(table)


def main() -> None:
    """Entry point: refusals are told in one line, with what to do."""
    try:
        app()
    except Refusal as refusal:
        errors.print(f"[red]{refusal.reason_code}[/red]: {refusal.message}", highlight=False)
        if refusal.action:
            errors.print(f"  → {refusal.action}", highlight=False)
        sys.exit(EXIT_FAILED)
