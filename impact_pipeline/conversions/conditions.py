"""
Compiles the triggers of one object to one statement: a row of facts per pair of change and event.

A fact is what the data say: does the condition hold, did a watched field differ, when did it happen. What follows from
the facts is said by triggers.sql and answers.sql, which know no object.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from impact_pipeline.config.expressions import Expression, FieldPath
from impact_pipeline.config.history import HistorySource
from impact_pipeline.config.load import Config, EventConfig, ObjectConfig, RuleConfig
from impact_pipeline.config.templates import paths
from impact_pipeline.conversions.moments import history_joins, moment_column, require_captured
from impact_pipeline.conversions.relations import Captured, Joins
from impact_pipeline.conversions.values import text
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal, sql_file

# An edit within the first minute is part of creating a record: the stamps of one save and its automation differ a bit.
EDIT_MARGIN_SECONDS = 60
Renamed = Mapping[str, Sequence[frozenset[str]]]
# How many cycles a history row may come after the record that it belongs to.
HISTORY_PATIENCE_CYCLES = 2


def fact_sql(
    config: Config,
    about: ObjectConfig,
    captured: Captured,
    *,
    organization_id: str,
    first_load_until: datetime,
    renamed: Renamed | None = None,
) -> str:
    """
    The statement that makes temporary table fact from temporary table pair, for the events of one object.

    Args:
        first_load_until: go-live where none is configured.
        renamed: the object's fields whose values were renamed, each with the names that mean one value.

    Raises:
        UnknownPath: an expression names a field that was not captured, or a history is not tracked.
    """
    name = about.name
    histories = list(dict.fromkeys(h for event in about.events.values() for h in event.histories))
    require_captured(captured, histories)
    columns = list(captured.types[name])
    compiler = _Compiler(config, about, captured, organization_id, first_load_until, renamed or {})
    return sql_file(__file__, "facts.sql").format(
        moment_columns=_lines(
            [f"{moment_column(captured, name, histories, f, f'v.{_q(f)}', 'h', 'value')} as {_q(f)}" for f in columns]
        ),
        before_columns=_lines(
            [
                f"{moment_column(captured, name, histories, f, f'p.{_q(f)}', 'g', 'old_value')} as {_q(f)}"
                for f in columns
            ]
        ),
        version_table=f"raw.{_q(name + '_version')}",
        history_joins=history_joins(histories),
        earlier_joins=history_joins(histories, earlier=True),
        passed=_passed(histories),
        branches="\nunion all by name\n".join(compiler.branch(event) for event in about.events.values()),
    )


class _Compiler:
    """The facts of one object's events."""

    def __init__(
        self,
        config: Config,
        about: ObjectConfig,
        captured: Captured,
        organization_id: str,
        first_load_until: datetime,
        renamed: Renamed,
    ) -> None:
        self.pipeline = config.pipeline
        self.about = about
        self.captured = captured
        self.organization_id = organization_id
        self.first_load_until = first_load_until
        self.renamed = renamed

    def branch(self, event: EventConfig) -> str:
        name, declared = self.about.name, event.declared
        now = Joins(captured=self.captured, object_name=name, root="m", prefix="a")
        then = Joins(captured=self.captured, object_name=name, root="b", prefix="z")

        def at_moment(path: FieldPath) -> str:
            return (then if path.before else now).column(path.parts, optional=path.optional).sql

        def one_step_back(path: FieldPath) -> str:
            # before.X has no answer one step further back; the value that it was compared with stands in.
            return then.column(path.parts, optional=path.optional).sql

        history_fields = [history.field for history in event.histories]
        once = {
            field: text(now.column((field,)), self.pipeline.program.time_zone)
            for field in declared.once_per
            if field != "Id"
        }

        def key_of(pieces: list[str]) -> str:
            return " || '|' || ".join(
                [quote_literal(self.organization_id), quote_literal(name), "<id>", quote_literal(event.name)]
                + [f"coalesce({piece}, '')" for piece in pieces]
            )

        def renamed_key(renamed: str) -> str:
            """The key that the event had under another name of a value."""
            return key_of(["other" if field == renamed else piece for field, piece in once.items()]).replace(
                "<id>", "m.Id"
            )

        key = key_of(list(once.values()))
        watched = [field for field in declared.updated if field != "items"]
        rules = [
            f"when {_rule_matches(rule, _condition(rule.when, at_moment))} "
            f"then {{'do': {quote_literal(rule.do)}, 'code': {_text_or_null(rule.code)}}}"
            for rule in event.rules
        ]
        mapped = sorted({path.parts[0] for t in event.conversion.values() for path in paths(t) if not path.first_lead})
        stage_time = 'm."LastStageChangeDate"' if self.captured.has(name, "LastStageChangeDate") else "null"
        history_changed = f"list_has_any(m.fields, {_names(history_fields)})"
        values = {
            "in_scope": _condition(self.about.scope, at_moment),
            "was_in_scope": _condition(self.about.scope, one_step_back),
            "condition_holds": _condition(event.when, at_moment),
            "held_before": _condition(event.when, one_step_back),
            "has_when": _bool(event.when is not None),
            "watched": f"list_has_any(m.fields, {_names(watched)})",
            "watched_fields": f"list_intersect(m.fields, {_names(watched)})",
            "by_history": _bool(bool(event.histories)),
            "history_field_changed": history_changed,
            "history_caught_up": " and ".join(_caught_up(history) for history in event.histories) or "false",
            "history_patience": str(HISTORY_PATIENCE_CYCLES),
            "is_first_passage": "m.kind = 'history' and m.previous_history_id is null and "
            + _bool(any(history.old_value is None for history in event.histories)),
            "created_on": _bool(declared.created),
            "updated_on": _bool(bool(declared.updated)),
            "edited_before_seen": f'm."LastModifiedDate" >= m."CreatedDate" + interval {EDIT_MARGIN_SECONDS} second',
            "consents": _condition(self.about.consent, at_moment),
            "event_at": f"case when m.kind = 'updated' and {history_changed} "
            f"then coalesce({stage_time}, m.occurred_at) else m.occurred_at end",
            "created_date": 'm."CreatedDate"',
            "event_key": f"md5({key.replace('<id>', 'm.Id')})",
            "alias_keys": f"list_transform(coalesce(l.losers, []), lambda loser: md5({key.replace('<id>', 'loser')}))"
            + "".join(
                f" || list_transform({_other_names(once[field], groups)}, lambda other: md5({renamed_key(field)}))"
                for field, groups in self.renamed.items()
                if field in once
            ),
            "rule": f"case {' '.join(rules)} end" if rules else 'null::struct("do" varchar, code varchar)',
            "touches_mapping": f"list_has_any(m.fields, {_names(mapped)})",
            "re_entry": quote_literal(declared.re_entry),
            "go_live_at": _instant(self.pipeline.go_live_at),
            "go_live": _instant(self.pipeline.go_live_at or self.first_load_until),
            "hold_expires": _interval(self.pipeline.hold_expires),
            "max_event_age": _interval(self.pipeline.max_event_age),
        }
        return sql_file(__file__, "facts_of_event.sql").format(
            object=quote_literal(name),
            event=quote_literal(event.name),
            table=f"raw.{_q(name)}",
            values=_lines([f"{sql} as {column}" for column, sql in values.items()]),
            losers=(
                f'select "MasterRecordId" as survivor, list("Id") as losers from raw.{_q(name)} '
                'where "MasterRecordId" is not null group by all'
                if self.captured.has(name, "MasterRecordId")
                else "select null::varchar as survivor, []::varchar[] as losers where false"
            ),
            joins="\n  ".join([*now.sql, *then.sql]),
        )


