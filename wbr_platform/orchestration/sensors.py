"""What starts runs by itself: new exports, studies with work to do, a cohort that has changed."""

import hashlib
import json
import time
from collections.abc import Sequence

import dagster as dg

from wbr_platform.dicom.vault import Vault
from wbr_platform.dicom.watching import settled_exports
from wbr_platform.orchestration.freshness import stale_studies, work_token
from wbr_platform.orchestration.jobs import COHORT_JOB, INGEST_JOB, STUDY_JOB
from wbr_platform.orchestration.partitions import STUDIES, contiguous_batches, range_tags
from wbr_platform.orchestration.requests import write_request
from wbr_platform.settings import Settings
from wbr_platform.store.files import Store

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def _running(instance: dg.DagsterInstance, job: str) -> bool:
    filters = dg.RunsFilter(job_name=job, statuses=UNFINISHED)
    return bool(instance.get_run_records(filters, limit=1))


@dg.sensor(
    name="inbox_exports",
    job_name=INGEST_JOB,
    minimum_interval_seconds=20,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="An export in the inbox that has stopped changing becomes one run.",
)
def inbox_exports(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult:
    """The cursor remembers what each export looked like; names stay out of it (keyed hashes)."""
    settings.inbox.mkdir(parents=True, exist_ok=True)
    cursor = json.loads(context.cursor) if context.cursor else {}
    look = settled_exports(
        settings.inbox,
        cursor,
        Vault(settings.vault).pseudonyms,
        time.time(),
        settings.inbox_settle_seconds,
    )
    taken = look.settled[: settings.runs_per_tick]
    following = dict(look.cursor)
    for export in look.settled[settings.runs_per_tick :]:
        following[export.export_key] = {**following[export.export_key], "reported": False}
    requests = []
    for export in taken:
        request = write_request(settings.vault, [export.path])
        requests.append(
            dg.RunRequest(
                run_key=f"{export.export_key}:{export.signature}",
                run_config={"ops": {"export_inventory": {"config": {"request": request}}}},
            )
        )
    waiting = f"{look.waiting} exports still changing" if look.waiting else "nothing new"
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else dg.SkipReason(waiting),
        cursor=json.dumps(following),
    )


@dg.sensor(
    name="studies_to_process",
    job_name=STUDY_JOB,
    minimum_interval_seconds=20,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Studies that are new, changed, or made with other settings become few runs.",
)
def studies_to_process(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult:
    """Each state of a study is asked for once: a failed one waits for a person or new code."""
    known = list(context.instance.get_dynamic_partitions(str(STUDIES.name)))
    asked: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
    tokens = {key: work_token(key, settings) for key in stale_studies(known, settings)}
    wanted = [key for key, token in tokens.items() if asked.get(key) != token]
    batches = contiguous_batches(known, wanted, settings.studies_per_run)
    requests = []
    for batch in batches[: settings.runs_per_tick]:
        asked |= {key: tokens[key] for key in batch}
        run_key = _digest([f"{key}:{tokens[key]}" for key in batch])
        requests.append(dg.RunRequest(run_key=run_key, tags=range_tags(batch)))
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else dg.SkipReason("every study is up to date or asked for"),
        cursor=json.dumps(asked),
    )


@dg.sensor(
    name="cohort_to_refresh",
    job_name=COHORT_JOB,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="When studies have changed and none is being processed, the cohort is refreshed.",
)
def cohort_to_refresh(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult:
    """One run for each state of the store, so that statisticians see new studies soon."""
    if _running(context.instance, STUDY_JOB) or _running(context.instance, COHORT_JOB):
        return dg.SensorResult(skip_reason=dg.SkipReason("a run is under way"))
    state = _store_state(Store(settings.store))
    if not state:
        return dg.SensorResult(skip_reason=dg.SkipReason("no study has been processed"))
    run_key = _digest(state)
    if context.cursor == run_key:
        return dg.SensorResult(skip_reason=dg.SkipReason("nothing has changed"))
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=run_key)], cursor=run_key)


def _store_state(store: Store) -> list[str]:
    """The stamps of the last step of every study."""
    return [
        f"{key}:{manifest.stamp}"
        for key in store.study_keys()
        if (manifest := store.read_manifest("study_report", key)) is not None
    ]


SENSORS = [inbox_exports, studies_to_process, cohort_to_refresh]
