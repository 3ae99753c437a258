"""
What the command line says when something fails, and the exit code that goes with it.

    1  failed                                        3  stopped by Salesforce or impact.com
    2  wrong use, environment or configuration       4  another process holds the warehouse
    5  stopped by quota: nothing is lost, run again later
"""

import traceback
from collections.abc import Iterator

import click

from impact_pipeline.capture.committing import Overtaken
from impact_pipeline.capture.reread import NothingToReread
from impact_pipeline.capture.run import CaptureBusy
from impact_pipeline.capture.salesforce.errors import QuotaReached, SalesforceError
from impact_pipeline.config.environment import MissingVariable
from impact_pipeline.config.errors import ConfigError
from impact_pipeline.conversions.accept import NothingToAccept
from impact_pipeline.conversions.relations import UnknownPath
from impact_pipeline.conversions.words import WordRefused
from impact_pipeline.outbox.impact.client import ImpactError
from impact_pipeline.outbox.impact.sftp import SftpError
from impact_pipeline.outbox.recover import NotRecovered
from impact_pipeline.outbox.resend import ResendRefused
from impact_pipeline.reconciliation.forget import ForgetRefused, NothingToForget
from impact_pipeline.warehouse.binding import WrongBinding
from impact_pipeline.warehouse.connection import WarehouseError, WarehouseLocked
from impact_pipeline.warehouse.cycles import NothingCaptured
from impact_pipeline.warehouse.high_water import RestoredOldCopy

FAILED, WRONG_USE, STOPPED, LOCKED, QUOTA = 1, 2, 3, 4, 5
# The first class that an error, or a cause of it, belongs to decides.
_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (WarehouseLocked, LOCKED),
    (MissingVariable, WRONG_USE),
    (ConfigError, WRONG_USE),
    (UnknownPath, WRONG_USE),
    (WrongBinding, WRONG_USE),
    (NothingToReread, WRONG_USE),
    (WarehouseError, WRONG_USE),
    (QuotaReached, QUOTA),
    (SalesforceError, STOPPED),
    (ImpactError, STOPPED),
    (SftpError, STOPPED),
    (WordRefused, FAILED),
    (ResendRefused, FAILED),
    (NotRecovered, FAILED),
    (NothingToAccept, FAILED),
    (NothingToForget, FAILED),
    (ForgetRefused, FAILED),
    (CaptureBusy, FAILED),
    (Overtaken, FAILED),
    (NothingCaptured, FAILED),
    (RestoredOldCopy, FAILED),
)


class Failure(click.ClickException):
    """One clear error with its exit code."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance


def failure_of(error: BaseException, *, told: str | None = None) -> Failure:
    """
    The failure to show for an exception. What nobody foresaw is told by its kind and place: its text may quote records.

    Args:
        told: what to say where the error is none of ours; None where nobody knows.
    """
    for cause in _chain(error):
        for kind, code in _CODES:
            if isinstance(cause, kind):
                return Failure(str(cause), code)
    if told is not None:
        return Failure(told, FAILED)
    root = list(_chain(error))[-1]
    frames = traceback.extract_tb(root.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return Failure(
        f"Unexpected {type(root).__name__}{where}. What was committed before stays, and the next run goes on there. "
        "impact-pipeline --debug COMMAND shows the traceback (it may quote records).",
        FAILED,
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    # A chain can close on itself: an error raised again while it was being handled.
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