def _condition(expression: Expression | None, column: Callable[[FieldPath], str]) -> str:
    return "true" if expression is None else f"({expression.render(column)})"


def _other_names(value: str, groups: Sequence[frozenset[str]]) -> str:
    """SQL of the list of other names that a value had or has."""
    whens = [
        f"when {quote_literal(name)} then {_names(sorted(group - {name}))}"
        for group in groups
        for name in sorted(group)
    ]
    return f"case {value} {' '.join(whens)} else []::varchar[] end"


def _rule_matches(rule: RuleConfig, when: str) -> str:
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


def _passed(histories: list[HistorySource]) -> str:
    parts = [
        f"select {_q(source.parent)} as id, {quote_literal(source.field)} as field, "
        f'{_q(source.value)}::varchar as value, "CreatedDate" as passed_at from raw.{_q(source.object)} '
        f"where {_q(source.parent)} in (select Id from moment)"
        + (f' and "Field" = {quote_literal(source.field)}' if source.old_value else "")
        for source in histories
    ]
    nothing = (
        "select null::varchar as id, null::varchar as field, null::varchar as value, null::timestamptz as passed_at "
        "where false"
    )
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


def _text_or_null(words: str | None) -> str:
    return quote_literal(words) if words else "null::varchar"


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _interval(value: timedelta | None) -> str:
    return "null::interval" if value is None else f"to_seconds({value.total_seconds():.0f})"


def _instant(value: datetime | None) -> str:
    return "null::timestamptz" if value is None else f"{quote_literal(value.isoformat())}::timestamptz"


def _lines(parts: list[str]) -> str:
    return ",\n           ".join(parts)


_q = quote_identifier
