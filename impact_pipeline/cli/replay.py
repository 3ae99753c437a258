"""Plays the sample's edits: the first of them in virtual time before the UI opens, the others in real time after it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from impact_pipeline.cli.demo import run_cycle
from impact_pipeline.cli.running import Pipeline
from impact_pipeline.cli.simulators import Sample, Simulators
from impact_pipeline.simulator.salesforce import Org
from impact_pipeline.simulator.timeline import Edit, Timeline, read_edits

EVERY_SECONDS = 60.0
# The whole timeline has so many; those after the first ones take about three quarters of an hour.
BUNCHES = 60
# The bunches of each of the cycles before the UI opens, and the time that passes from one to the next. Sending what
# waits for each other takes up to two hours of it.
EARLIER = (8, 8)
_BETWEEN = timedelta(hours=3)
_TIMES = frozenset({"at", "commit_at"})


def starting_time() -> datetime:
    """What the simulators' clock has to tell at first, for the earlier cycles to be over now."""
    return datetime.now(UTC) - _BETWEEN * (len(EARLIER) + 1)


def play_earlier(sample: Sample, both: Simulators, steps: Pipeline) -> Iterator[str]:
    """The baseline and the earlier cycles, each with its edits, until all of it is settled; says what comes next."""
    yield "Taking the baseline: what the sample org holds now counts as reported ..."
    run_cycle(steps, Timeline((), clock=both.clock, apply=both.org.apply), both.clock)
    bunches = iter(_bunches(sample))
    for number, size in enumerate(EARLIER, start=1):
        yield f"Playing the edits of {number} of {len(EARLIER)} cycles, and telling impact.com ..."
        both.clock.advance(timedelta(minutes=10))
        edits = [edit for _, bunch in zip(range(size), bunches, strict=False) for edit in bunch]
        at = both.clock.now() + timedelta(minutes=5)
        timeline = Timeline(
            ({**edit, "at": at.isoformat()} for edit in edits),
            clock=both.clock,
            apply=lambda edit: _apply(both.org, edit),
        )
        timeline.play_until(at + timedelta(minutes=5))
        run_cycle(steps, timeline, both.clock)


@contextmanager
def replay(sample: Sample, org: Org) -> Iterator[None]:
    """For the time of the block, a later bunch of edits every minute, stamped with the org's present time."""
    is_over = threading.Event()
    later = _bunches(sample)[sum(EARLIER) :]
    thread = threading.Thread(target=_play, args=(later, org, is_over), name="replay", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _bunches(sample: Sample) -> list[list[Edit]]:
    edits = sorted(read_edits(sample.timeline), key=lambda edit: str(edit["at"]))
    size = -(-len(edits) // BUNCHES)
    return [edits[first : first + size] for first in range(0, len(edits), size)]


def _play(bunches: list[list[Edit]], org: Org, is_over: threading.Event) -> None:
    for bunch in bunches:
        if is_over.wait(EVERY_SECONDS):
            return
        for edit in bunch:
            _apply(org, edit)


def _apply(org: Org, edit: Edit) -> None:
    org.apply({key: value for key, value in edit.items() if key not in _TIMES})
