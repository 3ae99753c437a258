"""What hold, release, dismiss and reverse have in common."""

import getpass
from datetime import UTC, datetime
from typing import Any

import click

from impact_pipeline.cli.reading import existing
from impact_pipeline.cli.show import as_json
from impact_pipeline.config.parameters import catalogue
from impact_pipeline.conversions.words import Subject, Word, say

_SHOWN = ("object", "Id", "event", "OrderId", "event_id", "decision", "reason", "amount", "CurrencyCode")
_EFFECT = {
    Word.HOLD: "It does not leave from now on; the next cycle shows it as held (sending_off).",
    Word.RELEASE: "The next cycle checks it once more and lets it go.",
    Word.DISMISS: "It never leaves; the next cycle shows it as skipped (dismissed).",
    Word.REVERSE: "The next cycle asks for the reversal; it is sent when the conversion's edits have been gathered.",
}


def word_command(word: Word, about: str) -> click.Command:
    """The command that says `word`; `about` is its help."""
    parameters: list[click.Parameter] = [
        click.Argument(["key"], metavar="KEY"),
        click.Option(["--reason"], required=True, help="Why, in one line; it is kept with the decision."),
        click.Option(["--by", "said_by"], help="Who says so. Default: the user of this machine."),
        click.Option(["--json", "wants_json"], is_flag=True, help="Print the decision as JSON."),
    ]
    if word is Word.REVERSE:
        known = ", ".join(catalogue().codes["reverse"])
        about_code = f"impact.com's disposition code: {known}, or one of your own there."
        parameters.insert(2, click.Option(["--code"], default="REJECTED", show_default=True, help=about_code))
    return click.Command(name=str(word), params=parameters, help=about, callback=_says(word))


def _says(word: Word) -> Any:
    def callback(key: str, reason: str, said_by: str | None, wants_json: bool, **code: str) -> None:
        with existing().transaction() as con:
            said_of = say(
                con, word, key, reason=reason, said_by=said_by or getpass.getuser(), now=datetime.now(UTC), **code
            )
        _tell(word, said_of, wants_json)

    return callback


def _tell(word: Word, said_of: Subject, wants_json: bool) -> None:
    if wants_json:
        click.echo(as_json({"word": str(word), **{name: getattr(said_of, name) for name in _SHOWN}}))
    else:
        click.echo(f"{word}: {said_of}\n{_EFFECT[word]}")
