"""
What should be at impact.com in the end, told from what happened at the brand and from what impact.com really did.

Written from the rules alone; it shares no code with the pipeline, reads none of its tables, and of impact.com only the
truth behind its API: what arrived there, what became of it, what others did. Where impact.com itself stands in the way
(it rejects, it never ends, somebody there reversed or locked), that is an excuse, and each excuse is counted.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from urllib.parse import parse_qsl, urlencode

from impact_pipeline.simulator.impact import Program
from impact_pipeline.simulator.impact.records import Action, FileSubmission, State, Submission, SubmissionType
from impact_pipeline_tests.proof.business import DEDUP_DAYS, PARENTS, Business, Poison, Subject, Values

CORRECTIONS_MAXIMUM = 5
_OF_ITEMS = {
    "Sku": "ItemSku",
    "Category": "ItemCategory",
    "Quantity": "ItemQuantity",
    "Name": "ItemName",
    "Amount": "ItemSubTotal",
}


@dataclass(frozen=True, kw_only=True)
class Truth:
    """
    What impact.com has of one subject.

    Args:
        conversions: recorded reports by OrderId; one for each time that the subject was to be reported.
        actions: all of them, the oldest first; changes: recorded modifications and reversals of these.
    """

    conversions: dict[str, list[Submission]]
    actions: list[Action]
    changes: list[Submission]

    @property
    def live(self) -> list[Action]:
        return [action for action in self.actions if action.state is not State.REVERSED]

    @property
    def newest(self) -> Submission | None:
        found = [one for submissions in self.conversions.values() for one in submissions]
        return max(found, key=lambda one: (one.submitted_at, one.batch_id), default=None)


@dataclass(kw_only=True)
class Judgement:
    """
    What the oracle says of an episode.

    Args:
        wrong: what must not be, in words.
        strict: subjects that impact.com shows as it must; excused: how often each excuse was needed for another.
        deviating: OrderIds of subjects that impact.com does not show as the brand has them, excused or not.
        shown: OrderIds of subjects of which everybody can see that impact.com shows them as the brand has them.
    """

    wrong: list[str] = field(default_factory=list)
    strict: int = 0
    excused: Counter[str] = field(default_factory=Counter)
    deviating: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)


def judge(
    business: Business,
    program: Program,
    acts: Sequence[tuple[str, str]],
    taken: Sequence[tuple[FileSubmission, str]],
    now: datetime,
    unreadable_since: datetime | None = None,
) -> Judgement:
    """
    Compare what impact.com has with what the brand has.

    Args:
        acts: what others did at impact.com: what, and to which action.
        taken: files that impact.com took, with their text.
        now: the time on impact.com's clock.
        unreadable_since: when it began to forbid reading, for some time; None: it never did.
    """
    judgement = Judgement()
    truths = _truths(business, program, taken)
    reversed_there = {action_id for act, action_id in acts if act == "reverse"}
    for subject in business.subjects:
        truth = truths[subject.number]
        repeated, forgotten = _repeated(subject, truth, unreadable_since)
        judgement.wrong += repeated
        if forgotten:
            judgement.excused["rejected, forgotten there, reported again"] += forgotten
        judgement.wrong += _altered(subject, truth)
        judgement.wrong += _too_early(subject, truth, business, truths)
        if subject.is_won and subject.absorbed is not None:
            # Judged with what was merged into it.
            continue
        wrong = _difference(subject, truth) if subject.merged_into is None else _merged(subject, truths)
        if not wrong:
            judgement.strict += 1
            if truth.live and subject.merged_into is None and all(action.is_visible for action in truth.actions):
                judgement.shown.add(subject.order_id)
            continue
        reported, survivor = subject, subject.merged_into
        excuse = _excuse(subject, truth, business, truths, reversed_there, now)
        if survivor is not None:
            reported = subject if truth.conversions else survivor
            excuse = excuse or _excuse(survivor, truths[survivor.number], business, truths, reversed_there, now)
        # Of a hidden one nobody sees that it was reversed, and it may have been seen before.
        if all(action.is_visible for action in truths[reported.number].actions if action.state is State.REVERSED):
            judgement.deviating.add(reported.order_id)
        if excuse:
            judgement.excused[excuse] += 1
        else:
            judgement.wrong.append(f"{subject.order_id}: {wrong}")
    return judgement


def shown(subject: Subject) -> Values | None:
    """What impact.com should show of the subject in the end; None: nothing."""
    return subject.values if subject.is_there else None


def _truths(business: Business, program: Program, taken: Sequence[tuple[FileSubmission, str]]) -> dict[int, Truth]:
    conversions: dict[str, list[Submission]] = defaultdict(list)
    changes: dict[str, list[Submission]] = defaultdict(list)
    in_files = [one for file, text in taken for one in _in_file(program, file, text)]
    for submission in [*program.submissions.values(), *in_files]:
        if submission.type is SubmissionType.CONVERSION:
            conversions[submission.parameters["OrderId"]].append(submission)
        else:
            changes[submission.parameters.get("ActionId", "")].append(submission)
    actions: dict[str, list[Action]] = defaultdict(list)
    for action in program.actions:
        actions[action.order_id].append(action)
    truths = {}
    for subject in business.subjects:
        keys = {key: conversions[key] for key in sorted(conversions) if _is_of(subject, key)}
        mine = [action for key in sorted(actions) if _is_of(subject, key) for action in actions[key]]
        mine.sort(key=lambda action: action.created_at)
        truths[subject.number] = Truth(
            conversions=keys, actions=mine, changes=[one for action in mine for one in changes[action.id]]
        )
    return truths


def _in_file(program: Program, file: FileSubmission, text: str) -> list[Submission]:
    """The conversions of a file as if each had been a request; the lines of one order stand together."""
    refusals = {error.parameters["OrderId"]: error.refusal for error in file.errors}
    found = []
    for order_id, lines in groupby(csv.DictReader(io.StringIO(text)), key=lambda line: line["OrderId"]):
        rows = [{name: value for name, value in line.items() if value} for line in lines]
        given = {name: value for name, value in rows[0].items() if name not in _OF_ITEMS}
        if "Sku" in rows[0]:
            given |= {f"{_OF_ITEMS[name]}{n}": row[name] for n, row in enumerate(rows, 1) for name in _OF_ITEMS}
        event_type = program.event_types[int(given.pop("ActionTrackerId"))]
        found.append(
            Submission(
                batch_id=file.batch_id,
                type=SubmissionType.CONVERSION,
                parameters=given,
                payload=urlencode(given | {"EventTypeCode": event_type.code}),
                submitted_at=file.submitted_at,
                started_at=file.started_at,
                completes_at=file.completes_at,
                event_type=event_type,
                refusal=refusals.get(order_id),
            )
        )
    return found


def _is_of(subject: Subject, order_id: str) -> bool:
    stem, _, entry = order_id.partition(f"{subject.order_id}_")
    return order_id == subject.order_id or (not stem and entry.isdigit())


def _repeated(subject: Subject, truth: Truth, unreadable_since: datetime | None) -> tuple[list[str], int]:
    """
    V-2: no key is reported twice, whether or not impact.com would notice; never two live actions.

    Where impact.com forbade to read, it may be told the same once more in half of the time in which it takes no second
    report.

    Returns:
        What is wrong, and how many keys were reported again although impact.com keeps nothing of the reports before:
        it rejected them, and has forgotten their records.
    """
    wrong, forgotten = [], 0
    for order_id, found in truth.conversions.items():
        *earlier, last = sorted(found, key=lambda one: one.submitted_at)
        is_within = earlier and last.submitted_at < earlier[0].submitted_at + timedelta(
            days=DEDUP_DAYS[subject.kind] / 2
        )
        if is_within and unreadable_since is not None and unreadable_since < last.submitted_at:
            continue
        if earlier and all(not one.is_visible and not one.action_id for one in earlier):
            forgotten += 1
        elif earlier:
            wrong.append(f"{order_id} was reported {len(found)} times")
    if len(truth.live) > 1:
        wrong.append(f"{subject.order_id} has {len(truth.live)} live actions")
    return wrong, forgotten


def _altered(subject: Subject, truth: Truth) -> list[str]:
    """What arrived is what the brand had at some time, and nothing was reported that was never to be."""
    wrong = []
    wanted = [moment.values for moment in subject.history if moment.is_there]
    # What a request is refused for at the door, a file takes in.
    poison = {"CurrencyCode": "usd"} if subject.poison is Poison.DOOR else {}
    forms = [_form(values) | poison for values in wanted]
    for order_id, submissions in truth.conversions.items():
        for submission in submissions:
            given = dict(parse_qsl(submission.payload, strict_parsing=True))
            expected = {
                "CampaignId": "4711",
                "EventTypeCode": str(subject.kind),
                "OrderId": order_id,
                "CustomerId": subject.customer,
                **({"ClickId": subject.click_id} if subject.click_id else {}),
            }
            rest = {name: value for name, value in given.items() if name not in expected and name != "EventDate"}
            if any(given.get(name) != value for name, value in expected.items()) or rest not in forms:
                wrong.append(f"{order_id} arrived with other parameters than the brand ever had: {rest}")
            if subject.poison is Poison.NONE and not _may_have_happened(subject, given["EventDate"]):
                wrong.append(f"{order_id} arrived with another time: {given['EventDate']}")
    amounts = {values.amount for values in wanted} | {Decimal(0), None}
    wrong += [
        f"{action.order_id} shows {action.amount}, which the brand never had"
        for action in truth.actions
        if action.amount not in amounts
    ]
    return wrong


def _may_have_happened(subject: Subject, event_date: str) -> bool:
    """When it came; or where it was gone in between, later: how much later, only a record with a history tells."""
    came = f"{subject.happened_at:%Y-%m-%dT%H:%M:%SZ}"
    return event_date == came or (event_date > came and any(not moment.is_there for moment in subject.history))


def _form(values: Values) -> dict[str, str]:
    """The money of a conversion in impact.com's parameters."""
    if values.amount is None:
        return {}
    if not values.lines:
        return {"CurrencyCode": "USD", "OrderSubTotalPostDiscount": f"{values.amount:.2f}"}
    form = {"CurrencyCode": "USD"}
    for number, line in enumerate(values.lines, start=1):
        form |= {
            f"ItemSku{number}": line.sku,
            f"ItemName{number}": f"{line.sku} & more",
            f"ItemCategory{number}": "Software",
            f"ItemQuantity{number}": str(line.quantity),
            f"ItemSubTotal{number}": f"{line.total:.2f}",
        }
    return form


