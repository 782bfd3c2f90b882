"""The study-level assets: one run takes many studies, each reported on its own."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from wbr_platform.orchestration.metadata import metadata
from wbr_platform.orchestration.partitions import STUDIES
from wbr_platform.orchestration.study.parallel import process_studies
from wbr_platform.orchestration.study.processing import StepOutcome
from wbr_platform.orchestration.study.registry import study_steps
from wbr_platform.orchestration.study.step import StudyStep
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store

OWNERS = ["team:physics"]
EXPORTS = dg.AssetKey("export_inventory")
# Once more for what failed only: what is done is fresh by then.
RETRY_POLICY: dg.RetryPolicy | None = dg.RetryPolicy(max_retries=1, delay=5)
# A new export is no news for the studies that were there: their own files' fingerprint is.
EXPORTS_VERSION = "registered"


class StudyRunConfig(dg.Config):
    """Launchpad options of a study run."""

    recompute: bool = False
    """Compute again what is up to date."""


def asset_key(step_name: str) -> dg.AssetKey:
    """``lesion_masks__suv_2_5`` is shown as ``lesion_masks / suv_2_5``."""
    return dg.AssetKey(step_name.split("__"))


def _spec(step: StudyStep) -> dg.AssetSpec:
    deps = [asset_key(name) for name in step.upstream] or [EXPORTS]
    return dg.AssetSpec(
        asset_key(step.name),
        deps=deps,
        description=step.description,
        group_name=step.group,
        kinds=set(step.kinds),
        owners=OWNERS,
        code_version=step.code_version,
        skippable=True,
        partitions_def=STUDIES,
        metadata={"tables": list(step.tables)},
    )


def _materialization(
    outcome: StepOutcome, step: StudyStep, store: Store, newest_event: int
) -> dg.AssetMaterialization:
    """The event of one study and step, with versions so that Dagster knows what is stale.

    ``newest_event`` is an event id at or after those of the steps above: Dagster takes what comes
    later for news. What a fresh result shows is what it showed when it was computed.
    """
    tags = {"dagster/code_version": step.code_version}
    shown: dict[str, Any] = {"status": outcome.status}
    manifest = store.read_manifest(step.name, outcome.study_key)
    if manifest is not None:
        tags["dagster/data_version"] = manifest.stamp[:32]
        shown |= manifest.metadata
        if manifest.status == "refused":
            shown |= {"reason_code": manifest.reason_code, "reason": manifest.message}
        folder = store.study_folder(outcome.study_key, step.name)
        shown |= {path.stem: path.read_bytes() for path in sorted(folder.glob("*.png"))}
    versions = {EXPORTS: EXPORTS_VERSION} if not step.upstream else {}
    for name in step.upstream:
        above = store.read_manifest(name, outcome.study_key)
        if above is not None:
            versions[asset_key(name)] = above.stamp[:32]
    for key, version in versions.items():
        tags[f"dagster/input_data_version/{key.to_user_string()}"] = version
        tags[f"dagster/input_event_pointer/{key.to_user_string()}"] = str(newest_event)
    return dg.AssetMaterialization(
        asset_key(step.name), partition=outcome.study_key, metadata=metadata(shown), tags=tags
    )


def _failure(failed: Sequence[StepOutcome], studies: int) -> dg.Failure:
    keys = sorted({outcome.study_key for outcome in failed})
    causes = [outcome for outcome in failed if outcome.status == "failed"]
    return dg.Failure(
        f"{len(keys)} of {studies} studies failed; the others are done",
        metadata={
            "failed_studies": dg.MetadataValue.json(keys),
            "causes": dg.MetadataValue.json(
                [f"{o.study_key} {o.step}: {o.reason_code} {o.message}" for o in causes]
            ),
        },
    )


def build_study_assets(settings: Settings) -> dg.AssetsDefinition:
    """All study-level assets as one step that goes study by study.

    One run takes many partitions and keeps going after a failed study: what was done is
    materialised at once, what failed stays failed, and the run then ends as failed so that the
    partitions show it. Results that are up to date are not computed again.
    """
    steps = study_steps(settings)
    by_key = {asset_key(step.name): step for step in steps}

    @dg.multi_asset(
        name="study_pipeline",
        specs=[_spec(step) for step in steps],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.multi_run(settings.studies_per_run),
        retry_policy=RETRY_POLICY,
        pool="studies",
    )
    def study_pipeline(
        context: dg.AssetExecutionContext, config: StudyRunConfig
    ) -> Iterator[dg.MaterializeResult]:
        store = Store(settings.store)
        selected = [by_key[k].name for k in by_key if k in context.selected_asset_keys]
        study_keys = list(context.partition_keys)
        failed: list[StepOutcome] = []
        results = process_studies(study_keys, selected, settings, recompute=config.recompute)
        for finished, outcomes in enumerate(results, start=1):
            for outcome in outcomes:
                if outcome.succeeded:
                    step = by_key[asset_key(outcome.step)]
                    newest = context.instance.event_log_storage.get_maximum_record_id() or 0
                    context.log_event(_materialization(outcome, step, store, newest))
            failed += [outcome for outcome in outcomes if not outcome.succeeded]
            counts = Counter(outcome.status for outcome in outcomes)
            summary = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
            context.log.info(
                f"study {outcomes[0].study_key} ({finished} of {len(study_keys)}): {summary}"
            )
        if failed:
            raise _failure(failed, len(study_keys))
        yield from ()

    return study_pipeline
