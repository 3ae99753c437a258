"""Which objects are compared, as the configuration asks."""

from impact_pipeline.changes.compare import WatchedObject
from impact_pipeline.config.load import Config


def watched_objects(config: Config) -> list[WatchedObject]:
    """The objects of the configuration with the histories and lines that tell of their changes."""
    watched = []
    for name, about in config.objects.items():
        events = about.events.values()
        items = next(((e.items.object, e.items.parent) for e in events if e.items is not None), None)
        histories = dict.fromkeys(history for event in events for history in event.histories)
        watched.append(WatchedObject(name=name, histories=tuple(histories), items=items))
    return watched