def _too_early(subject: Subject, truth: Truth, business: Business, truths: dict[int, Truth]) -> list[str]:
    """V-5, seen from impact.com: no child found no parent there because it came before it."""
    wrong = []
    for order_id, submissions in truth.conversions.items():
        for submission in submissions:
            if submission.refusal is None or submission.refusal.reason != "ACTION_REF_NOT_FOUND":
                continue
            for parent in _parents(subject, business):
                known_first = _came(parent) < _came(subject)
                late = [one for one in truths[parent.number].actions if one.created_at > submission.submitted_at]
                if known_first and late and late[0] is truths[parent.number].actions[0]:
                    wrong.append(f"{order_id} was reported before its parent {parent.order_id} was there")
    return wrong


def _came(subject: Subject) -> datetime:
    """When it was first to be there."""
    return min((moment.at for moment in subject.history if moment.is_there), default=datetime.max.replace(tzinfo=UTC))


def _parents(subject: Subject, business: Business) -> list[Subject]:
    return [one for one in business.subjects if one.customer == subject.customer and one.kind in PARENTS[subject.kind]]


def _difference(subject: Subject, truth: Truth) -> str:
    """How impact.com's picture of a subject differs from the brand's; empty where it does not."""
    wanted, live = shown(subject), truth.live
    if wanted is None:
        return f"is to be gone, and {live[0].id} is live" if live else ""
    if not live:
        return "is to be there, and no action is live"
    if wanted.amount is not None and live[-1].amount != wanted.amount:
        return f"is to show {wanted.amount}, and {live[-1].id} shows {live[-1].amount}"
    return ""


