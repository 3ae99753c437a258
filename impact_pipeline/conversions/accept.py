"""
What is held until somebody accepts it, each set with a hash; and accepting exactly what a hash stands for.

The hash covers the events, their OrderIds and amounts, and the configuration. So whatever came later, or has changed
since, is not accepted with it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb

from impact_pipeline.config.load import Config
from impact_pipeline.conversions.identities import changed_identities
from impact_pipeline.conversions.relations import captured
from impact_pipeline.conversions.renames import list_renames
from impact_pipeline.conversions.words import check_text
from impact_pipeline.warehouse.sql import sql_file

HASH_LENGTH = 16


class NothingToAccept(Exception):
    """No set that is held has this hash; the message says what there is."""


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """
    A set of decisions that waits for one acceptance.

    Args:
        reason: code of the hold: mass_change, identity_changed or value_renamed.
        about: what it is about, in words.
        money: sum by currency, where there is any.
        accepted: the rows of conversions.word that accepting it writes.
    """

    reason: str
    about: str
    row_count: int
    money: dict[str, Decimal]
    hash: str
    accepted: tuple[dict[str, Any], ...]


def withheld(
    con: duckdb.DuckDBPyConnection, config: Config, *, object_name: str | None = None, event: str | None = None
) -> list[Withheld]:
    """All sets that are held, as decisions stand; `object_name` and `event` narrow them, and so their hashes."""
    return [
        *_mass(con, config, object_name, event),
        *_identities(con, config, object_name, event),
        *_renames(con, object_name, event),
    ]


def with_hash(sets: Sequence[Withheld], given: str) -> Withheld:
    """The set that a hash stands for. Raises NothingToAccept."""
    for one in sets:
        if one.hash == given:
            return one
    there = ", ".join(f"{one.hash} ({one.about})" for one in sets) or "nothing"
    raise NothingToAccept(
        f"Nothing that is held has the hash {given}. Since it was printed, something came, changed or was accepted, or "
        f"the configuration is another one; the same --object and --event count. Held now: {there}."
    )


def accept(con: duckdb.DuckDBPyConnection, chosen: Withheld, *, reason: str, said_by: str, now: datetime) -> None:
    """
    Record that a person accepts the set, in the caller's transaction. Decisions follow with the next cycle.

    Raises:
        WordRefused: the reason or the name would not do in a table that many read.
    """
    check_text("reason", reason)
    check_text("name", said_by)
    con.execute(
        sql_file(__file__, "accept_words.sql"),
        {"accepted": json.dumps(chosen.accepted), "reason": reason, "said_by": said_by, "now": now},
    )


def _mass(con: duckdb.DuckDBPyConnection, config: Config, object_name: str | None, event: str | None) -> list[Withheld]:
    con.execute(sql_file(__file__, "accept_mass.sql"), {"object": object_name, "event": event})
    rows = con.execute(
        "select object, Id, change_id, event, event_id, subject from held_mass order by change_id, event"
    ).fetchall()
    if not rows:
        return []
    money = con.execute(
        "select CurrencyCode, sum(amount) from held_mass where amount is not null group by all order by all"
    ).fetchall()
    guards = con.execute("select distinct detail from held_mass order by all").fetchall()
    names = ("object", "Id", "change_id", "event", "event_id", "subject")
    return [
        Withheld(
            reason="mass_change",
            about="; ".join(detail for (detail,) in guards),
            row_count=len(rows),
            money={currency or "": amount for currency, amount in money},
            hash=_hash("mass_change", config.hash, rows),
            accepted=tuple(dict(zip(names, row, strict=True)) for row in rows),
        )
    ]


def _identities(
    con: duckdb.DuckDBPyConnection, config: Config, object_name: str | None, event: str | None
) -> list[Withheld]:
    """Also where nothing is held yet: what comes next would be."""
    counts: dict[tuple[str, str], int] = {}
    money: dict[tuple[str, str], dict[str, Decimal]] = {}
    for name, its_event, currency, row_count, amount in con.execute(
        sql_file(__file__, "accept_identities.sql")
    ).fetchall():
        counts[name, its_event] = counts.get((name, its_event), 0) + row_count
        if amount is not None:
            money.setdefault((name, its_event), {})[currency or ""] = amount
    return [
        Withheld(
            reason="identity_changed",
            about=f"{one.object}, {one.event}: {one.detail}. Later events get other identities than what was reported",
            row_count=counts.get((one.object, one.event), 0),
            money=money.get((one.object, one.event), {}),
            hash=_hash("identity_changed", one.object, one.event, one.before, one.now),
            accepted=({"object": one.object, "event": one.event, "subject": one.now},),
        )
        for one in changed_identities(con, config)
        if object_name in (None, one.object) and event in (None, one.event)
    ]


def _renames(con: duckdb.DuckDBPyConnection, object_name: str | None, event: str | None) -> list[Withheld]:
    list_renames(con, captured(con))
    rows = con.execute(sql_file(__file__, "accept_renames.sql"), {"object": object_name, "event": event}).fetchall()
    return [
        Withheld(
            reason="value_renamed",
            about=f"{name}.{field}: {old_name} is called {new_name} now. Accepted, both names mean one value",
            row_count=row_count,
            money={},
            hash=_hash("value_renamed", subject),
            accepted=({"object": name, "subject": subject},),
        )
        for name, field, old_name, new_name, subject, row_count in rows
    ]


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()[:HASH_LENGTH]
