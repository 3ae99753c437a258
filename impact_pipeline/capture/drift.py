"""
What an administrator has changed in the definition of an object since the last describe: told once, in audit.drift.

Nothing here stops a cycle and no column is ever dropped. What each kind means stands in docs/drift.md, which the tests
hold to the letter.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import duckdb

from impact_pipeline.capture.fields import Field
from impact_pipeline.capture.objects import ObjectPlan

# Nobody has to do anything about these.
HARMLESS = frozenset({"added", "back", "object_back", "precision"})


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One change; `field` is None where it is the object itself, `before` and `after` where they mean nothing."""

    object: str
    field: str | None
    kind: str
    before: str | None
    after: str | None
    said: str


def note_drift(con: duckdb.DuckDBPyConnection, plan: ObjectPlan, *, now: datetime, cycle_id: str) -> list[Drift]:
    """
    Record in audit.drift what differs from the last describe, and what describe lists now.

    The first time that an object is described nothing has changed. Call it before `tables.prepare`, which overwrites
    what the fields were.
    """
    about = plan.description
    described = sorted({*about.fields, *about.skipped})
    row = con.execute("select described, hidden_since from raw._object where object = ?", [plan.name]).fetchone()
    if row is None:
        con.execute("insert into raw._object values (?, ?, null)", [plan.name, described])
        return []
    before, hidden_since = set(row[0]), row[1]
    found = list(_object_back(plan.name, hidden_since))
    known = _known(con, plan.name)
    found += _listed(plan, before, set(described), known)
    for field in plan.fields:
        if field.name in known and field.name in before:
            found += _changed(plan.name, known[field.name], field)
    if row != (described, None):
        con.execute(
            "update raw._object set described = $described, hidden_since = null where object = $object",
            {"object": plan.name, "described": described},
        )
    _record(con, found, now, cycle_id)
    return found


def note_hidden(con: duckdb.DuckDBPyConnection, object_name: str, *, now: datetime, cycle_id: str) -> None:
    """Record once that describe no longer knows an object that was captured before."""
    row = con.execute(
        "update raw._object set hidden_since = $now where object = $object and hidden_since is null returning object",
        {"object": object_name, "now": now},
    ).fetchone()
    if row is not None:
        said = (
            f"{object_name} is no longer there: removed, or hidden from the integration user. What was captured stays. "
            "Give the user read on the object."
        )
        hidden = Drift(object=object_name, field=None, kind="object_gone", before=None, after=None, said=said)
        _record(con, [hidden], now, cycle_id)


def _object_back(name: str, hidden_since: datetime | None) -> Iterator[Drift]:
    if hidden_since is not None:
        said = f"{name} is there again. Its windows go on where they had come to."
        yield Drift(object=name, field=None, kind="object_back", before=None, after=None, said=said)


def _listed(
    plan: ObjectPlan, before: set[str], now: set[str], known: Mapping[str, Mapping[str, Any]]
) -> Iterator[Drift]:
    """Fields that describe lists now and did not, or the reverse."""
    name, fields = plan.name, plan.description.fields
    for field in sorted(before - now):
        if field not in known:
            continue
        twins = [
            other
            for other in sorted(now - before)
            if other in fields
            and (fields[other].label, fields[other].type) == (known[field]["label"], known[field]["type"])
        ]
        hint = f" {', '.join(twins)} is new and has its label and type: was it renamed?" if twins else ""
        said = (
            f"{name}.{field} is no longer listed: removed, renamed, or hidden from the integration user. Its last "
            f"values stay and are not compared.{hint}"
        )
        yield Drift(object=name, field=field, kind="gone", before=known[field]["type"], after=None, said=said)
    for field in sorted(now - before):
        kind = fields[field].type if field in fields else plan.description.skipped[field]
        if field in known:
            said = f"{name}.{field} is listed again. The object is read in full for it, which makes no changes."
            yield Drift(object=name, field=field, kind="back", before=None, after=kind, said=said)
        elif field in plan.field_names:
            said = f"{name}.{field} is new and mapped. The object is read in full for it, which makes no changes."
            yield Drift(object=name, field=field, kind="added", before=None, after=kind, said=said)
        else:
            said = f"{name}.{field} is new ({kind}). Nothing is mapped from it, so it is not captured."
            yield Drift(object=name, field=field, kind="added", before=None, after=kind, said=said)


def _changed(name: str, was: Mapping[str, Any], field: Field) -> Iterator[Drift]:
    """What differs in the definition of a captured field."""
    at = f"{name}.{field.name}"

    def drift(kind: str, before: object, after: object, said: str) -> Drift:
        return Drift(object=name, field=field.name, kind=kind, before=str(before), after=str(after), said=said)

    if was["type"] != field.type:
        how = (
            "Values keep their form, and are compared as before."
            if was["form"] == field.form
            else "Old values stay, as text where the column has to hold both. The object is read in full for it, which "
            "makes no changes."
        )
        yield drift("type", was["type"], field.type, f"{at} was {was['type']} and is {field.type} now. {how}")
    elif was["scale"] != field.scale:
        yield drift(
            "scale",
            was["scale"],
            field.scale,
            f"{at} had {was['scale']} digits after the point and has {field.scale} now. The object is read in full for "
            "it, which makes no changes, since rounding is none.",
        )
    elif was["precision"] != field.precision:
        said = f"{at} held {was['precision']} digits and holds {field.precision} now. The column holds both."
        yield drift("precision", was["precision"], field.precision, said)
    elif was["length"] != field.length:
        meaning = (
            "Longer values than before may come, and what is sent is cut or held at impact.com's limits."
            if (field.length or 0) > (was["length"] or 0)
            else "Salesforce may have cut values without a stamp; to see them: impact-pipeline reread " + name + "."
        )
        said = f"{at} held {was['length']} characters and holds {field.length} now. {meaning}"
        yield drift("length", was["length"], field.length, said)
    if was["is_calculated"] != field.is_calculated:
        said = (
            f"{at} is a formula now: its changes move no stamp, and only full_reread brings them."
            if field.is_calculated
            else f"{at} is no formula any more: its changes move the stamp."
        )
        yield drift("formula", was["is_calculated"], field.is_calculated, said)


def _known(con: duckdb.DuckDBPyConnection, object_name: str) -> dict[str, dict[str, Any]]:
    """Captured field → what describe said of it last."""
    names = ("label", "type", "form", "length", "precision", "scale", "is_calculated")
    rows = con.execute(f"select field, {', '.join(names)} from raw._field where object = ?", [object_name]).fetchall()
    return {field: dict(zip(names, facts, strict=True)) for field, *facts in rows}


def _record(con: duckdb.DuckDBPyConnection, found: list[Drift], now: datetime, cycle_id: str) -> None:
    for drift in found:
        con.execute(
            "insert into audit.drift (seen_at, cycle_id, object, field, kind, before, after, said) "
            "values ($now, $cycle_id, $object, $field, $kind, $before, $after, $said)",
            {"now": now, "cycle_id": cycle_id, **asdict(drift)},
        )
