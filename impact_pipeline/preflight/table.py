"""All checks, in the order in which they are asked: first what the others need."""

from collections.abc import Iterator

from impact_pipeline.preflight import impact, machine, salesforce
from impact_pipeline.preflight.findings import Check, Finding, findings
from impact_pipeline.preflight.site import Site

_MACHINE = ("environment", "configuration")
_ORG = (*_MACHINE, "Salesforce login")
_PROGRAM = (*_MACHINE, "impact.com reading")

CHECKS = (
    Check(
        name="environment",
        ask=machine.environment,
        remedy="Export what is named, or put it into a file .env in this folder.",
    ),
    Check(
        name="configuration",
        ask=machine.configuration,
        remedy="Mend the file that is named.",
    ),
    Check(name="sending", ask=machine.sending, remedy="Mend pipeline.yaml.", needs=("configuration",)),
    Check(
        name="warehouse",
        ask=machine.warehouse,
        remedy="Set IMPACT_PIPELINE_WAREHOUSE to the right file, or end what holds it.",
        needs=("environment",),
    ),
    Check(name="disk", ask=machine.disk, remedy="Free space.", needs=("environment", "warehouse")),
    Check(
        name="readers' copy",
        ask=machine.snapshot,
        remedy="Delete the file; impact-pipeline publish makes it anew.",
        needs=("environment", "warehouse"),
    ),
    Check(
        name="Salesforce login",
        ask=salesforce.login,
        remedy="Check SALESFORCE_DOMAIN_URL, the External Client App and its Run As user.",
        needs=_MACHINE,
    ),
    Check(
        name="Salesforce org",
        ask=salesforce.org,
        remedy="Use the credentials that the warehouse was made with, or give this pair a warehouse of its own.",
        needs=(*_ORG, "warehouse"),
    ),
    Check(
        name="Salesforce objects",
        ask=salesforce.objects,
        remedy="Give the integration user's permission set API Enabled and Read on the objects.",
        needs=_ORG,
    ),
    Check(
        name="Salesforce fields",
        ask=salesforce.fields,
        remedy="Give the integration user's permission set Read on the object that the path leads to.",
        needs=(*_ORG, "Salesforce objects"),
    ),
    Check(
        name="Salesforce records",
        ask=salesforce.records,
        remedy="Give the integration user View All Data, or View All Records on each object.",
        needs=_ORG,
    ),
    Check(
        name="Salesforce values",
        ask=salesforce.values,
        remedy="Give the integration user's permission set Read on the object.",
        needs=(*_ORG, "Salesforce objects"),
    ),
    Check(
        name="Salesforce lead conversion",
        ask=salesforce.lead_conversion,
        remedy="Give the integration user's permission set Read on Lead and Opportunity.",
        needs=(*_ORG, "Salesforce objects"),
    ),
    Check(
        name="Salesforce quota",
        ask=salesforce.quota,
        remedy="Wait until requests are left.",
        needs=_ORG,
    ),
    Check(name="clock", ask=salesforce.clock, remedy="Set the clock by NTP.", needs=_ORG),
    Check(
        name="impact.com token",
        ask=impact.writing_token,
        remedy="Check IMPACT_ACCOUNT_SID and IMPACT_AUTH_TOKEN: impact.com → Settings → Technical → API.",
        needs=_MACHINE,
    ),
    Check(
        name="impact.com reading",
        ask=impact.reading,
        remedy="Check IMPACT_READ_AUTH_TOKEN, or leave it out: impact.com → Settings → Technical → API.",
        needs=(*_MACHINE, "impact.com token"),
    ),
    Check(
        name="impact.com program",
        ask=impact.program,
        remedy="Check IMPACT_CAMPAIGN_ID.",
        needs=_PROGRAM,
    ),
    Check(
        name="impact.com event types",
        ask=impact.event_types,
        remedy="Check IMPACT_CAMPAIGN_ID.",
        needs=(*_PROGRAM, "impact.com program"),
    ),
    Check(
        name="deduplication",
        ask=impact.deduplication,
        remedy="Write dedup_window in pipeline.yaml.",
        needs=("configuration",),
    ),
    Check(name="impact.com budget", ask=impact.budget, remedy="Wait an hour.", needs=_PROGRAM),
    Check(name="impact.com writing", ask=impact.writing, remedy="Nothing."),
)


def preflight(site: Site) -> Iterator[Finding]:
    """Every finding, as soon as it is known; the connections are closed at the end."""
    try:
        yield from findings(CHECKS, site)
    finally:
        site.close()
