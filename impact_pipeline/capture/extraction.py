"""
What a cycle reads, in its order: what is new, what proves deletions, the lines of what changed, full readings, sweeps.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import duckdb

from impact_pipeline.capture import lines as sets
from impact_pipeline.capture.committing import Outcome, Reading, Writer
from impact_pipeline.capture.deletions import Suspects, settle
from impact_pipeline.capture.lines import Due, Lines
from impact_pipeline.capture.load import LoadContext, living
from impact_pipeline.capture.merges import Moved, moved, note_followed
from impact_pipeline.capture.objects import ObjectPlan, is_history
from impact_pipeline.capture.progress import BEGINNING, Progress
from impact_pipeline.capture.reading import Piece, Question
from impact_pipeline.capture.salesforce.answers import Deleted
from impact_pipeline.capture.soql import within
from impact_pipeline.capture.sweep import compare_ids, narrow
from impact_pipeline.capture.windows import Window

# So many records' lines are read by Id; for more of them the whole object of the lines is read and swept by bulk jobs.
RECORDS_BY_ID = 20_000
# How often records whose lines don't add up are read again.
SUM_ATTEMPTS = 2


@dataclass(kw_only=True)
class Extraction:
    """
    The readings of one cycle, or of a reread beside it.

    Args:
        plans: of all objects that may be read.
        until: the bound that they share.
        filters: object → SOQL condition over fields that never change.
    """

    writer: Writer
    plans: Mapping[str, ObjectPlan]
    until: datetime
    filters: Mapping[str, str]
    _suspects: dict[str, Suspects] = field(default_factory=dict)
    _due: dict[str, Due] = field(default_factory=dict)
    _odd: dict[str, list[str]] = field(default_factory=dict)
    _new_lines: set[str] = field(default_factory=set)
    _moved: list[Moved] = field(default_factory=list)

    def read_new(
        self, logs: Mapping[str, Deleted | None], open_since: datetime | None, *, is_last: Callable[[], bool]
    ) -> None:
        """
        What was stamped since the last cycle, and the first loads that are still to be made or finished; then what
        seems to be gone since.

        Args:
            logs: object → its log of deletions, asked before; None where it didn't reach back far enough.
            open_since: since when transactions may have been open then, as the logs told.
            is_last: whether nothing is read after this but what this has found.
        """
        loading = {name for name, reached in self.writer.reached.items() if reached.is_first_load}
        self._new_lines = {
            pair.line.name for pair in self.writer.pairs if not loading.isdisjoint((pair.record.name, pair.line.name))
        }
        self._work(
            [self._new(plan, logs.get(name), open_since) for name, plan in self.plans.items()],
            self._find,
            is_last=lambda: is_last() and not self._has_found(),
        )
        self._follow_merges()

    def read_lines(self) -> None:
        """The lines of each record that changed, or whose lines did; both again where they don't add up."""
        for pair in self.writer.pairs:
            due = self._due.pop(pair.line.name, Due())
            if due.records:
                self._read_sets(pair, due)
            self._mend_sums(pair)

    def find_lines(self, con: duckdb.DuckDBPyConnection) -> None:
        """What `read_lines` is to read where nothing else was read before."""
        for pair in self.writer.pairs:
            self._due[pair.line.name] = sets.due(con, pair, cycle_id=self.writer.cycle_id)

    def read_in_full(self, plan: ObjectPlan, fields_added: tuple[str, ...] = ()) -> None:
        """Read every record once more: fields are captured for the first time, or move no stamp. Moves no cursor."""
        self._work([[self._reading(plan, "full", until=self.until, fields_added=fields_added)]])

    def sweep(self, swept: Sequence[ObjectPlan], *, accepted: int = 0, is_last: bool = False) -> None:
        """
        Compare all Ids of these objects with Salesforce's.

        Args:
            accepted: so many may be missing, a person says.
            is_last: nothing is read after this.
        """
        self._work([[self._sweep(plan, accepted)] for plan in swept], is_last=lambda: is_last)

    def reread(self, plan: ObjectPlan, windows: Sequence[Window]) -> None:
        """Read these windows again, each committed by itself. Moves no cursor."""
        readings = [
            self._reading(plan, "reread", after=window.after, until=window.until, before=window.until, touches=True)
            for window in windows
        ]
        self._work([readings], self._find_sets)

    def _work(
        self,
        jobs: Sequence[Sequence[Reading]],
        at_end: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
        *,
        is_last: Callable[[], bool] = lambda: False,
    ) -> None:
        """
        Carry out readings, and look up by Id what they found to be gone.

        Args:
            at_end: called once all is settled.
            is_last: asked then; True: the lane can be left.
        """

        def at_end_of_proof(con: duckdb.DuckDBPyConnection) -> None:
            if self._suspects:
                return
            if at_end is not None:
                at_end(con)
            if is_last():
                self.writer.run.leave(con)

        while jobs:
            self.writer.work(jobs, at_end_of_proof)
            suspects, self._suspects = self._suspects, {}
            jobs = [[self._proof(self.plans[name], found)] for name, found in suspects.items()]

    def _new(self, plan: ObjectPlan, log: Deleted | None, open_since: datetime | None) -> list[Reading]:
        reached, readings = self.writer.reached[plan.name], []
        if reached.is_first_load:
            readings.append(self._first_load(plan, reached))
            reached = replace(reached, cursor=reached.first_until, read_until=reached.first_until)
        else:
            left = self._left_window(plan, reached)
            if left is not None:
                readings.append(left)
                reached = replace(reached, cursor=left.until, read_until=left.until, open_since=left.open_since)
        if reached.cursor < self.until or not readings:
            window = reached.window(self.until, self.writer.run.options.overlap)
            readings.append(self._window(plan, window, reached.named_after(window), open_since))
        readings[-1] = replace(readings[-1], weigh=partial(self._weigh_log, plan, log))
        return readings

    def _window(
        self, plan: ObjectPlan, window: Window, named_after: datetime | None, open_since: datetime | None
    ) -> Reading:
        reading = self._reading(
            plan,
            "window",
            after=window.after,
            until=window.until,
            # Rows of history that an edit has left belong to the record as it is read.
            conditions=() if is_history(plan.name) else _created_before(plan, window.until),
            moves_cursor=True,
            touches=True,
            open_since=open_since,
        )
        return replace(reading, after=named_after)

    def _left_window(self, plan: ObjectPlan, reached: Progress) -> Reading | None:
        """The window of a bulk job that an earlier run left behind: its result is finished before the next one."""
        job = self.writer.run.reader.left_job(plan)
        if job is None or job.after is None or job.before is None:
            return None
        window = Window(after=datetime.fromisoformat(job.after), until=datetime.fromisoformat(job.before))
        if not (window.after is not None and window.after <= reached.cursor < window.until < self.until):
            return None
        open_since = None if job.open_since is None else datetime.fromisoformat(job.open_since)
        return self._window(plan, window, reached.named_after(window), open_since)

    def _first_load(self, plan: ObjectPlan, reached: Progress) -> Reading:
        return self._reading(
            plan,
            "window",
            after=None if reached.cursor == BEGINNING else reached.cursor,
            until=reached.first_until,
            conditions=_created_before(plan, reached.first_until),
            moves_cursor=True,
            is_first_load=True,
            open_since=reached.open_since,
        )

    def _reading(
        self,
        plan: ObjectPlan,
        purpose: str,
        *,
        until: datetime,
        after: datetime | None = None,
        before: datetime | None = None,
        conditions: Sequence[str] = (),
        open_since: datetime | None = None,
        **about: object,
    ) -> Reading:
        only = self.filters.get(plan.name)
        question = Question(
            plan=plan,
            until=until,
            conditions=(*conditions, *(() if only is None else (f"({only})",))),
            after=after,
            before=before,
            open_since=open_since,
            label="" if purpose == "window" else f"-{purpose}",
        )
        pieces = partial(self.writer.run.reader.pieces, question)
        return Reading(
            plan=plan,
            purpose=purpose,
            after=after,
            until=until,
            pieces=pieces,
            open_since=open_since,
            **about,  # type: ignore[arg-type]
        )

    def _by_id(self, plan: ObjectPlan, purpose: str, ids: Sequence[str], *, by: str = "Id") -> Reading:
        def pieces() -> Generator[Piece]:
            yield self.writer.run.reader.by_id(plan, ids, by=by)

        return Reading(plan=plan, purpose=purpose, after=None, until=self.until, pieces=pieces)

    def _proof(self, plan: ObjectPlan, suspects: Suspects) -> Reading:
        def weigh(con: duckdb.DuckDBPyConnection, context: LoadContext, piece: Piece) -> Outcome:
            versions = settle(con, plan, suspects, piece, context)
            return Outcome(versions=versions, deletes_seen=len(suspects.ids), covered=suspects.covered)

        reading = self._by_id(plan, "proof", suspects.ids)
        return replace(reading, weigh=weigh, touches=suspects.how == "getDeleted")

    def _weigh_log(
        self,
        plan: ObjectPlan,
        log: Deleted | None,
        con: duckdb.DuckDBPyConnection,
        context: LoadContext,
        piece: Piece,
    ) -> Outcome:
        if not piece.is_last or log is None:
            return Outcome()
        suspects = living(con, plan.name, log.ids)
        if not suspects:
            return Outcome(covered=log.latest_date_covered)
        self._suspects[plan.name] = Suspects(ids=tuple(suspects), how="getDeleted", covered=log.latest_date_covered)
        return Outcome()

    def _find(self, con: duckdb.DuckDBPyConnection) -> None:
        """What a cycle is to read besides: sets of lines, and the records that merges moved."""
        self._find_sets(con)
        self._moved = moved(con, self.writer.references)
        note_followed(con, (found for found in self._moved if not found.records))

    def _has_found(self) -> bool:
        """Whether `_find` has found something to be read."""
        return (
            any(due.records for due in self._due.values())
            or any(self._odd.values())
            or any(it.records for it in self._moved)
        )

    def _follow_merges(self) -> None:
        found = [it for it in self._moved if it.records]
        jobs = [[self._by_id(it.plan, "records", ids)] for it in found for ids in self._groups(it.plan, it.records)]
        self._work(jobs, lambda con: note_followed(con, found))

    def _find_sets(self, con: duckdb.DuckDBPyConnection) -> None:
        """The sets that are to be read and, after a first load, all records whose lines don't add up."""
        self.find_lines(con)
        for pair in self.writer.pairs:
            due = self._due[pair.line.name]
            if not due.records:
                sets.note_read(con, pair, due)
            self._odd[pair.line.name] = self._not_adding_up(con, pair, ())

    def _not_adding_up(self, con: duckdb.DuckDBPyConnection, pair: Lines, records: Sequence[str]) -> list[str]:
        """Of these records, or of all after a first load."""
        if pair.line.name in self._new_lines:
            return sets.not_adding_up(con, pair, None)
        return sets.not_adding_up(con, pair, records) if records else []

    def _read_sets(self, pair: Lines, due: Due) -> None:
        def settle_sets(con: duckdb.DuckDBPyConnection) -> None:
            sets.note_read(con, pair, due)
            self._odd[pair.line.name] = self._not_adding_up(con, pair, due.records)

        if len(due.records) > RECORDS_BY_ID:
            self.read_in_full(pair.line)
            self._work([[self._sweep(pair.line)]], settle_sets)
        else:
            self._work(self._sets(pair, due.records), settle_sets)

    def _sets(self, pair: Lines, records: Sequence[str]) -> list[list[Reading]]:
        return [[self._set(pair, ids)] for ids in self._groups(pair.line, records, by=pair.parent)]

    def _groups(self, plan: ObjectPlan, ids: Sequence[str], *, by: str = "Id") -> list[list[str]]:
        return self.writer.run.reader.groups_of_ids(plan, ids, by=by)

    def _set(self, pair: Lines, records: Sequence[str]) -> Reading:
        def weigh(con: duckdb.DuckDBPyConnection, context: LoadContext, piece: Piece) -> Outcome:
            missing = sets.missing(con, pair, records, sorted(piece.ids))
            if missing:
                before = self._suspects.get(pair.line.name)
                ids = (*(before.ids if before else ()), *missing)
                how = "set" if pair.is_visible_with_record else "sweep"
                self._suspects[pair.line.name] = Suspects(ids=ids, how=how)
            return Outcome()

        return replace(self._by_id(pair.line, "lines", records, by=pair.parent), weigh=weigh)

    def _mend_sums(self, pair: Lines) -> None:
        """A record and its lines are read one after the other, and an edit may come between; so both are read again."""

        def look_again(con: duckdb.DuckDBPyConnection) -> None:
            self._odd[pair.line.name] = sets.not_adding_up(con, pair, odd)

        for _ in range(SUM_ATTEMPTS):
            odd = self._odd.get(pair.line.name, [])
            if not odd or len(odd) > RECORDS_BY_ID:
                break
            records = [[self._by_id(pair.record, "records", ids)] for ids in self._groups(pair.record, odd)]
            self._work([*records, *self._sets(pair, odd)], look_again)
        if odd := self._odd.pop(pair.line.name, []):
            self._work([[self._sums(pair, odd)]])

    def _sums(self, pair: Lines, records: Sequence[str]) -> Reading:
        def pieces() -> Generator[Piece]:
            yield Piece(staged=(), method="rest", is_last=True)

        def weigh(con: duckdb.DuckDBPyConnection, context: LoadContext, piece: Piece) -> Outcome:
            return Outcome(sums_differ=len(sets.not_adding_up(con, pair, records)))

        return Reading(plan=pair.line, purpose="lines", after=None, until=self.until, pieces=pieces, weigh=weigh)

    def _sweep(self, plan: ObjectPlan, accepted: int = 0) -> Reading:
        conditions = _created_before(plan, self.until)
        reading = self._reading(narrow(plan), "sweep", until=self.until, conditions=conditions)

        def pieces() -> Generator[Piece]:
            """All Ids at once: only together they say what is missing."""
            with closing(reading.pieces()) as parts:
                found = list(parts)
            for part in found:
                part.done()
            staged = tuple(rows for part in found for rows in part.staged)
            yield Piece(staged=staged, method=found[-1].method, is_last=True)

        def weigh(con: duckdb.DuckDBPyConnection, context: LoadContext, piece: Piece) -> Outcome:
            sweep = compare_ids(con, plan, piece.staged, until=self.until, accepted=accepted)
            # A log of deletions that no longer reached back far enough may be asked from here on.
            covered = self.until if sweep.is_plausible else None
            if sweep.suspects:
                self._suspects[plan.name] = Suspects(ids=sweep.suspects, how="sweep", covered=covered)
            return Outcome(
                ids_missing=len(sweep.missing),
                is_plausible=sweep.is_plausible,
                covered=None if sweep.suspects else covered,
            )

        return replace(reading, plan=plan, pieces=pieces, weigh=weigh, is_loaded=False)


def _created_before(plan: ObjectPlan, until: datetime) -> list[str]:
    """
    The condition that ends a window: it takes what was created before its bound, as it is now.

    A bound on the stamp would leave out what was edited after it: a record that is edited during each reading would
    never be read, and one that refers to it would be mapped without it.
    """
    about = plan.description
    field_name = "CreatedDate" if "CreatedDate" in about.fields else about.cursor_field
    return within(field_name, Window(after=None, until=until))
