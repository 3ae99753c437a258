"""
What the command line says when something fails, and the exit code that goes with it.

    1  failed                                        3  stopped by Salesforce or impact.com
    2  wrong use, environment or configuration       4  another process holds the warehouse
    5  stopped by quota: nothing is lost, run again later
"""

import sys
import traceback
from collections.abc import Iterator

import click

FAILED, WRONG_USE, STOPPED, LOCKED, QUOTA = 1, 2, 3, 4, 5
# The first class that an error, or a cause of it, belongs to decides. Named, not imported: that took half a second
# of every command, and what was not imported can not have been raised.
FORESEEN = (
    ("impact_pipeline.warehouse.errors", "WarehouseLocked", LOCKED),
    ("impact_pipeline.config.environment", "MissingVariable", WRONG_USE),
    ("impact_pipeline.config.errors", "ConfigError", WRONG_USE),
    ("impact_pipeline.conversions.relations", "UnknownPath", WRONG_USE),
    ("impact_pipeline.warehouse.binding", "WrongBinding", WRONG_USE),
    ("impact_pipeline.capture.reread", "NothingToReread", WRONG_USE),
    ("impact_pipeline.warehouse.errors", "WarehouseError", WRONG_USE),
    ("impact_pipeline.capture.salesforce.errors", "QuotaReached", QUOTA),
    ("impact_pipeline.capture.salesforce.errors", "SalesforceError", STOPPED),
    ("impact_pipeline.outbox.impact.client", "ImpactError", STOPPED),
    ("impact_pipeline.outbox.impact.sftp", "SftpError", STOPPED),
    ("impact_pipeline.conversions.words", "WordRefused", FAILED),
    ("impact_pipeline.outbox.resend", "ResendRefused", FAILED),
    ("impact_pipeline.outbox.recover", "NotRecovered", FAILED),
    ("impact_pipeline.conversions.accept", "NothingToAccept", FAILED),
    ("impact_pipeline.reconciliation.forget", "NothingToForget", FAILED),
    ("impact_pipeline.reconciliation.forget", "ForgetRefused", FAILED),
    ("impact_pipeline.capture.run", "CaptureBusy", FAILED),
    ("impact_pipeline.capture.staging", "StagingGone", FAILED),
    ("impact_pipeline.capture.committing", "Overtaken", FAILED),
    ("impact_pipeline.warehouse.cycles", "NothingCaptured", FAILED),
    ("impact_pipeline.warehouse.high_water", "RestoredOldCopy", FAILED),
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
        for module, name, code in FORESEEN:
            if module in sys.modules and isinstance(cause, getattr(sys.modules[module], name)):
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
