"""
Compiles the triggers of one object to one statement: a row of facts per pair of change and event.

A fact is what the data say: does the condition hold, did a watched field differ, when did it happen. What follows from the
facts is said by triggers.sql and answers.sql, which know no object.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from impact_pipeline.changes.history import HistorySource
from impact_pipeline.config.expressions import Expression
from impact_pipeline.config.templates import FieldPath
from impact_pipeline.conversions.relations import Captured, Joins, Typed, UnknownPath
from impact_pipeline.conversions.values import text
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal, sql_file


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One line of `after`: what a later change of a reported record asks for."""

    changed: tuple[str, ...]
    deleted: bool
    when: Expression | None
    do: str
    code: str | None


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """
    One event of one object, as its file declares it, with the program's defaults filled in.

    Args:
        history: the history object whose rows decide entries, or None.
        once_per: fields beside the Id that make the business event another one.
        mapped_fields: fields of the object that the mapping uses.
        go_live_at: as configured; None: the time of the first load.
    """

    object: str
    event: str
    scope: Expression | None
    consent: Expression | None
    created: bool
    updated: tuple[str, ...]
    history: HistorySource | None
    when: Expression | None
    once_per: tuple[str, ...]
    re_entry: str
    rules: tuple[Rule, ...]
    mapped_fields: frozenset[str]
    go_live_at: datetime | None
    hold_expires: timedelta | None
    max_event_age: timedelta | None


# An edit within the first minute is part of creating a record: the stamps of one save and its automation differ so little.
EDIT_MARGIN_SECONDS = 60
# How many cycles a history row may come after the record that it belongs to.
HISTORY_PATIENCE_CYCLES = 2


def fact_sql(triggers: list[Trigger], captured: Captured, *, organization_id: str, time_zone: str) -> str:
    """
    The statement that makes temporary table fact from temporary table pair, for the events of one object.

    Raises:
        UnknownPath: an expression names a field that was not captured.
    """
    name = triggers[0].object
    histories = list({t.history.object: t.history for t in triggers if t.history is not None}.values())
    columns = [f for f in captured.types[name] if captured.has(name, f)]
    branches = [_branch(trigger, captured, organization_id, time_zone) for trigger in triggers]
    return sql_file(__file__, "facts.sql").format(
        moment_columns=_lines([f"{_moment(captured, histories, f, 'v', 'h')} as {_q(f)}" for f in columns]),
        before_columns=_lines([f"{_moment(captured, histories, f, 'p', 'g')} as {_q(f)}" for f in columns]),
        version_table=f"raw.{_q(name + '_version')}",
        history_joins=_history_joins(captured, histories),
        passed=_passed(captured, histories),
        branches="\nunion all by name\n".join(branches),
    )


def _branch(trigger: Trigger, captured: Captured, organization_id: str, time_zone: str) -> str:
    now = Joins(captured=captured, object_name=trigger.object, root="m", prefix="a")
    then = Joins(captured=captured, object_name=trigger.object, root="b", prefix="z")

    def at_moment(path: FieldPath) -> str:
        return (then if path.before else now).column(path.parts, optional=path.optional).sql

    def one_step_back(path: FieldPath) -> str:
        return then.column(path.parts, optional=path.optional).sql

    def render(expression: Expression | None, column: object, otherwise: str = "true") -> str:
        return otherwise if expression is None else f"({expression.render(column)})"  # type: ignore[arg-type]

    history = trigger.history
    once = [text(now.column((f,)), time_zone) for f in trigger.once_per if f != "Id"]
    watched = [f for f in trigger.updated if f != "items"]
    rules = [
        f"when {_rule_matches(rule, render(rule.when, at_moment))} "
        f"then {{'do': {quote_literal(rule.do)}, 'code': {quote_literal(rule.code) if rule.code else 'null'}}}"
        for rule in trigger.rules
    ]
    key = " || '|' || ".join(
        [quote_literal(organization_id), quote_literal(trigger.object), "{id}", quote_literal(trigger.event)]
        + [f"coalesce({piece}, '')" for piece in once]
    )
    field = history.field if history else ""
    stage_time = (
        'm."LastStageChangeDate"' if captured.has(trigger.object, "LastStageChangeDate") and history else "null"
    )
    values = {
        "in_scope": render(trigger.scope, at_moment),
        "was_in_scope": render(trigger.scope, one_step_back),
        "condition_holds": render(trigger.when, at_moment),
        "held_before": render(_without_before(trigger.when), one_step_back) if trigger.when else "true",
        "has_when": _bool(trigger.when is not None),
        "watched": f"list_has_any(m.fields, {_names(watched)})" if watched else "false",
        "by_history": _bool(history is not None),
        "history_field_changed": f"list_contains(m.fields, {quote_literal(field)})" if history else "false",
        "history_caught_up": _caught_up(history) if history else "false",
        "history_patience": str(HISTORY_PATIENCE_CYCLES),
        "is_first_passage": _bool(history is not None and history.old_value is None)
        + " and m.kind = 'history' and m.previous_history_id is null",
        "created_on": _bool(trigger.created),
        "updated_on": _bool(bool(trigger.updated)),
        "edited_before_seen": f'm."LastModifiedDate" >= m."CreatedDate" + interval {EDIT_MARGIN_SECONDS} second',
        "consents": render(trigger.consent, at_moment),
        "event_at": f"case when m.kind = 'updated' and list_contains(m.fields, {quote_literal(field)}) "
        f"then coalesce({stage_time}, m.occurred_at) else m.occurred_at end",
        "created_date": 'm."CreatedDate"',
        "event_key": f"md5({key.format(id='m.Id')})",
        "alias_keys": f"list_transform(coalesce(l.losers, []), lambda loser: md5({key.format(id='loser')}))",
        "rule": f"case {' '.join(rules)} end" if rules else "null::struct(\"do\" varchar, code varchar)",
        "touches_mapping": f"list_has_any(m.fields, {_names(sorted(trigger.mapped_fields))})",
        "re_entry": quote_literal(trigger.re_entry),
        "go_live_at": _instant(trigger.go_live_at),
        "hold_expires": _interval(trigger.hold_expires),
        "max_event_age": _interval(trigger.max_event_age),
    }
    return sql_file(__file__, "facts_of_event.sql").format(
        object=quote_literal(trigger.object),
        event=quote_literal(trigger.event),
        table=f"raw.{_q(trigger.object)}",
        values=_lines([f"{sql} as {name}" for name, sql in values.items()]),
        losers=(
            'select "MasterRecordId" as survivor, list("Id") as losers '
            f'from raw.{_q(trigger.object)} where "MasterRecordId" is not null group by all'
            if captured.has(trigger.object, "MasterRecordId")
            else "select null::varchar as survivor, []::varchar[] as losers where false"
        ),
        joins="\n  ".join([*now.sql, *then.sql]),
    )


