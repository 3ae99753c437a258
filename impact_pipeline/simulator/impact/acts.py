"""What happens at impact.com without us: people and the system change actions, others create them."""

from collections.abc import Mapping

from impact_pipeline.simulator.impact import corrections
from impact_pipeline.simulator.impact.conversions import Credit, judge_conversion
from impact_pipeline.simulator.impact.program import Program
from impact_pipeline.simulator.impact.records import Action, State

SYSTEM_REATTRIBUTED = "SYSTEM_REATTRIBUTED_ORDER"


def reverse_by_person(program: Program, action_id: str, disposition: str = "REJECTED") -> Action:
    """Somebody reverses the action in impact.com's own screens."""
    with program.lock:
        now = program.catch_up()
        action = _open_action(program, action_id)
        corrections.reverse(program, action, now, disposition)
        return action


def reattribute(program: Program, action_id: str, partner_id: int) -> Action:
    """The system reverses the action and creates a new pending one with the same order id for `partner_id`."""
    with program.lock:
        now = program.catch_up()
        action = _open_action(program, action_id)
        if partner_id not in program.partners:
            raise ValueError(f"partner {partner_id} is not declared.")
        moved = program.create_action(Credit.of_action(action, partner_id), now)
        corrections.reverse(program, action, now, SYSTEM_REATTRIBUTED)
        return moved


def lock_now(program: Program, action_id: str) -> Action:
    """The action's locking date is reached now: a pending one counts as approved, nothing changes it any more."""
    with program.lock:
        now = program.catch_up()
        action = _open_action(program, action_id)
        action.locking_at = now
        return action


def create_unsubmitted(program: Program, parameters: Mapping[str, str], referring_type: str) -> Action:
    """
    An action that no submission of ours made: a valid inquiry (`INQUIRY`) or the website's tag (`CLICK_COOKIE`).

    Args:
        parameters: a conversion's, as they would be sent; CampaignId may be left out.

    Raises:
        ValueError: the same conversion would not have been credited.
    """
    with program.lock:
        now = program.catch_up()
        complete = {"CampaignId": str(program.declaration.campaign_id)} | {
            name: str(value) for name, value in parameters.items()
        }
        verdict = judge_conversion(program, complete, now)
        if not isinstance(verdict, Credit):
            raise ValueError(f"this conversion would not be credited: {verdict}")
        action = program.create_action(verdict, now)
        action.referring_type = referring_type
        return action


def _open_action(program: Program, action_id: str) -> Action:
    action = program.find_action(action_id)
    if action is None:
        raise ValueError(f"there is no action {action_id}.")
    if action.state is State.REVERSED or action.is_locked(program.clock.now()):
        raise ValueError(f"action {action_id} is reversed or locked and can't change any more.")
    return action
