"""What is new between what fails now and what was told before, as one message."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

# A mailbox, not a log: what is longer stands in the UI.
_LONGEST = 400


@dataclass(frozen=True, kw_only=True)
class Failing:
    """
    Args:
        name: what fails, `job conversion_cycle` or `check nothing_is_lost of reconciliation/conversion_status`.
        told: what it says of itself; counts, Ids and codes only.
    """

    name: str
    told: str


@dataclass(frozen=True, kw_only=True)
class Message:
    title: str
    body: str


def message(before: Mapping[str, str], now: Mapping[str, str], *, program: str) -> Message | None:
    """
    What to tell; None where nothing has begun and nothing is over.

    Args:
        before, now: what fails, by name, with what it says. Other words about the same failure are no news.
        program: impact.com's program, so that a reader of several knows which one it is.
    """
    begun = [f"{name}\n  {_short(told)}" for name, told in sorted(now.items()) if name not in before]
    over = [name for name in sorted(before) if name not in now]
    if not begun and not over:
        return None
    parts = [
        *(["Began to fail:", *begun] if begun else []),
        *(["Works again:", *over] if over else []),
        f"{len(now)} things fail in all. What each check means and what to do: docs/runbook.md.",
    ]
    counts = [f"{len(begun)} began to fail"] * bool(begun) + [f"{len(over)} work again"] * bool(over)
    return Message(title=f"impact_pipeline, program {program}: {', '.join(counts)}", body="\n".join(parts))


def remembered(cursor: str | None) -> dict[str, str]:
    """What was told to fail, from the sensor's cursor."""
    return dict(json.loads(cursor)) if cursor else {}


def to_remember(now: Mapping[str, str]) -> str:
    """The cursor that stands for what fails now."""
    return json.dumps(dict(now), sort_keys=True)


def _short(told: str) -> str:
    return told if len(told) <= _LONGEST else told[: _LONGEST - 1] + "…"
