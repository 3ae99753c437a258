"""
Pages on their way to the warehouse: files that only their owner can read, gone after the load.

No connection to the warehouse is open while Salesforce is being read, so what it answers has to wait somewhere.
"""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PREFIX = "capture-"


@dataclass(frozen=True, kw_only=True)
class StagedRows:
    """
    Rows of one object in one file.

    Args:
        columns: names of the fields in the file; in CSV in its order.
        is_csv: CSV of a bulk job with a header, else newline-delimited JSON.
    """

    path: Path
    columns: tuple[str, ...]
    row_count: int
    is_csv: bool = False


@contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """
    A folder for the files of one run, removed at the end.

    Folders that a killed run has left are removed as well: the lease of the lane lets only one run be here.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{_PREFIX}*"):
        shutil.rmtree(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))  # made with mode 0700
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def private_file(folder: Path, suffix: str) -> Path:
    """An empty file of mode 0600 in `folder`."""
    handle = tempfile.NamedTemporaryFile(prefix="page-", suffix=suffix, dir=folder, delete=False)  # noqa: SIM115
    handle.close()
    return Path(handle.name)


def stage_rows(folder: Path, rows: Iterable[Mapping[str, Any]], columns: tuple[str, ...]) -> StagedRows:
    """Write rows as newline-delimited JSON. Numbers have to be text already: what is read is what was sent."""
    path = private_file(folder, ".ndjson")
    count = 0
    with path.open("wb") as file:
        for row in rows:
            # Half a surrogate pair is no text and can't be stored as UTF-8; it becomes a question mark.
            file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
            count += 1
    return StagedRows(path=path, columns=columns, row_count=count)
