"""
Whether the configuration still gives events the identities that impact.com knows them by.

once_per and the templates of OrderId and EventTypeCode make a business event the same one or another one. Edited, they
could report again under a new key what was reported under the old one, so new events of that event are held
(identity_changed) until a person accepts the edit. In force is what was accepted last, else what the first event that
was sent or registered had.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from impact_pipeline.config.load import Config
from impact_pipeline.config.parameters import catalogue
from impact_pipeline.config.templates import map_names, parse
from impact_pipeline.warehouse.sql import sql_file

_PARAMETERS = ("EventTypeCode", "OrderId")


@dataclass(frozen=True, kw_only=True)
class ChangedIdentity:
    """
    An event whose identity is not the one in force.

    Args:
        detail: what was edited.
        before, now: the identity in force and that of the configuration, as hashes.
    """

    object: str
    event: str
    detail: str
    before: str
    now: str


def changed_identities(con: duckdb.DuckDBPyConnection, config: Config) -> list[ChangedIdentity]:
    """The events of the configuration whose identity has changed and was not accepted."""
    now = _identities(config.canonical)
    accepted = {
        (name, event): subject
        for name, event, subject in con.execute(sql_file(__file__, "identities_accepted.sql")).fetchall()
    }
    known = {
        hash_: _identities(canonical)
        for hash_, canonical in con.execute("select config_hash, config from conversions.config").fetchall()
    }
    by_hash = {_hash(parts): parts for each in known.values() for parts in each.values()}
    doubtful = {
        key: parts
        for key, parts in now.items()
        if key in accepted or any(each.get(key, parts) != parts for each in known.values())
    }
    first: dict[tuple[str, str], dict[str, Any]] = {}
    if doubtful.keys() - accepted.keys():
        for name, event, hash_ in con.execute(sql_file(__file__, "identities_first.sql")).fetchall():
            if (name, event) in known.get(hash_, {}):
                first[name, event] = known[hash_][name, event]
    changed = []
    for (name, event), parts in doubtful.items():
        before = accepted.get((name, event)) or _hash(first.get((name, event), parts))
        if before != _hash(parts):
            was = by_hash.get(before, {})
            edited = ", ".join(part for part in parts if was.get(part) != parts[part])
            changed.append(
                ChangedIdentity(object=name, event=event, detail=f"{edited} edited", before=before, now=_hash(parts))
            )
    return changed


def mark_changed_identities(con: duckdb.DuckDBPyConnection, config: Config | None) -> None:
    """Fill the temporary table changed_identity; without a configuration nothing has changed."""
    con.execute(sql_file(__file__, "identities_none.sql"))
    for one in changed_identities(con, config) if config is not None else []:
        con.execute("insert into changed_identity values (?, ?, ?)", [one.object, one.event, one.detail])


def _identities(canonical: str) -> dict[tuple[str, str], dict[str, Any]]:
    """(object, event) → what its identities are made of, from the canonical content of a configuration."""
    content = json.loads(canonical)
    maps = content["pipeline"].get("value_maps", {})
    aliases = catalogue().aliases
    found = {}
    for name, about in content["objects"].items():
        for event, declared in about["events"].items():
            mapping = {aliases.get(given, given): source for given, source in declared["conversion"].items()}
            templates = {parameter: mapping[parameter] for parameter in _PARAMETERS}
            used = {each for source in templates.values() for each in _maps_used(json.dumps(source))}
            found[name, event] = {
                "once_per": declared["once_per"],
                **templates,
                "value_maps": {each: maps[each] for each in sorted(used)},
            }
    return found


@cache
def _maps_used(source: str) -> tuple[str, ...]:
    """The value maps of a template, from its source as JSON. Kept: a configuration repeats those before it."""
    return tuple(map_names(parse(json.loads(source))))


def _hash(parts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
