"""What must be right in Salesforce: the org, its API, the integration user's rights, fields and values."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from impact_pipeline.capture.misfits import refuse_misfits
from impact_pipeline.capture.refusals import refuse_formulas, refuse_skipped
from impact_pipeline.config.compiled import EventConfig
from impact_pipeline.config.expressions import FieldPath
from impact_pipeline.config.templates import Concat, FirstOf, Literal, Template, may_give, paths
from impact_pipeline.preflight.findings import Trouble, Verdict
from impact_pipeline.preflight.site import Site
from impact_pipeline.warehouse.binding import WrongBinding, is_bound, refuse_other_kind

SKEW, MOST_SKEW = timedelta(seconds=30), timedelta(minutes=3)
# Of the newest converted Leads: enough to see whether their fields were carried over, in two requests.
CONVERTED_SAMPLE = 50


def login(site: Site) -> Iterator[Trouble | str]:
    """The credential is good, and the org serves the API version."""
    site.org.check_version()
    # The list of versions is for everybody; this question is the first that a permission is needed for.
    _ = site.organization
    yield f"Logged in; the org serves version {site.org.api_version}."


def org(site: Site) -> Iterator[Trouble | str]:
    """The org is the one that this configuration and this warehouse are for."""
    organization, named = site.organization, site.config.pipeline.program.sandbox_org
    try:
        refuse_other_kind(organization.id, organization.is_sandbox, named)
    except WrongBinding as error:
        remedy = (
            f"Use the production org, or name the sandbox in pipeline.yaml: program.sandbox_org: {organization.id}."
            if organization.is_sandbox
            else "Use the sandbox's credentials, or take program.sandbox_org out of pipeline.yaml."
        )
        yield Trouble(text=str(error), remedy=remedy)
    if site.warehouse_path.exists():
        with site.warehouse.reading() as con:
            is_bound(
                con,
                organization_id=organization.id,
                is_sandbox=organization.is_sandbox,
                account_sid=site.account_sid,
                campaign_id=site.campaign_id,
            )
    yield f"{'Sandbox' if organization.is_sandbox else 'Production'} org {organization.id}."


def objects(site: Site) -> Iterator[Trouble | str]:
    """The integration user sees every object that a cycle reads."""
    config = site.config
    optional = config.optional_objects()
    missing = [name for name in config.capture_set() if name not in optional and site.describe(name) is None]
    for name in missing:
        yield Trouble(
            text=f"{name}: the org has no such object, or hides it from the integration user.",
            remedy=f"Give its permission set Read on {name}, or correct the name in the object file."
            + (" Turn field history tracking on in Setup." if name.endswith("History") else ""),
        )
    yield f"All {len(config.capture_set())} objects can be read."


def fields(site: Site) -> Iterator[Trouble | str]:
    """Every field of the mapping exists, is visible, and is of a kind that can be captured."""
    config = site.config
    dispensable = config.optional_paths()
    plans = site.plans
    for name, plan in plans.items():
        for path in plan.missing:
            if path not in dispensable.get(name, ()) and path not in plan.skipped:
                yield Trouble(
                    text=f"{name}.{path}: Salesforce does not list it: it doesn't exist, or is hidden from the user.",
                    remedy="Give the integration user's permission set Read on the field, correct its name in the "
                    f"object file, or write {{{path}?}} where the org may do without.",
                )
        if not {"SystemModstamp", "CreatedDate"} & set(plan.field_names):
            yield Trouble(
                text=f"{name} shows neither SystemModstamp nor CreatedDate, so nothing tells what is new.",
                remedy=f"Check the integration user's rights on {name}.",
            )
    refuse_formulas(plans, config.compared_by_stamp())
    refuse_skipped(plans)
    refuse_misfits(config, plans)
    yield f"All {sum(len(plan.fields) for plan in plans.values())} fields can be read."


def records(site: Site) -> Iterator[Trouble | str]:
    """The integration user sees every record: those that sharing hides are absent in silence."""
    soql = "SELECT PermissionsViewAllData FROM UserPermissionAccess"
    rows = [row for page in site.org.query_pages(soql) for row in page.rows]
    if not rows or rows[0]["PermissionsViewAllData"] is not True:
        names = ", ".join(sorted(site.config.objects))
        yield Trouble(
            text=f"The integration user does not have View All Data; whether it sees every record of {names} is not "
            "known.",
            remedy="Give its permission set View All Records on each captured object, and compare the counts with an "
            "administrator's: impact-pipeline reread OBJECT --check.",
            verdict=Verdict.AMBER,
        )
    yield "The integration user sees all records."


def values(site: Site) -> Iterator[Trouble | str]:
    """Values that conditions and event type codes name are values that the org has."""
    config = site.config
    for name, about in config.objects.items():
        known = _picklists(site.describe(name))
        for event in about.events.values():
            where = f"{about.file}: events.{event.name}"
            if event.when is not None:
                for path, word in event.when.words():
                    listed = None if len(path.parts) > 1 or path.start else known.get(path.parts[0].lower())
                    if listed is not None and word not in listed:
                        yield Trouble(
                            text=f"{where}.when names {word!r}, and {name}.{path.parts[-1]} has no such value.",
                            remedy=f"Write one of {_some(listed)}, or add the value in Setup.",
                        )
            yield from _codes(site, where, event, known)
    yield "Every value that a condition or a code names is there."


def _codes(site: Site, where: str, event: EventConfig, known: Mapping[str, Mapping[str, bool]]) -> Iterator[Trouble]:
    """Codes of the catalogue that the template gives with no value of the org; values whose code is not in it."""
    template = event.conversion["EventTypeCode"]
    found = _one_picklist(template, known)
    if found is None:
        return
    path, before, after = found
    listed, catalogue = known[path.lower()], site.config.pipeline.event_types
    wanted = {word for at, word in (event.when.words() if event.when is not None else ()) if str(at) == path}
    for code in catalogue if not wanted else ():
        value = code.removeprefix(before).removesuffix(after)
        if before + value + after == code and may_give(template, code) and not listed.get(value):
            yield Trouble(
                text=f"pipeline.yaml: event_types.{code}: no active value of {path} gives this code ({where}).",
                remedy=f"Values are {_some(listed)}. Correct the code, or activate the value in Setup.",
            )
    for value in sorted(wanted & set(listed)):
        code = f"{before}{value}{after}"
        if code not in catalogue:
            yield Trouble(
                text=f"{where}: {path} = {value!r} gives the code {code!r}, which event_types does not have: it would "
                "be held.",
                remedy="Add the event type with its id to pipeline.yaml, or take the value out of when.",
            )


def _one_picklist(template: Template, known: Mapping[str, Mapping[str, bool]]) -> tuple[str, str, str] | None:
    """The picklist that a template reads, and the fixed text before and after it; None where it is made otherwise."""
    parts = template.parts if isinstance(template, Concat) else (template,)
    places = [number for number, part in enumerate(parts) if isinstance(part, FieldPath)]
    if len(places) != 1 or not all(isinstance(part, (Literal, FieldPath)) for part in parts):
        return None
    path = parts[places[0]]
    if not isinstance(path, FieldPath) or path.start or path.dotted.lower() not in known:
        return None
    texts = [part.text if isinstance(part, Literal) else "" for part in parts]
    return path.dotted, "".join(texts[: places[0]]), "".join(texts[places[0] + 1 :])


def _picklists(answer: Mapping[str, Any] | None) -> dict[str, dict[str, bool]]:
    """Lower-case field name → value → whether it is active."""
    return {
        entry["name"].lower(): {str(value["value"]): bool(value["active"]) for value in entry["picklistValues"]}
        for entry in (answer or {}).get("fields", ())
        if entry.get("picklistValues")
    }


def lead_conversion(site: Site) -> Iterator[Trouble | str]:
    """Fields of one name on Lead and on what a Lead is converted into are carried over, where they are read there."""
    lead = site.describe("Lead") if "Lead" in site.config.capture_set() else None
    about = site.config.objects.get("Opportunity")
    if lead is None or about is None:
        yield "No Opportunity follows a Lead in this configuration."
        return
    on_lead = {entry["name"] for entry in lead["fields"] if entry["custom"]}
    on_both = on_lead & {entry["name"] for entry in (site.describe("Opportunity") or {"fields": ()})["fields"]}
    for name in sorted(on_both & _read_without_lead(about.record_paths(), about)):
        filled, carried = _carried(site, name)
        if filled and not carried:
            yield Trouble(
                text=f"{name} is filled on {filled} of the newest converted Leads, and on none of their Opportunities.",
                remedy=f"Setup → Object Manager → Lead → Map Lead Fields: map {name} to {name}. Or read it in the "
                f'object file with a list: ["{{{name}}}", "{{first_lead.{name}}}"].',
                verdict=Verdict.AMBER,
            )
    yield "What is read on an Opportunity is carried over from its Lead, or read from it."


def _read_without_lead(read: Iterator[FieldPath], about: Any) -> set[str]:
    """Names of fields that some template reads from the record without naming the Lead as another source."""
    names = {path.dotted for path in read if not path.start}
    for event in about.events.values():
        for template in event.conversion.values():
            if isinstance(template, FirstOf):
                names -= {path.dotted for path in paths(template) if path.start == "first_lead"}
    return names


def _carried(site: Site, name: str) -> tuple[int, int]:
    """Of the newest converted Leads with the field filled: how many, and how many of their Opportunities have it."""
    if not re.fullmatch(r"\w+", name):
        return 0, 0
    soql = (
        f"SELECT ConvertedOpportunityId FROM Lead WHERE IsConverted = true AND ConvertedOpportunityId != null "
        f"AND {name} != null ORDER BY ConvertedDate DESC LIMIT {CONVERTED_SAMPLE}"
    )
    ids = [str(row["ConvertedOpportunityId"]) for page in site.org.query_pages(soql) for row in page.rows]
    if not ids:
        return 0, 0
    among = ", ".join(f"'{id}'" for id in ids if id.isalnum())
    return len(ids), site.org.count(
        f"SELECT COUNT() FROM Opportunity WHERE {name} != null AND Id IN ({among})", include_deleted=False
    )


def quota(site: Site) -> Iterator[Trouble | str]:
    """Requests are left of the org's day."""
    quota, share = site.org.quota, site.config.pipeline.capture.quota_share
    if quota is None:
        yield "Salesforce does not say how many requests the org has used."
        return
    said = f"{quota.used} of {quota.maximum} requests of 24 hours are used"
    if float(quota.share) >= share:
        yield Trouble(
            text=f"{said}; we stop at {share:.0%} (capture.quota_share).",
            remedy="Wait, find out who else uses the API (Setup → Company Information), or raise capture.quota_share.",
        )
    elif float(quota.share) >= share * 0.8:
        yield Trouble(
            text=f"{said}; we stop at {share:.0%} (capture.quota_share).",
            remedy="Find out who else uses the API before a cycle is stopped.",
            verdict=Verdict.AMBER,
        )
    yield f"{said}."


def clock(site: Site) -> Iterator[Trouble | str]:
    """This machine's clock and Salesforce's agree."""
    site.org.check_version()
    skew = site.clock() - site.org.server_now
    if abs(skew) > SKEW:
        ahead = "ahead of" if skew > timedelta() else "behind"
        yield Trouble(
            text=f"This machine's clock is {abs(skew) // timedelta(seconds=1)} s {ahead} Salesforce's.",
            remedy="Set the clock by NTP: JWT logins fail, and waits end too early or too late.",
            verdict=Verdict.RED if abs(skew) > MOST_SKEW else Verdict.AMBER,
        )
    yield f"The clocks differ by {abs(skew).total_seconds():.0f} s."


def _some(values: Mapping[str, bool]) -> str:
    active = [repr(value) for value, is_active in values.items() if is_active]
    return ", ".join(active[:8]) + (" …" if len(active) > 8 else "")
