"""A check of the outside world: a small function that names every trouble with its remedy."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from impact_pipeline.capture.salesforce.errors import SalesforceError
from impact_pipeline.config.environment import MissingVariable
from impact_pipeline.config.errors import ConfigError
from impact_pipeline.outbox.impact.client import ImpactError
from impact_pipeline.preflight.site import Site
from impact_pipeline.warehouse.binding import WrongBinding
from impact_pipeline.warehouse.connection import WarehouseError

# What a check may meet while it asks; anything else is a defect of ours and flies.
_EXPECTED = (ConfigError, ImpactError, MissingVariable, SalesforceError, WarehouseError, WrongBinding)


class Verdict(StrEnum):
    """
    green: as it should be. amber: works, and somebody should know. red: a run would stop, or tell something wrong.
    grey: not known, because something before it failed, or because only writing could tell.
    """

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    GREY = "grey"


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One thing that is not as it should be; `text` and `remedy` are sentences."""

    text: str
    remedy: str
    verdict: Verdict = Verdict.RED


@dataclass(frozen=True, kw_only=True)
class Check:
    """
    One line of the table.

    Args:
        ask: yields every trouble; what it yields as text is told where there is none.
        remedy: what to do where asking itself fails.
        needs: names of checks that must not be red, or this one can't be asked.
    """

    name: str
    ask: Callable[[Site], Iterator[Trouble | str]]
    remedy: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check found; a check with three troubles has three of them."""

    check: str
    verdict: Verdict
    text: str
    remedy: str = ""


def findings(checks: Sequence[Check], site: Site) -> Iterator[Finding]:
    """Ask one check after the other; what can't be asked is grey, and says for which other one."""
    lost: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in lost]
        if missing:
            lost.add(check.name)
            yield Finding(check=check.name, verdict=Verdict.GREY, text=f"Not asked: first mend {missing[0]}.")
            continue
        for finding in _asked(check, site):
            if finding.verdict is Verdict.RED:
                lost.add(check.name)
            yield finding


def _asked(check: Check, site: Site) -> list[Finding]:
    said: list[str] = []
    found: list[Finding] = []
    blank = Finding(check=check.name, verdict=Verdict.GREEN, text="")
    try:
        for answer in check.ask(site):
            if isinstance(answer, str):
                said.append(answer)
            else:
                found.append(replace(blank, verdict=answer.verdict, text=answer.text, remedy=answer.remedy))
    except ConfigError as error:
        found += [
            replace(blank, verdict=Verdict.RED, text=str(replace(problem, remedy="")).rstrip(), remedy=problem.remedy)
            for problem in error.problems
        ]
    except _EXPECTED as error:
        found.append(replace(blank, verdict=Verdict.RED, text=str(error), remedy=check.remedy))
    return found or [replace(blank, text=" ".join(said))]
