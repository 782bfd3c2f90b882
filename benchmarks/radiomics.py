"""What the features of a whole-body PET/CT cost, beside PyRadiomics on the same regions.

    python -m benchmarks.radiomics --json --pyradiomics-python ENVIRONMENT/bin/python

CPU seconds count, children included, with one thread; kernels are compiled before (once per
installation). Each grid is measured in a process of its own. ``shared`` are the families that
PyRadiomics has, as it aggregates them; ``all_3d`` every 3D family but Moran's I and Geary's C.
PyRadiomics as documented is estimated from a sample of regions, which the answer names.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import SimpleITK as sitk

from benchmarks.cases.whole_body import BIN_WIDTHS, Grid, WholeBody
from benchmarks.measuring import measured
from wbr_platform.imaging import LabelMap, Volume
from wbr_platform.imaging.nifti import (
    read_labelmap,
    read_volume,
    write_labelmap,
    write_volume,
)
from wbr_platform.imaging.simpleitk import to_image
from wbr_platform.radiomics.engine import extract
from wbr_platform.radiomics.policy import PRESETS, Policy

MAPS = ("organs", "lesions")
SHARED_FAMILIES = ("morphology", "statistics", "glcm", "glrlm", "glszm", "ngtdm", "ngldm")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def policies(grid: Grid) -> dict[str, Policy]:
    """On the image's own voxels; the same bins as the peer's."""
    preset = PRESETS["pet_fbs_0.25" if grid == "pet" else "ct_fbs_25"]
    everything = replace(preset, spacing=None, autocorrelation_box_voxels=0)
    shared = replace(everything, families=SHARED_FAMILIES, aggregations=("3D", "3D_avg"))
    return {"shared": shared, "all_3d": everything}


def measure(folder: Path, grid: Grid) -> dict[str, Any]:
    """Our cost on one grid: from arrays, and from files to the table."""
    unit = "SUVbw" if grid == "pet" else "HU"

    def read() -> tuple[Volume, list[LabelMap]]:
        labels = [read_labelmap(folder / f"{name}.nii.gz") for name in MAPS]
        return read_volume(folder / "image.nii.gz", unit), labels  # type: ignore[arg-type]

    (volume, labelmaps), reading = measured(read)
    result: dict[str, Any] = {"grid": grid, "reading_cpu_seconds": reading.cpu_seconds}
    result["region_voxels"] = sum(int(np.count_nonzero(one.array)) for one in labelmaps)
    for name, policy in policies(grid).items():
        first = min(labelmaps[1].labels)
        one_region = LabelMap(labelmaps[1].array, volume.geometry, {first: "first"})
        extract(volume, one_region, policy)  # loads the compiled kernels
        frames, cost = measured(
            lambda policy=policy: [extract(volume, one, policy) for one in labelmaps],  # type: ignore[misc]
            repetitions=3,
        )
        result[name] = {**asdict(cost), "features": frames[0]["feature"].n_unique()}
    result["end_to_end_cpu_seconds"] = reading.cpu_seconds + result["all_3d"]["cpu_seconds"]
    result["region_costs"] = region_costs(volume, labelmaps, policies(grid)["all_3d"])
    return result


def region_costs(
    volume: Volume, labelmaps: Sequence[LabelMap], policy: Policy
) -> list[dict[str, float]]:
    """Voxels and CPU seconds of single regions from small to large: growth is linear."""
    organs = labelmaps[0]
    voxels = np.bincount(organs.array.ravel(), minlength=max(organs.labels) + 1)
    ordered = sorted(organs.labels, key=lambda label: int(voxels[label]))
    rows = []
    for label in ordered[:: max(len(ordered) // 12, 1)]:
        alone = np.where(organs.array == label, 1, 0).astype(np.uint8)
        only = LabelMap(alone, volume.geometry, {1: "region"})
        empty = LabelMap(np.zeros_like(alone), volume.geometry, {1: "region"})
        _, whole = measured(lambda only=only: extract(volume, only, policy), 3)  # type: ignore[misc]
        _, scan = measured(lambda empty=empty: extract(volume, empty, policy), 3)  # type: ignore[misc]
        seconds = max(whole.cpu_seconds - scan.cpu_seconds, 0.0)
        rows.append({"voxels": int(voxels[label]), "cpu_seconds": seconds})
    return rows


def write_case(body: WholeBody, grid: Grid, folder: Path) -> None:
    """Image and label maps as NIfTI files."""
    folder.mkdir(parents=True)
    case = body.case(grid)
    if grid == "pet":
        write_volume(case.volume, folder / "image.nii.gz")
    else:  # HU are whole numbers, and files of them small
        whole = np.rint(case.volume.array).astype(np.int16)
        image = to_image(whole, case.volume.geometry)
        sitk.WriteImage(image, str(folder / "image.nii.gz"), True, 1)
    write_labelmap(case.organs, folder / "organs.nii.gz")
    write_labelmap(case.lesions, folder / "lesions.nii.gz")


def _child(arguments: Sequence[str]) -> dict[str, Any]:
    """The JSON that a child prints as its last line."""
    done = subprocess.run(
        list(arguments), env=os.environ | ONE_THREAD, check=True, capture_output=True, text=True
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def run(grids: Sequence[Grid], peer_python: Path | None, sampled: int) -> dict[str, Any]:
    """All measurements, and the ratios of their sums over the grids."""
    body = WholeBody()
    ours: dict[str, dict[str, Any]] = {}
    peers: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="wbr-benchmark-") as scratch:
        for grid in grids:
            folder = Path(scratch) / grid
            write_case(body, grid, folder)
            own = [sys.executable, "-m", "benchmarks.radiomics", "--measure", str(folder), grid]
            ours[grid] = _child(own)
            if peer_python is not None:
                script = str(Path(__file__).parent / "peers" / "pyradiomics_cost.py")
                width = str(BIN_WIDTHS[grid])
                peers[grid] = _child([str(peer_python), script, str(folder), width, str(sampled)])
    return summary(ours, peers)


def summary(ours: dict[str, dict[str, Any]], peers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Sums over the grids, and how many times dearer the peer is for the shared features."""
    shared = sum(one["shared"]["cpu_seconds"] for one in ours.values())
    result: dict[str, Any] = {
        "cpu_seconds_shared": shared,
        "cpu_seconds_all_3d": sum(one["all_3d"]["cpu_seconds"] for one in ours.values()),
        "cpu_seconds_end_to_end": sum(one["end_to_end_cpu_seconds"] for one in ours.values()),
        "peak_mib_above_image": max(one["all_3d"]["peak_mib"] for one in ours.values()),
        "ratio_pyradiomics_expert": None,
        "ratio_pyradiomics_documented": None,
        "ours": ours,
        "pyradiomics": peers,
    }
    for way in ("expert", "documented"):
        costs = [one[f"{way}_cpu_seconds"] for one in peers.values()]
        if costs and None not in costs:
            result[f"cpu_seconds_pyradiomics_{way}"] = sum(costs)
            result[f"ratio_pyradiomics_{way}"] = sum(costs) / shared
    return result


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--grids", nargs="+", choices=get_args(Grid), default=["pet", "ct"])
    parser.add_argument("--pyradiomics-python", type=Path, help="a Python that has PyRadiomics")
    parser.add_argument("--documented-sample", type=int, default=6, metavar="REGIONS")
    parser.add_argument("--measure", nargs=2, metavar=("FOLDER", "GRID"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(Path(given.measure[0]), given.measure[1])))
        return
    result = run(given.grids, given.pyradiomics_python, given.documented_sample)
    if given.json:
        print(json.dumps(result, indent=1))
        return
    for name, value in result.items():
        if not isinstance(value, dict):
            print(f"{name:32} {'not measured' if value is None else f'{value:.2f}'}")


if __name__ == "__main__":
    main()