def _merged(loser: Subject, truths: dict[int, Truth]) -> str:
    """
    How impact.com's picture of a lead that was merged away differs from what the rules ask; empty where it does not.

    What was reported of it stays and counts for the survivor (F9 to F11); what nobody had seen by then is not reported.
    """
    survivor, truth = loser.merged_into, truths[loser.number]
    assert survivor is not None
    if not loser.is_won:
        return f"was never won, and {truth.live[0].id} is live" if truth.live else ""
    if truth.conversions and not truth.live:
        return "was reported and merged away, and no action is live"
    if not survivor.is_won:
        return ""
    live = [*truth.live, *truths[survivor.number].live]
    if not live:
        return f"is part of {survivor.order_id}, and no action of either is live"
    if len(live) > 1 and not survivor.history[0].is_there:
        return f"was reported before it became part of {survivor.order_id}, and that was reported, too"
    return ""


def _excuse(
    subject: Subject,
    truth: Truth,
    business: Business,
    truths: dict[int, Truth],
    reversed_there: set[str],
    now: datetime,
) -> str:
    """Why impact.com may differ from the brand without any fault of ours; empty where it may not."""
    newest = truth.newest
    if truth.live:
        action = truth.live[-1]
        if not action.is_visible:
            return "action hidden"
        if action.is_locked(now):
            return "action locked"
        if any(one.refusal is not None or one.completes_at is None for one in truth.changes):
            return "change rejected or never ended"
        if len(truth.changes) >= CORRECTIONS_MAXIMUM:
            return "too many corrections"
        return ""
    if subject.poison is Poison.DOOR:
        return "refused at the door"
    if any(action.id in reversed_there for action in truth.actions):
        return "reversed there by a person"
    if newest is None:
        return "parent in the way" if _is_in_the_way(subject, business, truths) else ""
    if newest.refusal is not None:
        return f"rejected: {newest.refusal.reason}"
    if newest.completes_at is None:
        return "never ended"
    if any(not action.is_visible for action in truth.actions):
        return "action hidden"
    if any(one.refusal is not None or one.completes_at is None for one in truth.changes):
        return "change rejected or never ended"
    return ""


def _is_in_the_way(subject: Subject, business: Business, truths: dict[int, Truth]) -> bool:
    """A parent that impact.com refused at the door, and no click that would let the child go without it."""
    return subject.click_id is None and any(
        parent.poison is Poison.DOOR or _is_in_the_way(parent, business, truths)
        for parent in _parents(subject, business)
    )
