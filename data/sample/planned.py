"""
The planned edits: stories in planned_edits.yaml, turned into edits of the org.

A story is a list of edits. Each has `at`, one verb and, where it writes values, `fields`:

    create: Lead              with as: <name> to speak of the record later
    update, delete, undelete, hard_delete: $name
    merge: $winner            with losers: [$name, ...]
    touch: Opportunity        with where: {Field: value} and one_in: n, a backend job over every n-th record, by hash

`by` names the user, in the edit or for the whole story; `commit_at` shows the write later than its stamp says. In the
values of fields, and for the records of the verbs,

    $name                     is the Id of a record created in a story
    $Account/Isdom            the Id of a record of the baseline: by Name, leads and contacts by Email, opportunities by
                              Source_Ref__c
    $click/word, $customer/jo@x.example    a made-up click id or customer id that follows from the text
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from source import Edit, Ids, click_id, customer_id, pick

NATURAL_KEYS = {"Lead": "Email", "Contact": "Email", "Opportunity": "Source_Ref__c"}
VERBS = ("create", "update", "delete", "undelete", "hard_delete", "merge", "touch")
KEYS = frozenset({*VERBS, "at", "as", "by", "fields", "losers", "where", "one_in", "commit_at"})

Records = Mapping[str, Iterable[Mapping[str, Any]]]


def planned_edits(path: Path, baseline: Records) -> list[Edit]:
    """
    The edits of the stories in `path`, in order of time.

    Args:
        baseline: the org's records by object, each with at least Id and what NATURAL_KEYS names.

    Raises:
        ValueError: naming story and edit where a key, a name or a record is not known.
    """
    plan = yaml.safe_load(path.read_text(encoding="utf-8"))
    edits = list(_Planner(plan["defaults"], baseline).edits(plan["stories"]))
    return sorted(edits, key=lambda edit: edit.at)


class _Planner:
    def __init__(self, defaults: Mapping[str, Mapping[str, Any]], baseline: Records) -> None:
        self._defaults = defaults
        self._baseline = baseline
        self._ids = Ids("am2")
        self._named: dict[str, tuple[str, str]] = {}
        self._by_natural_key: dict[str, dict[str, str]] = {}

    def edits(self, stories: Mapping[str, Mapping[str, Any]]) -> Iterator[Edit]:
        entries = [(name, story, entry) for name, story in stories.items() for entry in story["edits"]]
        for name, _, entry in entries:
            if "create" in entry and "as" in entry:
                if entry["as"] in self._named:
                    raise ValueError(f"story {name}: a record called {entry['as']} exists already.")
                self._named[entry["as"]] = (entry["create"], self._ids.new(entry["create"]))
        for name, story, entry in entries:
            try:
                yield from self._edits_of(entry, story.get("by", "Ada Admin"))
            except (KeyError, ValueError) as error:
                raise ValueError(f"story {name}, edit {entry}: {error}") from error

    def _edits_of(self, entry: Mapping[str, Any], by: str) -> Iterator[Edit]:
        verbs = [verb for verb in VERBS if verb in entry]
        if len(verbs) != 1 or set(entry) - KEYS:
            raise ValueError(f"use one of {', '.join(VERBS)} and only the keys {', '.join(sorted(KEYS))}")
        verb = verbs[0]
        user_id = self._id_of("User", entry.get("by", by))
        if verb == "touch":
            for record_id in self._touched(entry):
                yield Edit(at=entry["at"], op="update", sobject=entry[verb], id=record_id, by=user_id, system_only=True)
            return
        sobject, record_id = self._subject(verb, entry)
        given = (self._defaults.get(sobject, {}) if verb == "create" else {}) | entry.get("fields", {})
        yield Edit(
            at=entry["at"],
            op=verb,
            sobject=sobject,
            id=record_id,
            by=user_id,
            fields={name: self._value(value) for name, value in given.items()},
            loser_ids=tuple(self._record(loser)[1] for loser in entry.get("losers", ())),
            commit_at=entry.get("commit_at"),
        )

    def _subject(self, verb: str, entry: Mapping[str, Any]) -> tuple[str, str]:
        if verb != "create":
            return self._record(entry[verb])
        return self._named[entry["as"]] if "as" in entry else (entry[verb], self._ids.new(entry[verb]))

    def _touched(self, entry: Mapping[str, Any]) -> list[str]:
        wanted = entry.get("where", {}).items()
        return [
            str(record["Id"])
            for record in self._baseline[entry["touch"]]
            if all(record.get(name) == value for name, value in wanted) and pick(record["Id"], entry["one_in"]) == 0
        ]

    def _value(self, value: Any) -> Any:
        if isinstance(value, date):
            return value.isoformat()
        if not (isinstance(value, str) and value.startswith("$")):
            return value
        kind, _, key = value[1:].partition("/")
        makers = {"click": click_id, "customer": customer_id}
        return makers[kind](key) if kind in makers else self._record(value)[1]

    def _record(self, reference: str) -> tuple[str, str]:
        """Object and Id of `$name` or `$Object/natural key`."""
        kind, _, key = reference.removeprefix("$").partition("/")
        if not key:
            if kind not in self._named:
                raise ValueError(f"no story creates a record called {kind}")
            return self._named[kind]
        return kind, self._id_of(kind, key)

    def _id_of(self, sobject: str, key: str) -> str:
        if sobject not in self._by_natural_key:
            field = NATURAL_KEYS.get(sobject, "Name")
            rows = self._baseline[sobject]
            self._by_natural_key[sobject] = {str(row[field]): str(row["Id"]) for row in rows if row.get(field)}
        if key not in self._by_natural_key[sobject]:
            raise ValueError(f"the baseline has no {sobject} called {key!r}")
        return self._by_natural_key[sobject][key]
