"""Plays a file of edits against virtual time."""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from impact_pipeline.simulator.clock import Clock

Edit = Mapping[str, Any]


class Timeline:
    """
    Edits in the order of their `at`, handed to `apply` one by one as the clock reaches them.

    An edit with `commit_at` is handed over at its `at` as well: whoever applies it must know that a transaction is
    open, and shows it when the clock passes `commit_at`.

    Args:
        apply: takes one edit, for example `Org.apply`.

    Raises:
        ValueError: an edit lies before the clock's time; its stamps would be older than anything a client may rely on.
    """

    def __init__(self, edits: Iterable[Edit], *, clock: Clock, apply: Callable[[Edit], object]) -> None:
        timed = [(_moment(edit), place, edit) for place, edit in enumerate(edits)]
        self._edits = sorted(timed, key=lambda entry: entry[:2])
        self._clock = clock
        self._apply = apply
        self._next = 0
        if self._edits and self._edits[0][0] < clock.now():
            raise ValueError(
                f"the timeline begins at {self._edits[0][0].isoformat()}, before the clock's "
                f"{clock.now().isoformat()}; start the clock earlier or leave those edits out."
            )

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        clock: Clock,
        apply: Callable[[Edit], object],
        after: datetime | None = None,
    ) -> "Timeline":
        """Read a .jsonl or .jsonl.gz file, one edit a line; `after` leaves out the edits up to that time."""
        read = read_edits(path)
        return cls((edit for edit in read if after is None or _moment(edit) > after), clock=clock, apply=apply)

    @property
    def ends_at(self) -> datetime | None:
        """The time of the last edit; None without edits."""
        return self._edits[-1][0] if self._edits else None

    @property
    def left(self) -> int:
        """How many edits have not been played."""
        return len(self._edits) - self._next

    def play_until(self, moment: datetime) -> int:
        """Move the clock to `moment`, applying on the way every edit up to and at it; gives their number."""
        played = 0
        while self._next < len(self._edits) and self._edits[self._next][0] <= moment:
            at, _, edit = self._edits[self._next]
            if at > self._clock.now():
                self._clock.move_to(at)
            self._next += 1
            self._apply(edit)
            played += 1
        if moment > self._clock.now():
            self._clock.move_to(moment)
        return played


def read_edits(path: str | Path) -> Iterator[Edit]:
    """The edits of a .jsonl or .jsonl.gz file in the file's order. Raises ValueError naming a line that is none."""
    path = Path(path)
    with _opened(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield json.loads(line, parse_float=Decimal)
            except ValueError as error:
                raise ValueError(f"{path}, line {number} is not JSON: {error}") from error


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _moment(edit: Edit) -> datetime:
    moment = datetime.fromisoformat(str(edit["at"]))
    if moment.tzinfo is None:
        raise ValueError(f"an edit's at={edit['at']} has no time zone; write it with Z.")
    return moment
