"""Asking Salesforce to describe objects: each once, several at a time."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta

from impact_pipeline.capture.drift import note_hidden
from impact_pipeline.capture.fields import Description, description
from impact_pipeline.capture.preparation import cycle_name
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.errors import UnknownObject
from impact_pipeline.capture.windows import upper_bound
from impact_pipeline.warehouse.connection import Warehouse


def describe_all(
    client: SalesforceClient, wanted: Iterable[str], optional: frozenset[str], *, readers: int
) -> tuple[Callable[[str], Description], tuple[str, ...]]:
    """A function that describes each object once, and the optional objects that the org doesn't show."""
    names = list(wanted)

    def known_as(name: str) -> Description:
        try:
            return description(client.describe(name))
        except UnknownObject as error:
            error.object_name = name
            raise

    def ask(name: str) -> Description | None:
        try:
            return known_as(name)
        except UnknownObject:
            if name not in optional:
                raise
            return None

    with ThreadPoolExecutor(max_workers=readers) as pool:
        answers = dict(zip(names, pool.map(ask, names), strict=True))
    known = {name: about for name, about in answers.items() if about is not None}

    def describe(object_name: str) -> Description:
        if object_name not in known:
            known[object_name] = known_as(object_name)
        return known[object_name]

    return describe, tuple(name for name in names if name not in known)


@contextmanager
def hidden_told(
    warehouse: Warehouse, client: SalesforceClient, lag: timedelta, clock: Callable[[], datetime]
) -> Iterator[None]:
    """Record which object it was that describe no longer knows."""
    try:
        yield
    except UnknownObject as error:
        with warehouse.transaction() as con:
            cycle_id = cycle_name(upper_bound(client.server_now, lag))
            note_hidden(con, error.object_name, now=clock(), cycle_id=cycle_id)
        raise
