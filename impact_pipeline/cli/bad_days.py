"""What goes wrong between us and the two services in `demo --faults`."""

from impact_pipeline.cli.simulators import Simulators
from impact_pipeline.simulator.impact import Fault

# Of conversions: taken and never answered, answered by halves, not arrived, refused for now.
_ANSWERS = (
    "timeout",
    "accepted_unanswered",
    "rate_limited",
    "half_body",
    "server_error",
    "empty_body",
    "html",
    "error_with_200",
    "unparsable",
)
_READING = ("server_error", "half_body", "timeout")
_SALESFORCE = ("session_dies", "server_error", "gateway_page", "truncated_body", "repeated_rows", "dead_locator")
# Five answers lost in a row open the breaker; between two of these some get through.
_APART = 3


def spoil(both: Simulators, day: int) -> None:
    """Switch each of them on, to strike once in the cycle that comes; on each day at other requests."""
    for place, kind in enumerate(_ANSWERS):
        skip = _APART * ((place + day) % len(_ANSWERS))
        both.impact_faults.add(Fault(kind=kind, endpoint="Conversions", skip=skip))
    for place, kind in enumerate(_READING):
        both.impact_faults.add(Fault(kind=kind, endpoint="Actions", method="GET", skip=place + day % 2))
    for place, name in enumerate(_SALESFORCE):
        both.salesforce_faults.add(name, count=1, skip=place + day)


def mend(both: Simulators) -> None:
    """Switch off what has not struck."""
    both.impact_faults.clear()
    both.salesforce_faults.clear()
