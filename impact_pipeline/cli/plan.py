"""`impact-pipeline plan`: what the next submission would do, without doing it."""

import getpass
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from impact_pipeline.cli.reading import existing
from impact_pipeline.cli.show import as_json, console, table, text
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import Config, load_config
from impact_pipeline.conversions.accept import Withheld, accept, with_hash, withheld
from impact_pipeline.conversions.against import compare
from impact_pipeline.outbox.plan import Plan, plan, rehearse

_NEXT = ("decision", "Type", "event", "EventTypeCode", "reason", "wait", "count", "amount", "CurrencyCode")
_ANSWERS = ("object", "event", "decision", "reason", "count", "amount", "CurrencyCode")
_DIFFERENCES = (
    "object",
    "event",
    "effect",
    "decision",
    "reason",
    "decision_then",
    "reason_then",
    "count",
    "amount",
    "CurrencyCode",
)
_PARAMETERS = ("object", "event", "parameter", "added", "removed", "changed")
_AMOUNTS = ("object", "event", "CurrencyCode", "count", "amount", "count_then", "amount_then")
_ELIGIBLE = ("object", "event", "EventTypeCode", "reason", "count", "amount", "CurrencyCode")


@click.command("plan")
@click.option("--object", "object_name", metavar="OBJECT", help="Only this Salesforce object.")
@click.option("--event", metavar="EVENT", help="Only this event of the object files.")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="How many payloads are shown.")
@click.option("--accept", "accepted", metavar="HASH", help="Let go what is held under this hash, and nothing else.")
@click.option("--reason", default="accepted as planned", show_default=True, help="With --accept: why.")
@click.option("--by", "said_by", metavar="NAME", help="With --accept: who. Default: the user of this machine.")
@click.option(
    "--against",
    "other",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="CONFIG_DIR",
    help="Show what that configuration would have changed over the last days.",
)
@click.option("--days", type=click.IntRange(1), default=30, show_default=True, help="With --against: how many days.")
@click.option("--json", "wants_json", is_flag=True, help="Print all of it as JSON.")
def command(
    object_name: str | None,
    event: str | None,
    limit: int,
    accepted: str | None,
    reason: str,
    said_by: str | None,
    other: Path | None,
    days: int,
    wants_json: bool,
) -> None:
    """
    Show what the next submission would send, correct and hold: counts, money, and the exact payloads.

    It decides and queues like a cycle, with the configuration as it is now, and undoes all of it: nothing is written,
    nothing is read from Salesforce, nothing is sent. A payload is byte for byte what would leave, so it may hold
    personal data. It works on a copy of the warehouse, gone at the end: runs wait only while it is copied.

    What a guard, a changed identity or a renamed value holds is shown with a hash; --accept HASH releases exactly
    that, as long as it is still the same rows, amounts and configuration. The same --object and --event belong to it.

    --against answers the changes of the last days anew with the configuration in CONFIG_DIR and with the present one,
    and shows what differs: newly sent, no longer sent, parameters (names and counts), money, identities.

    \b
      impact-pipeline plan
      impact-pipeline plan --against new_config --days 90
      impact-pipeline plan --accept 3f9c2a7be01d4856 --reason "month-end import, checked"
    """
    if accepted is not None and other is not None:
        raise click.UsageError("--accept and --against are two questions; ask one at a time.")
    config = load_config(env.config_folder(os.environ))
    compared = None if other is None else load_config(other)
    _must_be_known(object_name, event, [each for each in (config, compared) if each is not None])
    if compared is not None:
        _compare(config, compared, days, object_name, event, wants_json)
        return
    if accepted is not None:
        _accept(config, accepted, object_name, event, reason, said_by or getpass.getuser(), wants_json)
        return
    with existing().copied() as copy, copy.rehearsal() as con:
        found = plan(con, config, now=datetime.now(UTC), object_name=object_name, event=event, limit=limit)
    if wants_json:
        click.echo(as_json(_document(found)))
    else:
        _show(console(), found)


def _must_be_known(object_name: str | None, event: str | None, configs: list[Config]) -> None:
    """A name that nothing has would look like an empty plan."""
    objects = sorted({name for config in configs for name in config.objects})
    events = sorted({each for config in configs for about in config.objects.values() for each in about.events})
    for option, given, known in (("--object", object_name, objects), ("--event", event, events)):
        if given is not None and given not in known:
            raise click.BadParameter(f"{given!r} is in no object file; known: {', '.join(known)}.", param_hint=option)


