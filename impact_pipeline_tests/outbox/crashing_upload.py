"""
An upload in a process of its own that kills itself (SIGKILL) at a named boundary.

    python -m impact_pipeline_tests.outbox.crashing_upload WAREHOUSE PORT HOST_KEY KEY_FILE NOW BOUNDARY
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from impact_pipeline.outbox.impact.sftp import SftpFolder
from impact_pipeline.outbox.upload import upload
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.outbox.conftest import SETTINGS


class MinedFolder(SftpFolder):
    """A folder that may kill the process before or after a file was put there."""

    boundary: str

    def put(self, file: Path, name: str, may_deliver: Callable[[], bool]) -> None:
        if self.boundary == "after_intent":
            os.kill(os.getpid(), signal.SIGKILL)
        super().put(file, name, may_deliver)
        if self.boundary == "after_upload":
            os.kill(os.getpid(), signal.SIGKILL)


def main(path: str, port: str, host_key: str, key_file: str, now: str, boundary: str) -> None:
    MinedFolder.boundary = boundary
    moment = datetime.fromisoformat(now)
    upload(
        Warehouse(path=Path(path)),
        MinedFolder(
            host="127.0.0.1",
            port=int(port),
            user="brand-4711",
            host_key=host_key,
            folder=".",
            private_key_file=Path(key_file),
        ),
        SETTINGS,
        max_conversions=1000,
        run_id="crashing",
        clock=lambda: moment,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
