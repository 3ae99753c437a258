"""
Sends a message to addresses: webhooks, e-mail and what else Apprise knows. An address holds secrets and is never shown.

https://github.com/caronc/apprise/wiki lists how addresses are written: jsons://hooks.acme.example/path,
mailtos://user:password@acme.example?to=data@acme.example, slack://...
"""

import logging
from urllib.parse import urlsplit

import apprise

# Without encryption; to this machine only.
_PLAIN = frozenset({"json", "xml", "form", "mailto"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class NotDelivered(Exception):
    """At least one address has not taken the message, or is none; says which one by its place and its kind."""


def addresses(text: str) -> list[str]:
    """The addresses in the variable's text, which are separated by blanks."""
    return text.split()


def deliver(to: list[str], *, title: str, body: str) -> None:
    """
    Tell all addresses.

    Raises:
        NotDelivered: somebody did not get it. Others may have; the whole message is worth sending again.
    """
    # It would log addresses, with what is secret in them, where something fails.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    failed = [
        f"address {place} ({urlsplit(address).scheme}://) {problem}"
        for place, address in enumerate(to, start=1)
        if (problem := _problem(address, title=title, body=body))
    ]
    if failed:
        raise NotDelivered(f"IMPACT_PIPELINE_ALERTS: {'; '.join(failed)}. It is tried again at the next tick.")


def _problem(address: str, *, title: str, body: str) -> str | None:
    parts = urlsplit(address)
    if parts.scheme in _PLAIN and parts.hostname not in _LOOPBACK:
        return f"would send without encryption; write {parts.scheme}s://"
    one = apprise.Apprise()
    if not one.add(address):
        return "is none that Apprise understands"
    return None if one.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT) else "did not take it"
