"""
A user's own cases of a mapping: YAML files in the folder `tests` of a configuration, and what becomes of their records.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from impact_pipeline.cli.invented_org import InventedOrg
from impact_pipeline.config.cases import FOLDER, Case, CaseFile
from impact_pipeline.config.compiled import ROLES
from impact_pipeline.config.errors import ConfigError, Problem
from impact_pipeline.config.expressions import STARTS
from impact_pipeline.config.files import read_model, suggestion
from impact_pipeline.config.history import HistorySource
from impact_pipeline.config.load import Config
from impact_pipeline.outbox.trial import Outcome, try_out

# How long before it changes a record was made.
_EARLIER = timedelta(days=1)
_WEIGHTS = {"skip": 0, "hold": 1, "correct": 2, "send": 3}
Row = dict[str, str | None]


@dataclass(frozen=True, kw_only=True)
class NamedCase:
    """A case, and where it stands."""

    file: str
    name: str
    object: str
    case: Case


def read_cases(config: Config) -> tuple[list[NamedCase], InventedOrg]:
    """
    All cases in the configuration's folder, in order, and the org that their records belong to.

    Raises:
        ConfigError: there is none, or a file can't be used; every problem with file, key and remedy.
    """
    problems: list[Problem] = []
    org = InventedOrg()
    cases: list[NamedCase] = []
    for path in sorted((config.folder / FOLDER).glob("*.yaml")):
        file = f"{FOLDER}/{path.name}"
        model = read_model(path, file, CaseFile, problems)
        if model is None:
            continue
        problems += org.declare(file, model.types)
        if model.object not in config.objects:
            remedy = suggestion(model.object, config.objects) or f"There are {', '.join(config.objects)}."
            problems.append(_problem(file, "object", model.object, "no object file is about it.", remedy))
        else:
            cases += [
                NamedCase(file=file, name=name, object=model.object, case=case) for name, case in model.cases.items()
            ]
    for one in cases:
        problems += _learn(config, org, one)
    if not cases and not problems:
        remedy = "Write one; the folder tests of the shipped pack shows how."
        problems.append(_problem(f"{FOLDER}/", "(folder)", str(config.folder), "there is no case.", remedy))
    if problems:
        raise ConfigError(problems)
    org.learn_paths(config)
    return cases, org


def outcomes(config: Config, org: InventedOrg, cases: Sequence[NamedCase]) -> list[dict[str, Outcome]]:
    """
    For each case: event → what becomes of its record; of several changes of it the one that weighs most.

    Raises:
        UnknownPath, ConfigError: the configuration asks for what the invented org doesn't have either.
    """
    numbers = itertools.count(1)
    made = [_rows_of(config, org, one, numbers) for one in cases]
    found: dict[int, dict[str, Outcome]] = {}
    for together in _batches(made):
        first = made[together[0]]
        known, news = (
            _joined([made[place].known for place in together]),
            _joined([made[place].news for place in together]),
        )
        times = first.times
        answers = try_out(
            config, org.describe, known=known, news=news, since=times.since, at=times.at, now=times.decided_at
        )
        for place in together:
            mine = [it for it in answers if made[place].is_about(it)]
            mine.sort(key=lambda it: (_WEIGHTS[it.decision], it.reason != "history_decides"))
            found[place] = {it.event: it for it in mine}
    return [found[place] for place in range(len(cases))]


def _rows_of(config: Config, org: InventedOrg, one: NamedCase, numbers: Iterator[int]) -> "_Rows":
    case = one.case
    times = _Times(at=case.at, since=case.at - _EARLIER, decided_at=case.at + case.decided_after)
    rows = _Rows(org=org, times=times, object=one.object, numbers=numbers)
    record = rows.add(one.object, case.record, is_new=True, is_known=case.before is not None)
    rows.record_id = str(record["Id"])
    earlier: Row | None = None
    if case.before is not None:
        earlier = record | dict.fromkeys(("LastModifiedDate", "SystemModstamp"), times.earlier)
        earlier |= rows.fields(one.object, case.before)
        rows.known.setdefault(one.object, []).append(earlier)
    if "StageName" in record and (earlier is None or earlier["StageName"] != record["StageName"]):
        record.setdefault("LastStageChangeDate", times.moment)
    lines, parent = config.lines().get(one.object, ("", ""))
    for line in case.lines:
        rows.add(lines, {**line, parent: record["Id"]})
    if case.first_lead is not None:
        rows.add("Lead", {"IsConverted": True, f"Converted{one.object}Id": record["Id"], **case.first_lead})
    if case.primary_contact is not None:
        contact = rows.add("Contact", case.primary_contact)["Id"]
        rows.add(ROLES, {"OpportunityId": record["Id"], "ContactId": contact, "IsPrimary": True})
    for history in dict.fromkeys(h for event in config.objects[one.object].events.values() for h in event.histories):
        rows.tell(history, record, earlier)
    return rows


def _batches(made: Sequence["_Rows"]) -> list[list[int]]:
    """Places of cases that can be tried together: at the same times, and no record of one is another's."""
    batches: list[tuple[_Times, set[tuple[str, str]], list[int]]] = []
    for place, rows in enumerate(made):
        ids = rows.ids()
        fitting = next((batch for batch in batches if batch[0] == rows.times and not batch[1] & ids), None)
        if fitting is None:
            batches.append((rows.times, ids, [place]))
        else:
            fitting[1].update(ids)
            fitting[2].append(place)
    return [places for _, _, places in batches]


