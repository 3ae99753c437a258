"""The code location of T3: the pipeline of the environment, by a clock that a test may move."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from impact_pipeline.definitions import definitions_from

CLOCK_FILE = "PROOF_CLOCK_FILE"


def moved_now() -> datetime:
    """The machine's time, and the seconds that the file adds to it."""
    return datetime.now(UTC) + timedelta(seconds=float(Path(os.environ[CLOCK_FILE]).read_text("ascii")))


@dg.definitions
def defs() -> dg.Definitions:
    return definitions_from(os.environ, clock=moved_now)
