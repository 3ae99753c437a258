"""Which records belong together by conversion or merge, as SQL; wanted_id is the records that are asked about."""

from dataclasses import dataclass
from datetime import datetime

from impact_pipeline.config.compiled import ROLES
from impact_pipeline.config.expressions import STARTS
from impact_pipeline.config.load import ObjectConfig
from impact_pipeline.config.templates import paths
from impact_pipeline.conversions.relations import Captured
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal, sql_file


@dataclass(frozen=True, kw_only=True)
class LeadWay:
    """
    A way from a record to leads.

    Args:
        field: of the lead, that tells what it was converted into.
        pairs: the query of the records and the Ids that the field may have for each.
    """

    field: str
    pairs: str

    @property
    def ids(self) -> str:
        return f"select id from ({self.pairs}) as p(record_id, id)"


def read_behind(about: ObjectConfig, captured: Captured) -> dict[str, datetime]:
    """Objects that a CustomerId may come from and that are not read as far as the record is: until when they are."""
    own = captured.through.get(about.name)
    found = {"Lead"} if captured.has("Lead", f"Converted{about.name}Id") else set()
    for template in about.customer_id:
        for path in paths(template):
            at = STARTS.get(path.start, about.name)
            found |= {ROLES} if path.start == "primary_contact" else set()
            for step in path.parts[:-1]:
                found.add(at)
                at = captured.references.get(at, {}).get(step, ("", at))[1]
            found.add(at)
    behind = {name: captured.through[name] for name in sorted(found) if name in captured.through}
    return {name: until for name, until in behind.items() if own is not None and until < own}


def lead_ways(about: ObjectConfig, captured: Captured) -> list[LeadWay]:
    """The ways from a record of the object to the leads before it, the nearest first."""
    field = f"Converted{about.name}Id"
    if not captured.has("Lead", field):
        return []
    ways = [LeadWay(field=field, pairs="select id, id from wanted_id")]
    if not _uses(about, "first_lead"):
        return ways
    if about.name == "Opportunity" and captured.has(ROLES, "ContactId"):
        ways.append(LeadWay(field="ConvertedContactId", pairs=_primary_contacts()))
    if captured.has(about.name, "AccountId") and about.name != "Account":
        ways.append(LeadWay(field="ConvertedAccountId", pairs='select "Id", "AccountId" from newest'))
    return ways


def converted_lead_sql(about: ObjectConfig, captured: Captured, fields: set[str]) -> str:
    """
    The statement that makes temporary table converted_lead: the leads that first_lead_sql and linked_sql look among.

    Args:
        fields: what the mapping reads of a lead.
    """
    ways = lead_ways(about, captured)
    columns = ["Id", "CreatedDate", *(way.field for way in ways)]
    return sql_file(__file__, "converted_leads.sql").format(
        columns=", ".join(_q(name) for name in dict.fromkeys([*columns, *sorted(fields)])),
        conditions="\n    or ".join(f"{_q(way.field)} in ({way.ids})" for way in ways),
    )


def first_lead_sql(about: ObjectConfig, captured: Captured) -> str:
    """
    The query of the oldest Lead that was converted into each record: record_id, lead_id.

    Where there is none, the oldest that was converted into its primary contact, as far as that is captured, else into
    its account.
    """
    ways = lead_ways(about, captured)
    if not _uses(about, "first_lead") or not ways:
        return "select null::varchar as record_id, null::varchar as lead_id where false"
    branches = [
        f'select p.record_id, l."Id" as lead_id, {distance} as distance, l."CreatedDate" as created_at '
        f"from ({way.pairs}) as p(record_id, id) join converted_lead as l on l.{_q(way.field)} = p.id"
        for distance, way in enumerate(ways)
    ]
    return (
        "select record_id, lead_id from (" + " union all ".join(branches) + ") "
        "qualify row_number() over (partition by record_id order by distance, created_at, lead_id) = 1"
    )


def primary_contact_sql(about: ObjectConfig, captured: Captured) -> str:
    """The query of the primary contact of each opportunity: record_id, contact_id."""
    if not _uses(about, "primary_contact") or not captured.has(ROLES, "ContactId"):
        return "select null::varchar as record_id, null::varchar as contact_id where false"
    return _primary_contacts()


def linked_sql(about: ObjectConfig, captured: Captured) -> str:
    """The query of the records that were converted or merged into each one: record_id, object, linked_id."""
    ways = []
    field = f"Converted{about.name}Id"
    if captured.has("Lead", field):
        ways.append(
            f"select {_q(field)} as record_id, 'Lead' as object, \"Id\" as linked_id "
            f"from converted_lead where {_q(field)} in (from wanted_id)"
        )
    if captured.has(about.name, "MasterRecordId"):
        ways.append(
            f'select "MasterRecordId" as record_id, {quote_literal(about.name)} as object, "Id" as linked_id '
            f"from raw.{_q(about.name)} "
            'where "MasterRecordId" in (from wanted_id)'
        )
    return (
        " union all ".join(ways)
        or "select null::varchar as record_id, null::varchar as object, null::varchar as linked_id where false"
    )


def _primary_contacts() -> str:
    return (
        'select "OpportunityId" as record_id, "ContactId" as contact_id '
        f'from raw.{_q(ROLES)} where "IsPrimary" and not "_is_deleted" and "OpportunityId" in (from wanted_id) '
        'qualify row_number() over (partition by "OpportunityId" order by "CreatedDate" desc, "Id" desc) = 1'
    )


def _uses(about: ObjectConfig, start: str) -> bool:
    return any(path.start == start for path in about.record_paths())


_q = quote_identifier
