"""
outbox.request → impact.com: the submit lane.

Intent is committed per group before the group's first byte leaves. While the pool is sending a group, one transaction
carries the answers of the group before and the intents of the group after it, which queues up behind. A crash leaves at
most those groups in doubt, and reading settles them; nothing is sent on a guess.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime

from impact_pipeline.outbox.lane import Client, Lane, SubmitReport
from impact_pipeline.outbox.moves import LeaseLostError
from impact_pipeline.outbox.pool import Sent, Stop, send_group
from impact_pipeline.outbox.settings import OutboxSettings
from impact_pipeline.warehouse import alive
from impact_pipeline.warehouse.connection import Warehouse


def submit(
    warehouse: Warehouse,
    client: Client,
    settings: OutboxSettings,
    *,
    run_id: str,
    clock: Callable[[], datetime],
) -> SubmitReport:
    """
    Send what may go now, until the queue is empty, the lane has to stop or its lease is lost.

    Args:
        clock: UTC.

    Raises:
        LeaseLostError: another run took the lane over; what was under way is settled by reading.
        high_water.RestoredOldCopy: the warehouse is older than what was sent from it.
    """
    lane = Lane(warehouse=warehouse, client=client, settings=settings, run_id=run_id, clock=clock)
    with alive.living(warehouse.path, run_id):
        return _send(lane, client, settings, clock)


def _send(lane: Lane, client: Client, settings: OutboxSettings, clock: Callable[[], datetime]) -> SubmitReport:
    """Group after group, two of them in the pipeline."""
    entered = lane.enter()
    if isinstance(entered, SubmitReport):
        return entered
    with ThreadPoolExecutor(settings.connections, thread_name_prefix="impact") as executor:
        rows, last = entered, list[Sent]()
        flights: deque[list[Future[Sent]]] = deque()

        def take_off() -> None:
            # The next group queues up behind the one that is being sent, so that no connection waits for a commit.
            if rows:
                flights.append(send_group(executor, client, rows, lane.watch, clock=clock, until=lambda: lane.until))

        try:
            while lane.report is None:
                take_off()
                rows = []
                rows = lane.turn(last, is_idle=not flights)
                take_off()
                rows = []
                last = [one.result() for one in flights[0]] if flights else []
                if flights:
                    flights.popleft()
            return lane.report
        except LeaseLostError as lost:
            lane.watch.stop_with(Stop(code="lease_lost", why=str(lost)))
            raise
        except BaseException:
            # Cancelled: what is under way gets its answers, what was not begun is given back, then the lane is free.
            lane.watch.stop_with(Stop(code="interrupted", why="the run was interrupted"))
            for flight in flights:
                wait(flight)
                last += [one.result() for one in flight if one.exception() is None]
            lane.turn(last + [Sent(row=row, started_at=clock()) for row in rows], is_idle=True)
            raise
