"""Which objects are compared, as the configuration asks."""

from impact_pipeline.changes.compare import WatchedObject
from impact_pipeline.config.load import Config
from impact_pipeline.warehouse.sql import Column


def watched_objects(config: Config) -> list[WatchedObject]:
    """The objects of the configuration with the histories and lines that tell of their changes."""
    watched = []
    for name, about in config.objects.items():
        events = about.events.values()
        items = next(((e.items.object, e.items.parent) for e in events if e.items is not None), None)
        histories = dict.fromkeys(history for event in events for history in event.histories)
        watched.append(WatchedObject(name=name, histories=tuple(histories), items=items))
    return watched


def compared_objects(config: Config) -> list[str]:
    """Every object that changes.change is made from: the watched ones, their histories and their lines; sorted."""
    names = set()
    for watched in watched_objects(config):
        names |= {watched.name, *(history.object for history in watched.histories)}
        names |= {watched.items[0]} if watched.items else set()
    return sorted(names)


def change_lineage(config: Config) -> dict[str, list[Column]]:
    """Column of changes.change → the columns of raw.* that it tells of: what triggers, and what its history tells."""
    ids: set[Column] = set()
    values: set[Column] = set()
    times: set[Column] = set()
    for watched in watched_objects(config):
        ids.add(("raw", watched.name, "Id"))
        times.add(("raw", watched.name, "LastModifiedDate"))
        values.update(("raw", watched.name, field) for field in config.watched_fields(watched.name))
        values.update(("raw", history.object, history.value) for history in watched.histories)
        times.update(("raw", history.object, "CreatedDate") for history in watched.histories)
    found = {"Id": ids, "fields": values, "before": values, "after": values, "occurred_at": times}
    return {name: sorted(columns) for name, columns in found.items()}
