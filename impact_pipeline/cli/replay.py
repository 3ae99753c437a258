"""Plays the sample's edits in real time, so that a running pipeline has something to do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from impact_pipeline.cli.simulators import Sample
from impact_pipeline.simulator.salesforce import Org
from impact_pipeline.simulator.timeline import Edit, read_edits

EVERY_SECONDS = 60.0
# The whole timeline takes about an hour.
BUNCHES = 60
_TIMES = frozenset({"at", "commit_at"})


@contextmanager
def replay(sample: Sample, org: Org) -> Iterator[None]:
    """For the time of the block, a bunch of edits every minute, stamped with the org's present time."""
    edits = sorted(read_edits(sample.timeline), key=lambda edit: str(edit["at"]))
    size = -(-len(edits) // BUNCHES)
    bunches = [edits[first : first + size] for first in range(0, len(edits), size)]
    is_over = threading.Event()
    thread = threading.Thread(target=_play, args=(bunches, org, is_over), name="replay", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _play(bunches: list[list[Edit]], org: Org, is_over: threading.Event) -> None:
    for bunch in bunches:
        if is_over.wait(EVERY_SECONDS):
            return
        for edit in bunch:
            org.apply({key: value for key, value in edit.items() if key not in _TIMES})