def _joined(parts: Sequence[Mapping[str, list[Row]]]) -> dict[str, list[Row]]:
    joined: dict[str, list[Row]] = {}
    for part in parts:
        for object_name, rows in part.items():
            joined.setdefault(object_name, []).extend(rows)
    return joined


def _learn(config: Config, org: InventedOrg, one: NamedCase) -> list[Problem]:
    at, case = f"cases.{one.name}", one.case
    problems = [*org.learn(one.file, f"{at}.record", one.object, case.record)]
    problems += org.learn(one.file, f"{at}.before", one.object, case.before or {})
    for start, target in STARTS.items():
        problems += org.learn(one.file, f"{at}.{start}", target, getattr(case, start) or {})
    lines, _ = config.lines().get(one.object, ("", ""))
    if case.lines and not lines:
        problems.append(_problem(one.file, f"{at}.lines", "", "no event has items.", "Leave them out."))
    for place, line in enumerate(case.lines if lines else ()):
        problems += org.learn(one.file, f"{at}.lines.{place}", lines, line)
    events = config.objects[one.object].events
    for event in case.then:
        if event not in events:
            remedy = suggestion(event, events) or f"There are {', '.join(events)}."
            problems.append(_problem(one.file, f"{at}.then.{event}", "", f"{one.object} has no such event.", remedy))
    return problems


@dataclass(frozen=True, kw_only=True)
class _Times:
    """When the record was made or changed, when the first load was, and when it is decided."""

    at: datetime
    since: datetime
    decided_at: datetime

    @property
    def moment(self) -> str:
        return self.at.isoformat()

    @property
    def earlier(self) -> str:
        return self.since.isoformat()


@dataclass(kw_only=True)
class _Rows:
    """
    The rows of one case, by object: what the first load finds, and what the cycle after it does.

    Args:
        object, record_id: what the case is about.
        numbers: of the Ids that no case gives.
    """

    org: InventedOrg
    times: _Times
    object: str
    numbers: Iterator[int]
    record_id: str = ""
    known: dict[str, list[Row]] = field(default_factory=dict)
    news: dict[str, list[Row]] = field(default_factory=dict)

    def ids(self) -> set[tuple[str, str]]:
        """Object and Id of every record, of 15 characters."""
        both = (self.known, self.news)
        return {(name, str(row["Id"])[:15]) for part in both for name, rows in part.items() for row in rows}

    def is_about(self, outcome: Outcome) -> bool:
        return outcome.object == self.object and outcome.Id[:15] == self.record_id[:15]

    def add(self, object_name: str, fields: Mapping[str, Any], *, is_new: bool = False, is_known: bool = True) -> Row:
        """
        A record with all that describe lists, and the records that it refers to.

        Args:
            is_new: found by the cycle, not by the first load.
            is_known: made before the first load.
        """
        kind = self.org.type_named(object_name)
        made: Row = {"Id": f"{kind.key_prefix or 'a00'}{next(self.numbers):012}"}
        made |= {name: "false" for name, one in kind.fields.items() if one.type == "boolean"}
        made |= {"CreatedDate": self.times.earlier if is_known else self.times.moment}
        made |= dict.fromkeys(("LastModifiedDate", "SystemModstamp"), self.times.moment)
        made |= self.fields(object_name, fields)
        (self.news if is_new else self.known).setdefault(object_name, []).append(made)
        return made

    def fields(self, object_name: str, fields: Mapping[str, Any]) -> Row:
        """Fields as the API writes them, relationships as the Ids of records of their own."""
        given: Row = {}
        for name, value in fields.items():
            target = self.org.target(object_name, name) if isinstance(value, dict) else None
            if target is None:
                given[name] = _text(value)
            else:
                reference = self.org.type_named(object_name).parent(name)
                given[reference.name if reference else name] = self.add(target, value)["Id"]
        return given

    def tell(self, history: HistorySource, record: Row, earlier: Row | None) -> None:
        """The rows that Salesforce's history of the record would have."""
        told = [(self.times.earlier, earlier)] if earlier else []
        for at, state in [*told, (self.times.moment, record)]:
            is_first = not earlier or state is earlier
            row = {history.parent: record["Id"], "CreatedDate": at}
            if history.old_value is None:
                row |= {name: state.get(name) for name in history.overlay}
                if is_first or any(record.get(name) != (earlier or {}).get(name) for name in history.overlay):
                    self.add(history.object, row, is_new=state is record)
            elif not is_first and record.get(history.field) != (earlier or {}).get(history.field):
                row |= {"Field": history.field, "OldValue": (earlier or {}).get(history.field)}
                self.add(history.object, row | {"NewValue": record.get(history.field)}, is_new=True)


def _text(value: Any) -> str | None:
    """A value of YAML as the API writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else None if value is None else str(value)


def _problem(file: str, key: str, value: str, problem: str, remedy: str) -> Problem:
    return Problem(file=file, key=key, value=value, problem=problem, remedy=remedy)
