"""``wbr ui`` brings Dagster up on this project, with its assets, sensors and schedule."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.end_to_end

SECONDS_TO_START = 180


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root, port = tmp_path_factory.mktemp("ui"), free_port()
    paths = ("--store", root / "store", "--vault", root / "vault", "--inbox", root / "inbox")
    command = [sys.executable, "-m", "wbr_platform", "ui", "--port", str(port), *map(str, paths)]
    log = Path(root / "log.txt")
    with log.open("w") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            found = f"http://127.0.0.1:{port}"
            wait_for(found, process, log)
            yield found
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=60)


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(SECONDS_TO_START):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5):
                return
        except OSError:
            time.sleep(1)
    pytest.fail(log.read_text())


def ask(address: str, query: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)["data"]
    return found


def test_the_assets_are_there_with_descriptions_owners_and_groups(address: str) -> None:
    nodes = ask(
        address,
        "{assetNodes{assetKey{path} description groupName kinds owners{"
        "... on TeamAssetOwner{team}}}}",
    )["assetNodes"]
    names = {"/".join(node["assetKey"]["path"]) for node in nodes}
    assert {"dicom_study", "pet_suv", "lesion_masks/suv_4_0", "warehouse/mart_cohort"} <= names
    assert {"organ_network", "survival_models", "harmonized_features", "cohort_report"} <= names
    for node in nodes:
        assert node["description"], node
        assert node["kinds"], node
        assert node["owners"], node
        assert node["groupName"] != "default", node


def test_sensors_and_schedule_are_there(address: str) -> None:
    query = """{repositoriesOrError{... on RepositoryConnection{nodes{
        sensors{name sensorState{status}} schedules{name cronSchedule}}}}}"""
    (repository,) = ask(address, query)["repositoriesOrError"]["nodes"]
    sensors = {sensor["name"]: sensor["sensorState"]["status"] for sensor in repository["sensors"]}
    assert sensors == {
        "inbox_exports": "RUNNING",
        "studies_to_process": "RUNNING",
        "cohort_to_refresh": "RUNNING",
    }
    assert [schedule["name"] for schedule in repository["schedules"]] == ["nightly_cohort"]
