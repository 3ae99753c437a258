"""
What happens at the brand: customers that qualify, negotiate and buy, and everything that later becomes of a deal.

The truth of an episode before any pipeline: who must be reported, and with which values. Knows neither tables nor
impact.com.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from random import Random


class Kind(StrEnum):
    """What can be reported of a customer, in the order of the funnel."""

    LEAD = "Lead_Qualified"
    DEAL = "Opportunity_Negotiation"
    SALE = "Opportunity_Closed Won"


PARENTS = {Kind.LEAD: (), Kind.DEAL: (Kind.LEAD,), Kind.SALE: (Kind.LEAD, Kind.DEAL)}
# How long impact.com takes no second report of one key; 0: it does not say.
DEDUP_DAYS = {Kind.LEAD: 0, Kind.DEAL: 0, Kind.SALE: 30}
SKUS = ("PLAN-PRO", "SEAT & DESK", "ONBOARD")
# Of all that happens, how much is something new; the rest changes what was there before, often what was changed last.
NEW_RECORDS, SAME_AGAIN = 0.2, 0.5
# In an episode that begins at Salesforce, how much of what is new is still to be won, and of what happens is about two
# records at once, where any are fit for it.
PROSPECTS, UNIONS = 0.4, 0.15


class Poison(StrEnum):
    """What is wrong with a record so that impact.com does not want it."""

    NONE = ""
    # Refused at the door: no ISO 4217 code.
    DOOR = "door"
    # Taken and rejected later: an event in the future.
    LATER = "later"


@dataclass(frozen=True, kw_only=True)
class Line:
    sku: str
    quantity: int
    total: Decimal


@dataclass(frozen=True, kw_only=True)
class Values:
    """The money that a conversion of the subject tells: lines for a sale, an amount for a deal, nothing for a lead."""

    amount: Decimal | None = None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Moment:
    """How the subject stood from `at` on. `is_there`: it is to be shown at impact.com."""

    at: datetime
    is_there: bool
    values: Values


@dataclass(kw_only=True)
class Subject:
    """
    One record that is reported once for each time it is won.

    Attributes:
        is_won, is_deleted: as Salesforce has it now; is_held: its mapping lacks something, and never had it.
        is_prospect: it is neither won nor lost, and never was.
        history: the moments so far, the newest last.
        converted_into: of a lead: the deal that it became; lead: of a deal that names no customer: what tells it.
        merged_into: of a lead: what it is part of now; absorbed: what had been won before it became part of this one.
    """

    number: int
    kind: Kind
    customer: str
    click_id: str | None
    happened_at: datetime
    poison: Poison
    values: Values
    is_won: bool = True
    is_deleted: bool = False
    is_held: bool = False
    is_prospect: bool = False
    history: list[Moment] = field(default_factory=list)
    converted_into: "Subject | None" = None
    lead: "Subject | None" = None
    merged_into: "Subject | None" = None
    absorbed: "Subject | None" = None

    @property
    def record_id(self) -> str:
        return f"{'00Q' if self.kind is Kind.LEAD else '006'}{self.number:012d}AAA"

    @property
    def order_id(self) -> str:
        return f"{self.kind}_{self.record_id}"

    @property
    def is_there(self) -> bool:
        """It is to be shown; where two won ones were merged, it depends on what had been seen which of them is."""
        return self._counts and self.merged_into is None and self.absorbed is None

    @property
    def is_final(self) -> bool:
        """Nothing happens to it any more."""
        return self.converted_into is not None or self.merged_into is not None or self.absorbed is not None

    @property
    def is_steady(self) -> bool:
        """It has always been as it is."""
        return len({moment.is_there for moment in self.history}) == 1

    @property
    def _counts(self) -> bool:
        return self.is_won and not self.is_deleted and not self.is_held

    def note(self, at: datetime) -> None:
        self.history.append(Moment(at=at, is_there=self._counts, values=self.values))


class Business:
    """
    The customers and their records; each call of `happen` is one thing that happens to one of them.

    Args:
        is_whole: told by Salesforce, which has prospects, conversions and merges as well; else some records are such
            that impact.com does not want them.
    """

    def __init__(self, random: Random, *, customers: int, is_whole: bool = False) -> None:
        self._random, self._is_whole = random, is_whole
        self.subjects: list[Subject] = []
        self._changed: Subject | None = None
        # Some customers came without a click of a partner; what is reported of them is credited through parents only.
        self._customers = [
            (f"customer-{n:04d}", f"click-{n}" if n < len(Kind) or random.random() < 0.75 else None)
            for n in range(customers)
        ]

    def launch(self, now: datetime) -> list[str]:
        """One record of each kind, of different customers, with nothing wrong; each in words."""
        return [
            self._add(kind, *customer, now=now)
            for kind, customer in zip(Kind, self._customers[: len(Kind)], strict=True)
        ]

    def happen(self, now: datetime) -> str:
        """One thing, in words."""
        if self._random.random() < NEW_RECORDS or not self.subjects:
            return self.appear(now)
        subject = self._random.choice(self.subjects)
        if self._changed is not None and self._random.random() < SAME_AGAIN:
            subject = self._changed
        # Mostly another amount: what is gone or comes back has no amount that could be told wrong.
        acts = (
            self._amend,
            self._amend,
            self._amend,
            self._amend,
            self._lose,
            self._win_back,
            self._delete,
            self._mend,
        )
        choices = [(act, subject) for act in acts if not subject.is_final and act(subject, False)]
        if self._is_whole and self._random.random() < UNIONS:
            choices = self._unions() or choices
        if not choices:
            return self.appear(now)
        act, subject = self._random.choice(choices)
        self._changed = subject
        said = act(subject, True)
        subject.note(now)
        return f"{subject.order_id}: {said}"

    def mend(self, now: datetime) -> None:
        """Whatever is held is mended."""
        for subject in self.subjects:
            if subject.is_held:
                subject.is_held = False
                subject.note(now)

    def appear(self, now: datetime) -> str:
        """A new record, in words."""
        customer, click_id = self._random.choice(self._customers)
        is_poisoned = self._random.random() < 0.06 and not self._is_whole
        poison = self._random.choice([Poison.DOOR, Poison.LATER]) if is_poisoned else Poison.NONE
        return self._add(
            self._random.choice(list(Kind)),
            customer,
            click_id,
            now=now,
            poison=poison,
            is_held=self._random.random() < 0.1,
            is_prospect=self._is_whole and self._random.random() < PROSPECTS,
        )

    def _add(
        self,
        kind: Kind,
        customer: str,
        click_id: str | None,
        *,
        now: datetime,
        poison: Poison = Poison.NONE,
        is_held: bool = False,
        is_prospect: bool = False,
    ) -> str:
        subject = Subject(
            number=len(self.subjects) + 1,
            kind=kind,
            customer=customer,
            click_id=click_id,
            happened_at=now,
            poison=poison,
            values=self._values(kind),
            is_held=is_held,
            is_won=not is_prospect,
            is_prospect=is_prospect,
        )
        self.subjects.append(subject)
        subject.note(now)
        marks = [f"poisoned ({poison})"] * bool(poison) + ["held"] * is_held + ["to be won"] * is_prospect
        return ", ".join([f"{subject.order_id}: appears for {customer}", *marks])

    def _values(self, kind: Kind) -> Values:
        if kind is Kind.LEAD:
            return Values()
        if kind is Kind.DEAL:
            return Values(amount=self._money())
        skus = self._random.sample(SKUS, self._random.randint(1, 3))
        lines = tuple(Line(sku=sku, quantity=self._random.randint(1, 5), total=self._money()) for sku in sorted(skus))
        return Values(amount=sum((line.total for line in lines), Decimal(0)), lines=lines)

    def _money(self) -> Decimal:
        return Decimal(self._random.randint(100, 999_999)) / 100

    def _amend(self, subject: Subject, act: bool) -> str:
        # Also while it is lost.
        if subject.kind is Kind.LEAD or subject.is_deleted or subject.is_held:
            return ""
        if not act:
            return "can"
        if subject.kind is Kind.DEAL:
            # Now and then back to where it was, so that a correction has nothing to do any more.
            before = subject.history[-2].values if len(subject.history) > 1 and self._random.random() < 0.3 else None
            subject.values = before or Values(amount=self._money())
            return f"now {subject.values.amount}"
        lines = list(subject.values.lines)
        place = self._random.randrange(len(lines))
        if len(lines) > 1 and self._random.random() < 0.4:
            gone = lines.pop(place)
            said = f"{gone.sku} is gone"
        else:
            quantity = self._random.randint(1, 9)
            lines[place] = Line(sku=lines[place].sku, quantity=quantity, total=self._money())
            said = f"{lines[place].sku} now {quantity} for {lines[place].total}"
        subject.values = Values(amount=sum((line.total for line in lines), Decimal(0)), lines=tuple(lines))
        return said

    def _lose(self, subject: Subject, act: bool) -> str:
        if not subject.is_there:
            return ""
        if act:
            subject.is_won = False
        return "is lost"

    def _win_back(self, subject: Subject, act: bool) -> str:
        if subject.is_there or subject.is_held:
            return ""
        said = "is brought back" if subject.is_deleted else "is won" if subject.is_prospect else "is won again"
        if act:
            subject.is_won, subject.is_deleted, subject.is_prospect = True, False, False
        return said

    def _delete(self, subject: Subject, act: bool) -> str:
        if not subject.is_there:
            return ""
        if act:
            subject.is_deleted = True
        return "is deleted"

    def _mend(self, subject: Subject, act: bool) -> str:
        if not subject.is_held:
            return ""
        if act:
            subject.is_held = False
        return "is mended"

    def _unions(self) -> list[tuple[Callable[[Subject, bool], str], Subject]]:
        return [
            (act, subject)
            for subject in self.subjects
            for act in (self._convert, self._merge)
            if not subject.is_final and act(subject, False)
        ]

    def _leads_beside(self, subject: Subject) -> list[Subject]:
        """The other leads of its customer that can be converted or merged."""
        return [
            one
            for one in self.subjects
            if one.kind is Kind.LEAD
            and one.customer == subject.customer
            and one is not subject
            and not (one.is_final or one.is_deleted or one.is_held)
        ]

    def _convert(self, subject: Subject, act: bool) -> str:
        """The deal says whose it is by the lead that became it."""
        leads = self._leads_beside(subject)
        if not leads or subject.kind is Kind.LEAD or not subject.is_held:
            return ""
        if act:
            subject.lead = self._random.choice(leads)
            subject.lead.converted_into, subject.is_held = subject, False
        return "is what a lead is converted into"

    def _merge(self, subject: Subject, act: bool) -> str:
        """Another lead of the customer becomes part of it; it may take that one's Status."""
        losers = [one for one in self._leads_beside(subject) if one.is_steady and (subject.is_steady or not one.is_won)]
        if not losers or subject.kind is not Kind.LEAD or subject.is_deleted or subject.is_held:
            return ""
        if not act:
            return "can"
        loser = self._random.choice(losers)
        loser.merged_into = subject
        said = f"{loser.record_id} is merged into it"
        if loser.is_won:
            subject.absorbed = loser
            if not subject.is_won and self._random.random() < 0.5:
                subject.is_won, subject.is_prospect = True, False
                said += ", which takes its Status"
        return said