def _without_before(expression: Expression | None) -> Expression | None:
    # `before.X` on the version before has no answer: what held then is asked of the version before as it stood.
    return expression


def _rule_matches(rule: Rule, when: str) -> str:
    parts = []
    if rule.deleted:
        parts.append("m.kind = 'deleted'")
    else:
        parts.append("m.kind <> 'deleted'")
    if rule.changed:
        fields = [f for f in rule.changed if f != "items"]
        asked = [f"list_has_any(m.fields, {_names(fields)})"] if fields else []
        if "items" in rule.changed:
            asked.append("m.kind = 'items'")
        parts.append("(" + " or ".join(asked) + ")")
    if rule.when is not None:
        parts.append(when)
    return " and ".join(parts)


def _moment(captured: Captured, histories: list[HistorySource], field: str, version: str, history: str) -> str:
    plain = f"{version}.{_q(field)}"
    whens = []
    for number, source in enumerate(histories):
        alias = f"{history}{number}"
        if source.old_value is None:
            if field in source.overlay and captured.has(source.object, field):
                whens.append(f'when {alias}."Id" is not null then {alias}.{_q(field)}')
        elif field == source.field:
            column = source.value if history == "h" else source.old_value
            whens.append(f"when {alias}.\"Id\" is not null then {alias}.{_q(column)}")
    return f"case {' '.join(whens)} else {plain} end" if whens else plain


def _history_joins(captured: Captured, histories: list[HistorySource]) -> str:
    lines = []
    for number, source in enumerate(histories):
        if source.object not in captured.types:
            raise UnknownPath(f"{source.object}, which tells the history of {source.field}, was not captured")
        table = f"raw.{_q(source.object)}"
        earlier = "c.previous_history_id" if source.old_value is None else "c.history_id"
        lines.append(f'left join {table} as h{number} on h{number}."Id" = c.history_id')
        lines.append(f'left join {table} as g{number} on g{number}."Id" = {earlier}')
    return "\n      ".join(lines)


def _passed(captured: Captured, histories: list[HistorySource]) -> str:
    parts = [
        f"select {_q(source.parent)} as id, {quote_literal(source.field)} as field, {_q(source.value)}::varchar as value, "
        f"\"CreatedDate\" as passed_at from raw.{_q(source.object)}"
        + (f" where \"Field\" = {quote_literal(source.field)}" if source.old_value else "")
        for source in histories
        if source.object in captured.types
    ]
    nothing = "select null::varchar as id, null::varchar as field, null::varchar as value, null::timestamptz as passed_at where false"
    return "\n    union all ".join(parts or [nothing])


def _caught_up(history: HistorySource) -> str:
    field = quote_literal(history.field)
    return (
        f"exists (select 1 from passed as s where s.id = m.Id and s.field = {field} "
        f"and s.value = m.{_q(history.field)}::varchar "
        "and s.passed_at >= coalesce(b.\"LastModifiedDate\", '-infinity'::timestamptz))"
    )


def _names(fields: list[str]) -> str:
    return "[" + ", ".join(quote_literal(f) for f in fields) + "]::varchar[]"


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _interval(value: timedelta | None) -> str:
    return "null::interval" if value is None else f"to_seconds({value.total_seconds():.0f})"


def _instant(value: datetime | None) -> str:
    return "null::timestamptz" if value is None else f"{quote_literal(value.isoformat())}::timestamptz"


def _lines(parts: list[str]) -> str:
    return ",\n           ".join(parts)


_q = quote_identifier
