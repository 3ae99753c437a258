"""T3's hands: Dagster's daemon and web server as processes of their own, and the UI's requests to the latter."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from impact_pipeline.cli.dev import prepared_home
from impact_pipeline_tests.proof.bugs import ROOT

PATIENCE_SECONDS = 240.0
LOCATION = "proof"
_SELECTOR = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}
_START_SENSOR = "mutation ($s: SensorSelector!) { startSensor(sensorSelector: $s) { __typename } }"
_TERMINATE = """
mutation ($ids: [String!]!) {
  terminateRuns(runIds: $ids, terminatePolicy: SAFE_TERMINATE) {
    ... on TerminateRunsResult { terminateRunResults { __typename } }
  }
}
"""


class Installation:
    """
    A DAGSTER_HOME with a workspace, a daemon that may be killed, and a web server.

    Args:
        folder: an empty one, for everything.
        environment: what the pipeline needs.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.home = prepared_home({"DAGSTER_HOME": str(folder / "home")})
        settings = self.home / "dagster.yaml"
        given = yaml.safe_load(settings.read_text("utf-8"))
        # What is lost is noticed as in production, only sooner.
        given["run_monitoring"]["poll_interval_seconds"] = 2
        settings.write_text(yaml.safe_dump(given), "utf-8")
        self._workspace = folder / "workspace.yaml"
        module = {"module_name": "impact_pipeline_tests.proof.location", "location_name": LOCATION}
        self._workspace.write_text(yaml.safe_dump({"load_from": [{"python_module": module}]}), "utf-8")
        self._folder = folder
        self._environment = {
            **os.environ,
            **environment,
            "DAGSTER_HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
        }
        self._port = _free_port()
        self._groups: list[subprocess.Popen[bytes]] = []

    def start_daemon(self) -> subprocess.Popen[bytes]:
        return self._start("daemon", "-m", "dagster._daemon", "run", "-w", str(self._workspace))

    def start_server(self) -> None:
        where = ("-w", str(self._workspace), "-h", "127.0.0.1", "-p", str(self._port))
        self._start("server", "-m", "dagster_webserver", *where)
        until(lambda: self._is_there(), "the web server answers")

    def switch_sensor_on(self) -> None:
        """As somebody does it in the UI."""
        said = self._ask(_START_SENSOR, {"s": {**_SELECTOR, "sensorName": "outbox_sensor"}})
        assert said["startSensor"]["__typename"] == "Sensor", said

    def cancel(self, run_id: str) -> None:
        """As somebody does it in the UI."""
        said = self._ask(_TERMINATE, {"ids": [run_id]})
        (result,) = said["terminateRuns"]["terminateRunResults"]
        assert result["__typename"] == "TerminateRunSuccess", said

    def stop(self) -> None:
        """End every process, also those whose parent was killed."""
        for process in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                env=self._environment,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._groups.append(process)
        return process

    def _is_there(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/server_info", timeout=5):
                return True
        except OSError:
            return False

    def _ask(self, query: str, variables: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = json.load(answer)
        assert "errors" not in said, said
        return said["data"]


@contextmanager
def installation(folder: Path, environment: dict[str, str]) -> Iterator[Installation]:
    """An installation whose processes are gone afterwards."""
    it = Installation(folder, environment)
    try:
        yield it
    finally:
        it.stop()


def until(is_so: Callable[[], object], what: str) -> None:
    """Wait until it is so. Raises AssertionError after PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
