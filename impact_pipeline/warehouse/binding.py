"""Pins the Salesforce org and the impact.com program that a warehouse belongs to."""

import hashlib
from datetime import datetime

import duckdb


class WrongBinding(Exception):
    """This warehouse belongs to another org, account or program. Nothing was read."""


def refuse_other_kind(organization_id: str, is_sandbox: bool, named: str | None) -> None:
    """
    A sandbox may report to a program only where the configuration names it, and then no other org may.

    Args:
        named: program.sandbox_org of the configuration.

    Raises:
        WrongBinding: the org is of the other kind, or another sandbox.
    """
    if is_sandbox and organization_id != named:
        raise WrongBinding(
            f"The Salesforce org {organization_id} is a sandbox, and every program of impact.com is live: partners "
            f"would be paid for tests. Use the production org, or name it: program.sandbox_org: {organization_id}."
        )
    if not is_sandbox and named is not None:
        raise WrongBinding(
            f"The configuration is for the sandbox {named} (program.sandbox_org), and the org {organization_id} is in "
            "production. Take the production configuration, or the sandbox's credentials."
        )


def bind(
    con: duckdb.DuckDBPyConnection,
    organization_id: str,
    is_sandbox: bool,
    account_sid: str,
    campaign_id: str,
    now: datetime,
) -> None:
    """
    Pin the pair at the first run, compare with it at every other. The Account SID is kept as its SHA-256.

    Raises:
        WrongBinding: names what differs and the remedy.
    """
    if not is_bound(
        con,
        organization_id=organization_id,
        is_sandbox=is_sandbox,
        account_sid=account_sid,
        campaign_id=campaign_id,
    ):
        given = [organization_id, is_sandbox, _digest(account_sid), campaign_id]
        con.execute("insert into warehouse.binding values (?, ?, ?, ?, ?)", [*given, now])


def is_bound(
    con: duckdb.DuckDBPyConnection,
    *,
    account_sid: str,
    campaign_id: str,
    organization_id: str | None = None,
    is_sandbox: bool | None = None,
) -> bool:
    """
    Whether the warehouse is pinned; compared with what the caller knows of the pair. None: not known.

    Raises:
        WrongBinding: names what differs and the remedy.
    """
    pinned = con.execute(
        "select organization_id, is_sandbox, account_sid_sha256, CampaignId from warehouse.binding"
    ).fetchone()
    if pinned is None:
        return False
    given = (organization_id, is_sandbox, _digest(account_sid), campaign_id)
    names = ("Salesforce organisation Id", "sandbox flag", "impact.com Account SID", "impact.com CampaignId")
    different = [
        f"{name} is another one" if name.endswith("SID") else f"{name} is {is_now}, was {was}"
        for name, was, is_now in zip(names, pinned, given, strict=True)
        if is_now is not None and was != is_now
    ]
    if different:
        raise WrongBinding(
            "This warehouse belongs to another org or program: " + "; ".join(different) + ". "
            "Set the credentials that it was made with, or give this pair a warehouse of its own "
            "(IMPACT_PIPELINE_WAREHOUSE)."
        )
    return True


def _digest(account_sid: str) -> str:
    return hashlib.sha256(account_sid.encode()).hexdigest()
