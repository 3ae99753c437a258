"""
Compiles the triggers of one object: a row of facts per pair of change and event.

A fact is what the data say: does the condition hold, did a watched field differ, when did it happen. What follows from
the facts is said by triggers.sql and answers.sql, which know no object.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from impact_pipeline.config.expressions import Expression, FieldPath
from impact_pipeline.config.history import HistorySource
from impact_pipeline.config.load import Config, EventConfig, ObjectConfig, RuleConfig
from impact_pipeline.config.templates import paths
from impact_pipeline.conversions.moments import history_joins, moment_column, require_captured
from impact_pipeline.conversions.refunds import refund_links
from impact_pipeline.conversions.relations import Captured, Joins
from impact_pipeline.conversions.values import text
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal, sql_file

# An edit within the first minute is part of creating a record: the stamps of one save and its automation differ a bit.
EDIT_MARGIN_SECONDS = 60
_WEIGHED = "(select change_id, event, role, is_carried, trigger_answer, trigger_reason from triggered where is_weighed)"
Renamed = Mapping[str, Sequence[frozenset[str]]]
# What the names of the columns of table moment start with.
NOW, BEFORE, CAUGHT_UP = "now.", "before.", "caught_up."
# How many cycles a history row may come after the record that it belongs to.
HISTORY_PATIENCE_CYCLES = 2


@dataclass(frozen=True, kw_only=True)
class FactSql:
    """
    The statements that tell what the data say of table pair, for the events of one object.

    Args:
        moment: makes temporary table moment.
        triggered: makes temporary table triggered from it, once table renamed is there.
        fact: makes temporary table fact from both, for the pairs that something may follow from.
    """

    moment: str
    triggered: str
    fact: str


def fact_sql(
    config: Config,
    about: ObjectConfig,
    captured: Captured,
    *,
    organization_id: str,
    first_load_until: datetime,
    renamed: Renamed | None = None,
) -> FactSql:
    """
    Args:
        first_load_until: go-live where none is configured.
        renamed: the object's fields whose values were renamed, each with the names that mean one value.

    Raises:
        UnknownPath: an expression names a field that was not captured, or a history is not tracked.
    """
    histories = list(dict.fromkeys(h for event in about.events.values() for h in event.histories))
    require_captured(captured, histories)
    compiler = _Compiler(config, about, captured, first_load_until, renamed or {})
    facts = compiler.facts("pair")
    table = f"raw.{_q(about.name)}"
    return FactSql(
        moment=sql_file(__file__, "moments.sql").format(
            columns=",\n           ".join(compiler.moment_columns(histories)) or "null",
            version_table=f"raw.{_q(about.name + '_version')}",
            past_table=f"raw.{_q(about.name + '_past')}",
            histories=", ".join([quote_literal(source.object) for source in histories]) or "null",
            history_joins=history_joins(histories) + "\n      " + history_joins(histories, earlier=True),
            caught_up="".join(f",\n       {_caught_up(number, h)}" for number, h in enumerate(histories)),
            passed="\n  ".join(_passed(number, h) for number, h in enumerate(histories)),
        ),
        triggered=sql_file(__file__, "triggered.sql").format(
            answered=sql_file(__file__, "triggers.sql").format(facts=facts)
        ),
        fact=sql_file(__file__, "facts.sql").format(
            facts=compiler.facts(_WEIGHED),
            organization_id=quote_literal(organization_id),
            table=table,
            merged_into='n."MasterRecordId"' if captured.has(about.name, "MasterRecordId") else "null::varchar",
            refund_of=_refund_of(about),
            losers=(
                f'select "MasterRecordId" as survivor, list("Id") as losers from {table} '
                'where "MasterRecordId" is not null group by all'
                if captured.has(about.name, "MasterRecordId")
                else "select null::varchar as survivor, []::varchar[] as losers where false"
            ),
        ),
    )


class _Compiler:
    """The facts of one object's events, over table moment."""

    def __init__(
        self,
        config: Config,
        about: ObjectConfig,
        captured: Captured,
        first_load_until: datetime,
        renamed: Renamed,
    ) -> None:
        self.pipeline = config.pipeline
        self.about = about
        self.captured = captured
        self.first_load_until = first_load_until
        self.renamed = renamed
        self.asked_now = {"CreatedDate", "LastModifiedDate"}
        self.asked_before = {"LastModifiedDate"}

    def moment_columns(self, histories: list[HistorySource]) -> list[str]:
        """The columns of table moment that the facts compiled so far ask for."""
        name = self.about.name
        now = self.asked_now | {history.field for history in histories}
        columns = [
            f"{moment_column(self.captured, name, histories, f, f'v.{_q(f)}', 'h', 'value')} as {_q(NOW + f)}"
            for f in sorted(now)
        ]
        for field in sorted(self.asked_before):
            earlier = f"case when c.kind = 'history' then v.{_q(field)} else p.{_q(field)} end"
            old = moment_column(self.captured, name, histories, field, earlier, "g", "old_value")
            columns.append(f"{old} as {_q(BEFORE + field)}")
        return columns

    def facts(self, pairs: str) -> str:
        """The query of what the data say of each of the pairs, a table or a query with a name of its own."""
        return "\nunion all by name\n".join(self._facts(event, pairs) for event in self.about.events.values())

    def _facts(self, event: EventConfig, pairs: str) -> str:
        name, declared = self.about.name, event.declared
        now = Joins(captured=self.captured, object_name=name, root="m", prefix="a", root_prefix=NOW)
        then = Joins(captured=self.captured, object_name=name, root="m", prefix="z", root_prefix=BEFORE)

        def at_moment(path: FieldPath) -> str:
            return (then if path.before else now).column(path.parts, optional=path.optional).sql

        def one_step_back(path: FieldPath) -> str:
            # before.X has no answer one step further back; the value that it was compared with stands in.
            return then.column(path.parts, optional=path.optional).sql

        def at_moment_of(field: str) -> str:
            return now.column((field,)).sql

        once = {
            field: text(now.column((field,)), self.pipeline.program.time_zone)
            for field in declared.once_per
            if field != "Id"
        }
        # The same event under another name of a value.
        other_once = [
            f"list_transform({_other_names(once[field], groups)}, lambda other: "
            f"{_joined(['other' if each == field else piece for each, piece in once.items()])})"
            for field, groups in self.renamed.items()
            if field in once
        ]
        watched = [field for field in declared.updated if field != "items"]
        matches = [(rule, f"when {_rule_matches(rule, _condition(rule.when, at_moment))}") for rule in event.rules]
        rules = [
            f"{when} then {{'do': {quote_literal(rule.do)}, 'code': {quote_literal(rule.code)}}}"
            for rule, when in matches
            if rule.do != "approve"
        ]
        if declared.refund_of:
            rules.append("when m.kind = 'refund' then {'do': 'modify', 'code': 'ORDER_UPDATE'}")
        approvals = [f"{when} then {quote_literal(rule.code)}" for rule, when in matches if rule.do == "approve"]
        mapped = {path.parts[0] for t in event.conversion.values() for path in paths(t) if not path.start}
        mapped |= {"CurrencyIsoCode"} if "CurrencyCode" in event.conversion else set()
        stage_time = at_moment_of("LastStageChangeDate") if self.captured.has(name, "LastStageChangeDate") else "null"
        history_changed = _differs([history.field for history in event.histories])
        margin = f"interval {EDIT_MARGIN_SECONDS} second"
        values = {
            "in_scope": _condition(self.about.scope, at_moment),
            "was_in_scope": _condition(self.about.scope, one_step_back),
            "condition_holds": _condition(event.when, at_moment),
            "held_before": _condition(event.when, one_step_back),
            "has_when": _bool(event.when is not None),
            "watched": _differs(watched),
            "watched_fields": _names(watched),
            "by_history": _bool(bool(event.histories)),
            "history_field_changed": history_changed,
            "history_caught_up": " and ".join(f"m.{_q(CAUGHT_UP + history.field)}" for history in event.histories)
            or "false",
            "history_patience": str(HISTORY_PATIENCE_CYCLES),
            "is_first_passage": "m.kind = 'history' and m.previous_history_id is null and "
            + _bool(any(history.old_value is None for history in event.histories)),
            "created_on": _bool(declared.created),
            "updated_on": _bool(bool(declared.updated)),
            "edited_before_seen": f"{at_moment_of('LastModifiedDate')} >= {at_moment_of('CreatedDate')} + {margin}",
            "consents": _condition(self.about.consent, at_moment),
            "event_at": f"case when m.kind = 'updated' and {history_changed} "
            f"then coalesce({stage_time}, m.occurred_at) else m.occurred_at end",
            "created_date": at_moment_of("CreatedDate"),
            "modified_at": at_moment_of("LastModifiedDate"),
            "once": _joined(list(once.values())),
            "other_once": " || ".join(other_once) or "[]::varchar[]",
            "rule": f"case {' '.join(rules)} end" if rules else 'null::struct("do" varchar, code varchar)',
            "approval": f"case {' '.join(approvals)} end" if approvals else "null::varchar",
            "touches_mapping": _differs(sorted(mapped)),
            "re_entry": quote_literal(declared.re_entry),
            "go_live_at": _instant(self.pipeline.go_live_at),
            "go_live": _instant(self.pipeline.go_live_at or self.first_load_until),
            "hold_expires": _interval(self.pipeline.hold_expires),
            "max_event_age": _interval(self.pipeline.max_event_age),
        }
        self.asked_now |= now.fields
        self.asked_before |= then.fields
        return sql_file(__file__, "facts_of_event.sql").format(
            object=quote_literal(name),
            event=quote_literal(event.name),
            pairs=pairs,
            values=_lines([f"{sql} as {column}" for column, sql in values.items()]),
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


def _refund_of(about: ObjectConfig) -> str:
    """SQL of the record that a record refunds, as far as the event tells."""
    whens = [f"when {quote_literal(event)} then n.{_q(link)}" for event, link in refund_links(about).items()]
    return f"case f.event {' '.join(whens)} end" if whens else "null::varchar"


def _rule_matches(rule: RuleConfig, when: str) -> str:
    parts = []
    if rule.deleted:
        parts.append("m.kind = 'deleted'")
    else:
        parts.append("m.kind <> 'deleted'")
    if rule.changed:
        fields = [f for f in rule.changed if f != "items"]
        asked = [_differs(fields)] if fields else []
        if "items" in rule.changed:
            asked.append("m.kind = 'items'")
        parts.append("(" + " or ".join(asked) + ")")
    if rule.when is not None:
        parts.append(when)
    return " and ".join(parts)


def _passed(number: int, history: HistorySource) -> str:
    """The join of what the history tells already: when each value of the record was entered last."""
    return sql_file(__file__, "passed.sql").format(
        table=f"raw.{_q(history.object)}",
        parent=_q(history.parent),
        value=_q(history.value),
        only=f'"Field" = {quote_literal(history.field)}' if history.old_value else "true",
        field=quote_literal(history.field),
        column=_q(NOW + history.field),
        alias=f"l{number}",
    )


def _caught_up(number: int, history: HistorySource) -> str:
    since = f"coalesce(s.{_q(BEFORE + 'LastModifiedDate')}, '-infinity'::timestamptz)"
    return f"coalesce(l{number}.passed_at >= {since}, false) as {_q(CAUGHT_UP + history.field)}"


def _joined(pieces: list[str]) -> str:
    """SQL of what tells one event of a record from another."""
    return " || ".join(f"'|' || coalesce({piece}, '')" for piece in pieces) or "''"


def _differs(fields: list[str]) -> str:
    """Whether any of the fields is among those that the change names; list_has_any is several times slower."""
    return (
        "(" + " or ".join(f"list_contains(m.fields, {quote_literal(f)})" for f in fields) + ")" if fields else "false"
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
