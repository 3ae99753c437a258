"""The time that the simulators tell."""

from datetime import UTC, datetime, timedelta

import pytest

from impact_pipeline.simulator.clock import Clock

HOUR = timedelta(hours=1)


def test_a_clock_that_stood_can_follow_the_machines_own():
    clock = Clock(datetime.now(UTC) - HOUR)

    clock.follow()

    assert abs(clock.now() - datetime.now(UTC)) < HOUR / 60
    with pytest.raises(ValueError, match="can't be moved"):
        clock.advance(HOUR)


def test_it_does_not_follow_back_into_the_past():
    with pytest.raises(ValueError, match="time doesn't run back"):
        Clock(datetime.now(UTC) + HOUR).follow()
