"""Files that only their owner may read, and that appear whole or not at all."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

_OWNER_ONLY = 0o077
_mask_guard = threading.Lock()
_blocks: list[int] = []


@contextmanager
def owner_only() -> Iterator[None]:
    """
    Whatever this process makes during the block, its owner alone can read.

    DuckDB makes its log and spill files with the mask of the process, which all threads share. So the mask is set by
    the first block that begins and put back by the last one that ends.
    """
    with _mask_guard:
        # Each block keeps the mask that was there before all of them, so that the last one knows it.
        _blocks.append(_blocks[0] if _blocks else os.umask(_OWNER_ONLY))
    try:
        yield
    finally:
        with _mask_guard:
            before = _blocks.pop()
            if not _blocks:
                os.umask(before)


@contextmanager
def temporary_beside(target: Path) -> Iterator[Path]:
    """
    A name in the folder of `target` under which its next content can be written, to be renamed or linked by the caller.

    What is left of it at the end is removed, with its log and what DuckDB spilled beside it, and so is what killed
    processes left of theirs.
    """
    _remove_strays(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.new")
    try:
        yield temporary
    finally:
        for ending in ("", ".wal", ".tmp"):
            _remove(temporary.with_name(temporary.name + ending))


def _remove_strays(target: Path) -> None:
    name = re.compile(rf"\.{re.escape(target.name)}\.(\d+)\.\d+\.new(\.wal|\.tmp)?")
    for path in target.parent.iterdir():
        made_by = name.fullmatch(path.name)
        if made_by is not None and not _lives(int(made_by.group(1))):
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
