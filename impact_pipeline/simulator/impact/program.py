"""
The state of one account and its program: submissions, actions, files, and the agenda of what happens when.

Nothing here knows HTTP, the machine's time or chance: the clock says when, counters give the ids, and the same calls
at the same times give the same state. Due work is done, in order of its time, before anything is read or written.
"""

import heapq
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact.conversions import Credit, judge_conversion
from impact_pipeline.simulator.impact.corrections import apply_correction
from impact_pipeline.simulator.impact.declaration import Click, Declaration, EventType, Partner
from impact_pipeline.simulator.impact.files import RESERVED_PREFIXES, file_type, process_file
from impact_pipeline.simulator.impact.money import payout_of
from impact_pipeline.simulator.impact.records import (
    Action,
    ActionUpdate,
    Fate,
    FileSubmission,
    Item,
    ReceivedConversion,
    State,
    Submission,
    SubmissionType,
)

OPEN_ENDED_LOCKING = timedelta(days=730)
NO_FATE = Fate()


class Program:
    """
    One account and its program.

    Args:
        seed: part of every generated id, so that two programs don't share ids.

    Safe to use from several threads as long as each holds `lock` over what belongs together.
    """

    def __init__(self, clock: Clock, declaration: Declaration, seed: int = 0) -> None:
        self.clock = clock
        self.declaration = declaration
        self.zone = ZoneInfo(declaration.time_zone)
        self.lock = threading.RLock()
        self.event_types = {event_type.id: event_type for event_type in declaration.event_types}
        self.event_types_by_code = {event_type.code: event_type for event_type in declaration.event_types}
        self.partners = {partner.id: partner for partner in declaration.partners}
        self.clicks: dict[str, Click] = dict(declaration.click_ids)
        self.payout_percents: dict[int, Decimal] = {}
        self.contract_problems: dict[tuple[int, int | None], str] = {}
        self.submissions: dict[str, Submission] = {}
        self.files: dict[str, FileSubmission] = {}
        self.actions: list[Action] = []
        self.received: list[ReceivedConversion] = []
        self._actions_by_id: dict[str, Action] = {}
        self._actions_by_key: dict[tuple[int, str], list[Action]] = {}
        self._actions_by_customer: dict[str, list[Action]] = {}
        self._agenda: list[tuple[datetime, int, Callable[[datetime], object]]] = []
        self._seed = seed
        self._serial = 0

    # What time brings

    def catch_up(self) -> datetime:
        """Do what has become due, in order of its time; the time it now is."""
        with self.lock:
            now = self.clock.now()
            while self._agenda and self._agenda[0][0] <= now:
                at, _, act = heapq.heappop(self._agenda)
                act(at)
            return now

    def schedule(self, at: datetime, act: Callable[[datetime], object]) -> None:
        """Have `act(at)` called when the clock has reached `at`; acts of one time run in the order given."""
        heapq.heappush(self._agenda, (at, self.next_serial(), act))

    def next_serial(self) -> int:
        self._serial += 1
        return self._serial

    # Writing

    def submit(
        self,
        type: SubmissionType,
        parameters: Mapping[str, str],
        payload: str | None = None,
        fate: Fate = NO_FATE,
        at: datetime | None = None,
    ) -> Submission:
        """
        Queue one write whose form has been checked; what becomes of it shows when its processing time is over.

        Args:
            payload: the form-encoded text as it came; None encodes the parameters.
            at: the time of arrival, when it is not now (a request that was late on its way).
        """
        with self.lock:
            submitted_at = self.catch_up() if at is None else at
            event_type = self.find_event_type(parameters)
            completes_at = submitted_at + self.declaration.processing_time(event_type) + fate.delay
            submission = Submission(
                batch_id=self._batch_id("A"),
                type=type,
                parameters=dict(parameters),
                payload=urlencode(parameters) if payload is None else payload,
                submitted_at=submitted_at,
                started_at=min(submitted_at + timedelta(seconds=self.declaration.in_progress_seconds), completes_at),
                completes_at=completes_at if fate.completes else None,
                event_type=event_type,
            )
            self.submissions[submission.batch_id] = submission
            self.schedule(completes_at, partial(self._complete, submission, fate))
            if fate.submission_vanishes_after is not None:
                self.schedule(submitted_at + fate.submission_vanishes_after, partial(_hide, submission))
            return submission

    def _complete(self, submission: Submission, fate: Fate, at: datetime) -> None:
        if fate.refusal is not None:
            submission.refusal = fate.refusal
        elif not fate.credited:
            return
        elif submission.type is SubmissionType.CONVERSION:
            verdict = judge_conversion(self, submission.parameters, submission.submitted_at)
            if isinstance(verdict, Credit):
                action = self.create_action(verdict, at)
                submission.action_id, submission.partner_id = action.id, action.partner_id
                if fate.action_vanishes_after is not None:
                    self.schedule(at + fate.action_vanishes_after, partial(_hide, action))
            else:
                submission.refusal = verdict
        else:
            submission.refusal = apply_correction(self, submission.type, submission.parameters, at)

    def ingest_file(self, name: str, text: str) -> FileSubmission:
        """
        Take a CSV file as one submission, to be processed like a conversion: columns as in files.ITEM_COLUMNS.

        Raises:
            ValueError: the name is one that impact.com keeps for its receipts and results.
        """
        if name.startswith(RESERVED_PREFIXES):
            raise ValueError(f"file name {name}: {' and '.join(RESERVED_PREFIXES)} are reserved.")
        with self.lock:
            now = self.catch_up()
            completes_at = now + self.declaration.processing_time(None)
            file = FileSubmission(
                batch_id=self._batch_id("F"),
                name=name,
                type=file_type(text),
                submitted_at=now,
                started_at=min(now + timedelta(seconds=self.declaration.in_progress_seconds), completes_at),
                completes_at=completes_at,
            )
            self.files[file.batch_id] = file
            self.schedule(completes_at, partial(process_file, self, file, text))
            return file

    def create_action(self, credit: Credit, at: datetime) -> Action:
        """The new action of a credited conversion, PENDING until its locking date."""
        event_type = credit.event_type
        items = [
            Item(
                sku=line.sku,
                name=line.name,
                category=line.category,
                quantity=line.quantity,
                amount=line.amount,
                payout=self.payout(event_type, line.amount),
            )
            for line in credit.lines
        ]
        amount = sum((item.amount for item in items), Decimal(0))
        payout = sum((item.payout for item in items), Decimal(0)) + event_type.payout_fixed
        action = Action(
            id=f"{self.declaration.campaign_id}.{5200 + self._seed}.{158132 + len(self.actions) + 1}",
            event_type=event_type,
            partner_id=credit.partner_id,
            order_id=credit.order_id,
            customer_id=credit.customer_id,
            event_date=credit.event_date,
            referring_date=credit.referring_date,
            referring_type=credit.referring_type,
            created_at=at,
            updated_at=at,
            locking_at=self.locking_time(event_type, credit.event_date),
            items=items,
            original_items=items,
            amount=amount,
            payout=payout,
            intended_amount=amount,
            intended_payout=payout,
            delta_amount=amount,
            delta_payout=payout,
            details=dict(credit.details),
            customer_status=credit.customer_status,
        )
        self.actions.append(action)
        self._actions_by_id[action.id] = action
        self._actions_by_key.setdefault((event_type.id, action.order_id), []).append(action)
        if action.customer_id:
            self._actions_by_customer.setdefault(action.customer_id, []).append(action)
        self.log_update(action, at, "IR_BLANK")
        return action

    def log_update(self, action: Action, at: datetime, disposition: str, item: Item | None = None) -> None:
        """Add a line to the action's change log; the action's own fields are up to date already."""
        action.updated_at = at
        action.updates.append(
            ActionUpdate(
                id=f"{action.id}.{len(action.updates) + 1}",
                action=action,
                at=at,
                disposition=disposition,
                delta_amount=action.delta_amount,
                delta_payout=action.delta_payout,
                state=action.state,
                sku=item.sku if item is not None else "",
                category=item.category if item is not None else "",
                quantity=str(item.quantity) if item is not None else "",
            )
        )

    # Looking up

    def find_event_type(self, parameters: Mapping[str, str]) -> EventType | None:
        """The event type that the parameters name; an id counts before a code."""
        if number := parameters.get("ActionTrackerId") or parameters.get("EventTypeId"):
            return self.event_types.get(int(number)) if number.isdigit() else None
        return self.event_types_by_code.get(parameters.get("EventTypeCode", ""))

    def find_action(self, action_id: str) -> Action | None:
        action = self._actions_by_id.get(action_id)
        return action if action is not None and action.is_visible else None

    def actions_of(self, event_type_id: int, order_id: str) -> Sequence[Action]:
        """All actions of one key, oldest first, also those a fault has hidden."""
        return self._actions_by_key.get((event_type_id, order_id), ())

    def actions_of_customer(self, customer_id: str) -> Sequence[Action]:
        """The customer's actions, oldest first."""
        return self._actions_by_customer.get(customer_id, ())

    def find_click(self, click_id: str) -> Click | None:
        """The click with this id. Case counts."""
        if not click_id:
            return None
        if known := self.clicks.get(click_id):
            return known
        partners = (rule.partner_of(click_id) for rule in self.declaration.click_rules)
        partner = next((partner for partner in partners if partner is not None), None)
        return Click(partner=partner) if partner is not None else None

    def partner_of_promo_code(self, code: str) -> Partner | None:
        return next((partner for partner in self.partners.values() if code and code in partner.promo_codes), None)

    def contract_problem(self, partner_id: int, event_type_id: int) -> str:
        """The reason codes that bar this partner from this event type; empty when the contract is in order."""
        return self.contract_problems.get((partner_id, event_type_id)) or self.contract_problems.get(
            (partner_id, None), ""
        )

    def payout(self, event_type: EventType, amount: Decimal) -> Decimal:
        """The commission on `amount` under the terms of this moment."""
        return payout_of(self.payout_percents.get(event_type.id, event_type.payout_percent), amount)

    def locking_time(self, event_type: EventType, event_date: datetime) -> datetime:
        """The midnight in the account's zone at which an action of that date locks."""
        period = OPEN_ENDED_LOCKING if event_type.open_ended_locking else timedelta(days=event_type.locking_days)
        day = event_date.astimezone(self.zone) + period
        return day.replace(hour=0, minute=0, second=0, microsecond=0)

    def visible_submissions(self, now: datetime) -> list[Submission]:
        """The records still kept, newest first."""
        oldest = now - timedelta(days=self.declaration.submission_days)
        found: list[Submission] = []
        for submission in reversed(self.submissions.values()):
            if submission.submitted_at < oldest:
                break
            if submission.is_visible:
                found.append(submission)
        return found

    def find_submission(self, batch_id: str, now: datetime) -> Submission | None:
        submission = self.submissions.get(batch_id)
        oldest = now - timedelta(days=self.declaration.submission_days)
        if submission is None or not submission.is_visible or submission.submitted_at < oldest:
            return None
        return submission

    def kept_files(self, now: datetime) -> list[FileSubmission]:
        """The submitted files still kept, newest first."""
        oldest = now - timedelta(days=self.declaration.submission_days)
        return [file for file in reversed(self.files.values()) if file.submitted_at >= oldest]

    def live_actions_by_key(self) -> dict[tuple[int, str], int]:
        """How many actions that are not reversed each key has: more than one is what must never be our doing."""
        with self.lock:
            self.catch_up()
            return {
                key: sum(action.state is not State.REVERSED for action in actions)
                for key, actions in self._actions_by_key.items()
            }

    def _batch_id(self, prefix: str) -> str:
        return f"{prefix}-{self._seed:08x}-0000-4000-8000-{self.next_serial():012x}"


def _hide(record: Submission | Action, at: datetime) -> None:
    record.is_visible = False
