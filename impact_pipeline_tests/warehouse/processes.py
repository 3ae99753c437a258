"""Real second processes that open the file, report, and wait for a word or are killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Process:
    """A Python process that runs `code` with `path` bound, up to the points where it calls `reached()`."""

    def __init__(self, code: str, path: Path) -> None:
        program = (
            "import sys, pathlib\n"
            f"path = pathlib.Path({str(path)!r})\n"
            "def reached():\n"
            "    print('reached', flush=True)\n"
            "    sys.stdin.readline()\n"
        )
        self._popen = subprocess.Popen(
            [sys.executable, "-c", program + code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._popen.pid

    def wait_until_reached(self) -> None:
        assert self._popen.stdout is not None
        assert self._popen.stdout.readline() == "reached\n"

    def go_on(self) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write("\n")
        self._popen.stdin.flush()

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait()

    def finish(self) -> str:
        """Let it go on to its end; what it printed since. It has to end well."""
        output, _ = self._popen.communicate("\n")
        assert self._popen.returncode == 0
        return output

    def killed_itself(self) -> bool:
        return self._popen.wait() == -9

    def close(self) -> None:
        if self._popen.poll() is None:
            self.kill()
        for stream in (self._popen.stdin, self._popen.stdout):
            if stream is not None and not stream.closed:
                stream.close()


@contextmanager
def process(code: str, path: Path) -> Iterator[Process]:
    """The process; killed at the end if it still runs."""
    started = Process(code, path)
    try:
        yield started
    finally:
        started.close()


HOLDS_FOR_WRITING = """
import duckdb
con = duckdb.connect(str(path))
con.execute("update outbox.lease set run_id = 'notebook' where lane = 'submit'")
reached()
con.close()
"""
HOLDS_FOR_READING = """
import duckdb
con = duckdb.connect(str(path), read_only=True)
reached()
con.close()
"""
IN_A_TRANSACTION = """
from impact_pipeline.warehouse.connection import Warehouse
with Warehouse(path=path).transaction() as con:
    con.execute("update outbox.lease set run_id = 'killed'")
    reached()
"""
