"""
Pages on their way to the warehouse: files that only their owner can read, gone after the load.

No connection to the warehouse is open while Salesforce is being read, so what it answers has to wait somewhere.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class StagedRows:
    """
    Rows of one object in a file.

    Args:
        columns: names of the fields in the file; in CSV in its order.
        is_csv: CSV of a bulk job with a header, else newline-delimited JSON.
    """

    path: Path
    columns: tuple[str, ...]
    row_count: int
    is_csv: bool = False


class StagingGone(RuntimeError):
    """Another run has taken the lane over and removed the files of this one."""


@contextmanager
def staging_folder(parent: Path, lane: str) -> Iterator[Path]:
    """
    A folder for the files of one run in a lane, removed at the end.

    Folders that a killed run has left are removed as well: the lease of the lane lets only one run be here.

    Raises:
        StagingGone: this run took so long that another one came after all.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{lane}-*"):
        # A run that has just ended may be removing its own.
        with suppress(FileNotFoundError):
            shutil.rmtree(left)
    folder = Path(tempfile.mkdtemp(prefix=f"{lane}-", dir=parent))  # made with mode 0700
    try:
        yield folder
    except FileNotFoundError as error:
        if folder.exists():
            raise
        raise StagingGone(
            f"This run took too long: another run is in the lane {lane!r} now and has removed {folder.name}. "
            "It goes on from what is committed; there is nothing to do."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class RowFile:
    """
    Rows on their way into a file of newline-delimited JSON; an empty text becomes null, as it is in CSV.

    Numbers have to be text: what is read is what came.
    """

    def __init__(self, folder: Path, columns: tuple[str, ...]) -> None:
        self.row_count = 0
        self._columns = columns
        handle, path = tempfile.mkstemp(prefix="page-", suffix=".ndjson", dir=folder)  # made with mode 0600
        os.close(handle)
        self._path = Path(path)

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        with self._path.open("ab") as file:
            for row in rows:
                # Half a surrogate pair is no text and can't be stored as UTF-8; it becomes a question mark.
                line = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")
                # Inside of a text quotes are escaped, so that nothing else looks so.
                file.write(line.replace(b': ""', b": null") + b"\n")
                self.row_count += 1

    def staged(self) -> StagedRows:
        return StagedRows(path=self._path, columns=self._columns, row_count=self.row_count)
