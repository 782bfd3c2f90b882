"""Studies as dynamic partitions; the key is a pseudonym."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import dagster as dg

STUDIES = dg.DynamicPartitionsDefinition(name="study")


def add_studies(instance: dg.DagsterInstance, study_keys: Collection[str]) -> None:
    """Make the studies known as partitions; those known already stay where they are."""
    known = set(instance.get_dynamic_partitions(str(STUDIES.name)))
    new = [key for key in study_keys if key not in known]
    if new:
        instance.add_dynamic_partitions(str(STUDIES.name), new)


def contiguous_batches(
    known: Sequence[str], wanted: Collection[str], most: int, widest_gap: int = 10
) -> list[list[str]]:
    """Split the wanted studies into runs, each a stretch of consecutive partitions.

    A run covers a range of partitions; studies in between that are up to date cost next to
    nothing, so gaps of up to ``widest_gap`` are bridged. At most ``most`` wanted studies a run.
    """
    wanted = set(wanted)
    batches: list[list[str]] = []
    last = -1
    for position, key in enumerate(known):
        if key not in wanted:
            continue
        far = position - last > widest_gap + 1
        if not batches or far or len(batches[-1]) == most:
            batches.append([])
        batches[-1].append(key)
        last = position
    return batches


def range_tags(batch: Sequence[str]) -> dict[str, str]:
    """Run tags that select the partitions from the first to the last of the batch."""
    return {
        "dagster/asset_partition_range_start": batch[0],
        "dagster/asset_partition_range_end": batch[-1],
    }
