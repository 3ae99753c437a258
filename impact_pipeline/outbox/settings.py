"""What the outbox wants to know of the configuration, as plain values."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from impact_pipeline.config.models import CORRECTIONS_MAXIMUM

if TYPE_CHECKING:
    from impact_pipeline.config.load import Config


@dataclass(frozen=True, kw_only=True)
class EventType:
    """
    An event type of the program.

    Args:
        code, id: its code and impact.com's id (ActionTrackerId).
        parents: codes of the event types whose conversions must be settled before this one goes.
        dedup_window: how long a second conversion with the same OrderId counts as a repetition there; None: unknown.
    """

    code: str
    id: str
    parents: tuple[str, ...] = ()
    dedup_window: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class OutboxSettings:
    """
    Args:
        campaign_id: the program; its actions are what confirmation lists.
        group_size: rows whose intent is committed together, at first; largest_group: the most that it grows to where
            they go fast.
        connections: how many requests are under way at once.
        settle_after: a request that is in no list begun so long after its intent did not arrive.
        parent_gap: between the settling of a parent and the sending of its child.
        parent_wait: how long a child waits; after that it goes if it has a click id of its own.
        correct_after: how long changes of one conversion are gathered before they are told as one.
        corrections_maximum: how many corrections one conversion gets.
        action_wait: how long after its end without error a conversion's action may take to show.
        give_up_after: a submission that has not ended by then counts as end unknown.
        requests_per_hour: impact.com's limit for the account, until its headers say otherwise.
        reading_share: the part of it that writing leaves to reading.
        breaker_after: answers lost in a row that open the breaker; refused_alike: refusals in a row that stop the lane.
        lease_seconds: how long a run may be silent before another takes over. It has to outlast one request.
    """

    campaign_id: str
    event_types: tuple[EventType, ...]
    group_size: int = 128
    largest_group: int = 1024
    connections: int = 32
    settle_after: timedelta = timedelta(minutes=10)
    parent_gap: timedelta = timedelta(minutes=5)
    parent_wait: timedelta = timedelta(days=2)
    correct_after: timedelta = timedelta(hours=1)
    corrections_maximum: int = CORRECTIONS_MAXIMUM
    action_wait: timedelta = timedelta(hours=24)
    give_up_after: timedelta = timedelta(days=7)
    requests_per_hour: int = 1000
    reading_share: float = 0.2
    breaker_after: int = 5
    refused_alike: int = 10
    lease_seconds: int = 180

    def __post_init__(self) -> None:
        if self.group_size < 1 or self.connections < 1:
            raise ValueError("group_size and connections must be at least 1.")
        if self.largest_group < self.group_size:
            raise ValueError(f"largest_group={self.largest_group} must be at least group_size={self.group_size}.")
        if not 0 <= self.reading_share < 1:
            raise ValueError(f"reading_share={self.reading_share} must be from 0 to less than 1.")

    def event_types_json(self) -> str:
        """The event types as SQL reads them: id, code, parents, depth in the funnel, deduplication in seconds."""
        depths = _depths({one.code: one.parents for one in self.event_types})
        return json.dumps(
            [
                {
                    "id": one.id,
                    "code": one.code,
                    "parents": list(one.parents),
                    "depth": depths[one.code],
                    "dedup_seconds": None if one.dedup_window is None else int(one.dedup_window.total_seconds()),
                }
                for one in self.event_types
            ]
        )


def settings_of(config: "Config", campaign_id: str) -> OutboxSettings:
    """The settings that a configuration means for the program `campaign_id`."""
    pipeline = config.pipeline
    return OutboxSettings(
        campaign_id=campaign_id,
        event_types=tuple(
            EventType(code=code, id=str(one.id), parents=one.parents, dedup_window=one.dedup_window)
            for code, one in pipeline.event_types.items()
        ),
        settle_after=pipeline.waits.settle_after,
        parent_wait=pipeline.waits.parent_wait,
        correct_after=pipeline.waits.correct_after,
        action_wait=pipeline.waits.action_wait,
    )


def _depths(parents: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """How many steps of the funnel lie before each event type. Raises ValueError where the funnel bites its tail."""
    depths: dict[str, int] = {}

    def depth(code: str, path: tuple[str, ...]) -> int:
        if code in path:
            raise ValueError(f"event type {code} is its own ancestor: {' → '.join((*path, code))}.")
        if code not in depths:
            depths[code] = 1 + max((depth(one, (*path, code)) for one in parents.get(code, ())), default=-1)
        return depths[code]

    for code in parents:
        depth(code, ())
    return depths
