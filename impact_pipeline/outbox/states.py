"""The states of a request, how it can end, and the moves that are legal. Data; the moves themselves are in moves.py."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where a request stands."""

    READY = "ready"
    INTENDED = "intended"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    IN_DOUBT = "in_doubt"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Outcome(StrEnum):
    """How a settled request ended. For a correction, credited means that it was carried out."""

    CREDITED = "credited"
    NOT_CREDITED = "not_credited"
    ALREADY_THERE = "already_there"
    REJECTED = "rejected"
    NO_TRACE = "no_trace"
    END_UNKNOWN = "end_unknown"


class Wait(StrEnum):
    """Why a ready request is not sent yet."""

    AWAITING_PARENT = "awaiting_parent"
    PARENT_UNSETTLED = "parent_unsettled"
    FIRST_OF_TYPE = "first_of_type"
    RATE_LIMITED = "rate_limited"
    BACKING_OFF = "backing_off"
    BREAKER_OPEN = "breaker_open"
    AWAITING_ACTION = "awaiting_action"
    COALESCING = "coalescing"


class RequestType(StrEnum):
    """What a request tells impact.com."""

    CONVERSION = "Conversion"
    MODIFICATION = "Modification"
    REVERSAL = "Reversal"
    APPROVAL = "Approval"


LEGAL_MOVES: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        # In doubt without an intent of ours: impact.com's own records hold its key already.
        State.READY: frozenset({State.INTENDED, State.WITHDRAWN, State.IN_DOUBT}),
        # Back to ready only where the request provably did not leave, or impact.com provably turned it away for now.
        State.INTENDED: frozenset({State.ACCEPTED, State.REFUSED, State.READY, State.IN_DOUBT}),
        # In doubt to in doubt: a person is needed, or no longer.
        State.IN_DOUBT: frozenset({State.ACCEPTED, State.SETTLED, State.READY, State.IN_DOUBT}),
        State.ACCEPTED: frozenset({State.SETTLED}),
        # Settled again: an action that shows late. Ready again: a person has it sent anew.
        State.SETTLED: frozenset({State.SETTLED, State.READY}),
        State.REFUSED: frozenset({State.READY, State.SETTLED}),
        State.WITHDRAWN: frozenset({State.READY}),
    }
)

# impact.com may have it, or will: such a request is what "one live request" counts.
LIVE = frozenset({State.READY, State.INTENDED, State.ACCEPTED, State.SETTLED, State.IN_DOUBT})


def why_illegal(from_state: str, to_state: str, outcome: str | None) -> str | None:
    """What forbids the move, in words; None where it is legal."""
    if from_state not in set(State) or to_state not in set(State):
        return f"{from_state} → {to_state}: no such state"
    if State(to_state) not in LEGAL_MOVES[State(from_state)]:
        return f"{from_state} → {to_state} is not a legal move"
    if (to_state == State.SETTLED) != (outcome is not None):
        return f"{from_state} → {to_state}: settled needs an outcome, every other state must not have one"
    if outcome is not None and outcome not in set(Outcome):
        return f"{outcome} is no outcome"
    return None
