"""What must be right at impact.com: tokens, program, event types, budget. Only read: writing can't be tried."""

from collections.abc import Iterator

from impact_pipeline.outbox.impact.client import ACTIONS, SUBMISSIONS, NotFoundError, NotPermittedError
from impact_pipeline.preflight.findings import Trouble, Verdict
from impact_pipeline.preflight.site import Site

LEAST_REQUESTS = 100


def writing_token(site: Site) -> Iterator[Trouble | str]:
    """The token that writes is one of this account."""
    try:
        site.impact_writing.document("CompanyInformation")
    except NotPermittedError:
        # A token that may only write can't be told from one that may nothing.
        yield Trouble(
            text="IMPACT_AUTH_TOKEN is not allowed to read, so that it belongs to this account can't be proved.",
            remedy="Enable CompanyInformation for it under Settings → Technical → API to have it proved.",
            verdict=Verdict.GREY,
        )
    yield "IMPACT_AUTH_TOKEN is valid for this account."


def writing(site: Site) -> Iterator[Trouble | str]:
    """What nobody can know without writing."""
    yield Trouble(
        text="Whether IMPACT_AUTH_TOKEN may write Conversions and Actions, and whether the id and the code of an event "
        "type belong together, can't be proved without writing.",
        remedy="Nothing: the first conversion of each event type goes alone, and the others wait until it has settled.",
        verdict=Verdict.GREY,
    )


def reading(site: Site) -> Iterator[Trouble | str]:
    """The reading token may read each list that confirmation and reconciliation need."""
    name = "IMPACT_READ_AUTH_TOKEN" if site.has_reader else "IMPACT_AUTH_TOKEN"
    probes = {
        "CompanyInformation": {},
        "Campaigns": {"PageSize": "1"},
        f"Campaigns/{site.campaign_id}/Contracts": {"PageSize": "1"},
        ACTIONS: {"CampaignId": site.campaign_id, "PageSize": "2000"},
        SUBMISSIONS: {"PageSize": "1"},
    }
    for resource, query in probes.items():
        try:
            site.impact.document(resource, query)
        except NotPermittedError:
            yield Trouble(
                text=f"{name} may not read {resource} (403).",
                remedy="Enable the endpoint for the token: impact.com → Settings → Technical → API.",
            )
        except NotFoundError:
            # The program's own check tells what that means.
            continue
    yield f"{name} may read all lists."


def program(site: Site) -> Iterator[Trouble | str]:
    """The program is there and runs, with the currency and the time zone of the configuration."""
    try:
        campaign = site.campaign
    except NotFoundError:
        yield Trouble(
            text=f"The account has no program {site.campaign_id}.",
            remedy="Set IMPACT_CAMPAIGN_ID to the number under the program's name, or IMPACT_ACCOUNT_SID to its owner.",
        )
        return
    state = str(campaign.get("State") or "unknown")
    if state.upper() != "ACTIVE":
        yield Trouble(
            text=f"The program {site.campaign_id} is {state}: conversions are not tracked.",
            remedy="Activate it at impact.com, or name another one in IMPACT_CAMPAIGN_ID.",
        )
    company = site.impact.document("CompanyInformation")
    declared = site.config.pipeline.program
    for key, there, here in (
        ("currency", company.get("Currency"), declared.currency),
        ("time_zone", company.get("Timezone"), declared.time_zone),
    ):
        if there and there != here:
            yield Trouble(
                text=f"pipeline.yaml: program.{key} is {here}, and the account's is {there}.",
                remedy=f"Write {key}: {there}; amounts and months are counted in it.",
            )
    yield f"The program {site.campaign_id} is active, in {declared.currency}, {declared.time_zone}."


def event_types(site: Site) -> Iterator[Trouble | str]:
    """Each event type of ours is paid by some active contract, and is of the same kind there."""
    if not site.contracts:
        yield Trouble(
            text="No partner has an active contract with the program: every conversion would go uncredited.",
            remedy="Sign contracts at impact.com, or wait: what is reported before is credited to nobody.",
            verdict=Verdict.AMBER,
        )
        return
    paid = {
        str(payout.get("EventTypeId")): str(payout.get("EventCategory") or "")
        for contract in site.contracts
        for payout in (contract.get("TemplateTerms") or {}).get("EventPayouts") or ()
    }
    for code, about in site.config.pipeline.event_types.items():
        kind = paid.get(str(about.id))
        if kind is None:
            yield Trouble(
                text=f"pipeline.yaml: event_types.{code}.id {about.id}: no active contract pays an event type with "
                "this id.",
                remedy=f"Look the id up at impact.com (Event Types); contracts pay {', '.join(sorted(paid)) or 'none'}."
                " If it is right, add it to the contract's terms, or nobody is credited.",
            )
        elif kind.upper() in ("LEAD", "SALE") and kind.lower() != about.kind:
            yield Trouble(
                text=f"pipeline.yaml: event_types.{code}.kind is {about.kind}, and impact.com has a {kind.lower()}.",
                remedy=f"Write kind: {kind.lower()}, or correct the id.",
            )
    yield f"{len(site.contracts)} active contracts pay {', '.join(sorted(paid))}."


def deduplication(site: Site) -> Iterator[Trouble | str]:
    """The deduplication window of each event type is known, as far as the configuration tells."""
    for code, about in site.config.pipeline.event_types.items():
        if about.owner == "pipeline" and about.dedup_window is None:
            yield Trouble(
                text=f"pipeline.yaml: event_types.{code}.dedup_window is not set: what is in doubt and can't be read "
                "would wait for a person.",
                remedy="Set a deduplication by OID at impact.com (Event Types → Advanced), and write it here: "
                "dedup_window: 30d.",
                verdict=Verdict.AMBER,
            )
    yield "Each event type has a deduplication window."


def budget(site: Site) -> Iterator[Trouble | str]:
    """Requests are left of impact.com's hour."""
    rate = site.impact.rate
    if rate.remaining is None:
        yield "impact.com does not say how many requests are left."
        return
    if rate.remaining < LEAST_REQUESTS:
        yield Trouble(
            text=f"{rate.remaining} of {rate.limit} requests of the hour are left.",
            remedy="Find out who else uses the account's API, or ask impact.com for more.",
            verdict=Verdict.AMBER,
        )
    yield f"{rate.remaining} of {rate.limit} requests of the hour are left."
