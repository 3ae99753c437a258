"""
Refunds that are records of their own: linked to the record that they refund, with a negative amount.

They count as lines of that record. So what is told of it is always what is left of it, by product code where the refund
has lines of its own, in proportion where it has none; and a refund that is taken back no longer counts.
"""

from impact_pipeline.config.load import Config, ObjectConfig
from impact_pipeline.conversions.relations import Captured, Joins
from impact_pipeline.conversions.template_sql import TemplateSql
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal, sql_file


def refund_links(about: ObjectConfig) -> dict[str, str]:
    """Event → field by which a record says which one it refunds."""
    return {name: e.declared.refund_of for name, e in about.events.items() if e.declared.refund_of}


def refund_change_sql(about: ObjectConfig) -> list[str]:
    """The statements that make changes of the records that fresh changes of others refund, or no longer do."""
    table, versions = f"raw.{_q(about.name)}", f"raw.{_q(about.name + '_version')}"
    return [
        sql_file(__file__, "refund_changes.sql").format(table=table, versions=versions, link=_q(link))
        for link in sorted(set(refund_links(about).values()))
    ]


def refund_sql(config: Config, about: ObjectConfig, captured: Captured) -> str:
    """The statement that makes temporary table refund, for the records in table need."""
    branches = []
    for name, link in refund_links(about).items():
        event = about.events[name]
        if event.items is None:
            raise AssertionError("a refund without items is refused when the configuration is loaded")
        joins = Joins(captured=captured, object_name=about.name, root="x")
        templates = TemplateSql(
            joins=joins, time_zone=config.pipeline.program.time_zone, maps=config.pipeline.value_maps, event="null"
        )
        conditions = [
            each.render(lambda path, joins=joins: joins.column(path.parts, optional=path.optional).sql)  # type: ignore[misc]
            for each in (about.scope, event.when)
            if each is not None
        ]
        amount = templates.plain(event.items.amount)
        branches.append(
            sql_file(__file__, "refunds.sql").format(
                event=quote_literal(name),
                link=f"x.{_q(link)}",
                amount=amount,
                table=f"raw.{_q(about.name)}",
                joins="\n  ".join(joins.sql),
                conditions=" and ".join(conditions) or "true",
                items=f"raw.{_q(event.items.object)}",
                parent=_q(event.items.parent),
            )
        )
    none = "select null::varchar as event, null::varchar as record_id, null::varchar as refund_id, "
    none += "null::decimal(18, 2) as amount, null::boolean as has_lines where false"
    return "create or replace temp table refund as\n" + "\nunion all\n".join([none, *branches])


_q = quote_identifier