def _accept(
    config: Config,
    given: str,
    object_name: str | None,
    event: str | None,
    reason: str,
    said_by: str,
    wants_json: bool,
) -> None:
    # What is found by rehearsing is undone with the copy, the words about it stay. Each row's word names what it
    # was accepted with, so nothing else is accepted where a run comes between them.
    warehouse = existing()
    with warehouse.copied() as copy, copy.rehearsal() as con:
        rehearse(con, config, now=datetime.now(UTC))
        chosen = with_hash(withheld(con, config, object_name=object_name, event=event), given)
    with warehouse.transaction() as con:
        accept(con, chosen, reason=reason, said_by=said_by, now=datetime.now(UTC))
    if wants_json:
        click.echo(as_json({"accepted": _withheld(chosen)}))
    else:
        click.echo(f"Accepted: {chosen.reason}, {_size(chosen)}; {chosen.about}.\nThe next cycle goes by it.")


def _compare(
    config: Config, other: Config, days: int, object_name: str | None, event: str | None, wants_json: bool
) -> None:
    with existing().copied() as copy, copy.rehearsal() as con:
        found = compare(con, config, other, days=days, now=datetime.now(UTC), object_name=object_name, event=event)
    if wants_json:
        click.echo(as_json({**vars(found), "identities": [vars(one) for one in found.identities]}))
        return
    out = console()
    out.print(f"{other.folder} against {config.folder}, over the changes found since {text(found.since)} UTC\n")
    if not found.change_count:
        newest = f"; the newest was found at {text(found.newest_change_at)}" if found.newest_change_at else ""
        out.print(f"No change was found in these {days} days{newest}. Take more of them: --days.\n")
    out.print(_table("Answers that differ", _DIFFERENCES, found.answers))
    out.print(_table("Conversions that both send, and differ", _PARAMETERS, found.parameters))
    out.print(_table("Sent", _AMOUNTS, found.amounts))
    for one in found.identities:
        out.print(
            f"[bold]Identities change[/]: {one.object}, {one.event}: {one.detail}. Its new events would be held until "
            "the edit is accepted; what was reported under the old ones is not told from new events by its key."
        )
    for name in found.not_captured:
        out.print(f"[bold]Not captured[/]: {name}. Nothing can be said before a cycle has read it.")


def _document(found: Plan) -> dict[str, Any]:
    return {**vars(found), "withheld": [_withheld(one) for one in found.withheld]}


def _withheld(one: Withheld) -> dict[str, Any]:
    return {
        "hash": one.hash,
        "reason": one.reason,
        "about": one.about,
        "count": one.row_count,
        "money": one.money,
    }


def _show(out: Console, found: Plan) -> None:
    out.print(_table("What the next submission would do; without a wait, at once", _NEXT, found.next))
    if found.answers:
        out.print(_table("Decisions that no cycle has made yet", _ANSWERS, found.answers))
    for one in found.withheld:
        out.print(f"[bold]Waits to be accepted[/]: {one.reason}, {_size(one)}", end="\n  ")
        out.print(one.about, markup=False, end="\n  ")
        out.print(f"impact-pipeline plan --accept {one.hash}\n", markup=False, soft_wrap=True)
    if found.eligible:
        title = "Meets a condition now and was never reported; it won't be by itself"
        out.print(_table(title, _ELIGIBLE, found.eligible))
    for row in found.payloads:
        out.print(f"{row['Type']} {row['OrderId']} {row['wait'] or ''}".rstrip(), markup=False, soft_wrap=True)
        out.print(f"  {row['payload'] or '(its action is not visible yet)'}", markup=False, soft_wrap=True)


def _size(one: Withheld) -> str:
    money = [f"{text(amount)} {currency}".rstrip() for currency, amount in one.money.items()]
    return ", ".join([f"{one.row_count:,} rows", *money])


def _table(title: str, names: tuple[str, ...], rows: list[dict[str, Any]]) -> Any:
    return table(title, names, ([row[name] for name in names] for row in rows))
