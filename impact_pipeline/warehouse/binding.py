"""Pins the Salesforce org and the impact.com program that a warehouse belongs to."""

import hashlib
from datetime import datetime

import duckdb


class WrongBinding(Exception):
    """This warehouse belongs to another org, account or program. Nothing was read."""


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
    given = (organization_id, is_sandbox, hashlib.sha256(account_sid.encode()).hexdigest(), campaign_id)
    pinned = con.execute(
        "select organization_id, is_sandbox, account_sid_sha256, CampaignId from warehouse.binding"
    ).fetchone()
    if pinned is None:
        con.execute("insert into warehouse.binding values (?, ?, ?, ?, ?)", [*given, now])
        return
    names = ("Salesforce organisation Id", "sandbox flag", "impact.com Account SID", "impact.com CampaignId")
    different = [
        f"{name} is another one" if name.endswith("SID") else f"{name} is {is_now}, was {was}"
        for name, was, is_now in zip(names, pinned, given, strict=True)
        if was != is_now
    ]
    if different:
        raise WrongBinding(
            "This warehouse belongs to another org or program: " + "; ".join(different) + ". "
            "Set the credentials that it was made with, or give this pair a warehouse of its own "
            "(IMPACT_PIPELINE_WAREHOUSE)."
        )
