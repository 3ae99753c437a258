"""What the comparison wants to know of the configuration, as plain values."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from impact_pipeline.config.load import Config


@dataclass(frozen=True, kw_only=True)
class EventType:
    """An event type as the configuration declares it; `owner` is `pipeline` or `tag`."""

    code: str
    action_tracker_id: str
    owner: str = "pipeline"


@dataclass(frozen=True, kw_only=True)
class ReconciliationSettings:
    """
    What the comparison needs to know beside the tables.

    Args:
        campaign_id: impact.com's program.
        time_zone: of the program; months and locking days are counted in it.
        currency: the account's; actions come back in it.
        event_types: every event type of the configuration.
        go_live_at: actions that are older are not ours; None: the time of the first load.
        rate_tolerance: share by which an amount in another currency may miss the implied rate.
        action_wait: how long an action may take to appear after processing ended without error.
        ending_wait: how long processing may take.
        ready_wait: how long a request may be due without leaving, and a correction wanted without a request.
        lock_warning: how long before locking an open correction is somebody's business.
    """

    campaign_id: str
    time_zone: str
    currency: str
    event_types: tuple[EventType, ...]
    go_live_at: datetime | None = None
    rate_tolerance: Decimal = Decimal("0.01")
    action_wait: timedelta = timedelta(days=1)
    ending_wait: timedelta = timedelta(days=7)
    ready_wait: timedelta = timedelta(days=1)
    lock_warning: timedelta = timedelta(days=3)

    def sha256(self) -> str:
        """Changes when anything that an answer depends on does."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


def settings_of(config: Config, campaign_id: str) -> ReconciliationSettings:
    """The settings that a configuration means for the program `campaign_id`."""
    pipeline = config.pipeline
    return ReconciliationSettings(
        campaign_id=campaign_id,
        time_zone=pipeline.program.time_zone,
        currency=pipeline.program.currency,
        event_types=tuple(
            EventType(code=code, action_tracker_id=str(event_type.id), owner=event_type.owner)
            for code, event_type in pipeline.event_types.items()
        ),
        go_live_at=pipeline.go_live_at,
        action_wait=pipeline.waits.action_wait,
        ready_wait=pipeline.waits.parent_wait,
    )
