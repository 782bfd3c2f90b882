"""The root asset: exports become registered studies."""

from collections import Counter

import dagster as dg

from wbr_platform.dicom.reading import IngestReport, register_exports
from wbr_platform.dicom.vault import Vault
from wbr_platform.orchestration.partitions import add_studies
from wbr_platform.orchestration.requests import read_request
from wbr_platform.orchestration.study_assets import EXPORTS_VERSION
from wbr_platform.settings import Settings


class ExportsConfig(dg.Config):
    """What to read: the key of a note in the vault; without one, the whole inbox is read."""

    request: str = ""


@dg.asset(
    group_name="ingest",
    kinds={"dicom"},
    owners=["team:physics"],
    description="Exports read (folders, zips), grouped to studies, each registered by pseudonym.",
    code_version="1",
    pool="ingest",
)
def export_inventory(
    context: dg.AssetExecutionContext,
    config: ExportsConfig,
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    """Read exports in the sandbox and register their studies as partitions."""
    exports = (
        read_request(settings.vault, config.request)
        if config.request
        else sorted(path for path in settings.inbox.glob("*") if not path.name.endswith(".part"))
    )
    report = register_exports(exports, Vault(settings.vault))
    add_studies(context.instance, [study.study_key for study in report.studies])
    return dg.MaterializeResult(
        metadata=inventory_metadata(report), data_version=dg.DataVersion(EXPORTS_VERSION)
    )


def inventory_metadata(report: IngestReport) -> dict[str, dg.MetadataValue | int]:
    """Counts only; nothing of a path or a patient."""
    changes = Counter(study.change for study in report.studies)
    reasons = Counter(rejected.reason_code for rejected in report.rejected)
    return {
        "studies": len(report.studies),
        "new": changes["new"],
        "changed": changes["changed"],
        "unchanged": changes["unchanged"],
        "study_keys": dg.MetadataValue.json([study.study_key for study in report.studies]),
        "files_rejected": len(report.rejected),
        "rejected_by_reason": dg.MetadataValue.json(dict(sorted(reasons.items()))),
    }
