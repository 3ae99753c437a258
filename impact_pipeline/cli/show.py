"""How the command line prints: rich tables for people, JSON for scripts."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

# Wide enough for the tables where nobody looks: a pipe or a log file.
_PIPE_WIDTH = 160


def console() -> Console:
    """Writes to standard output."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)


def table(title: str, names: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "nothing") -> Table:
    """The rows under their names; numbers to the right and in one piece, words folded where the line ends."""
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    filled = [tuple(row) for row in rows]
    for place, name in enumerate(names):
        kinds = {type(row[place]) for row in filled} - {type(None)}
        made.add_column(
            name.replace("_", " "),
            justify="right" if kinds and kinds <= {int, Decimal} else "left",
            overflow="fold",
            no_wrap=bool(kinds) and kinds <= {int, Decimal, bool, date, datetime},
        )
    if not filled:
        made.add_row(empty)
    for row in filled:
        made.add_row(*(escape(text(value)) for value in row))
    return made


def text(value: Any) -> str:
    """A value as people read it: times in UTC to the second, money with two decimals, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, (list, tuple)):
        return ", ".join(text(part) for part in value)
    return str(value)


def as_json(document: Any) -> str:
    """Times in ISO 8601, money as text, so that no script reads it as a float."""
    return json.dumps(document, indent=2, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON.")
