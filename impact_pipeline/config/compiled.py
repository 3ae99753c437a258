"""What a configuration means: its files parsed, every template a tree and every condition checked."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from impact_pipeline.config.expressions import STARTS, Expression, FieldPath
from impact_pipeline.config.history import HistorySource
from impact_pipeline.config.models import Event, ObjectFile, Pipeline
from impact_pipeline.config.templates import Template, paths

LINES = "items"  # in `updated` and `changed` it stands for the lines, as if they were a field
# Read where the org has them, to tell a renamed stage or status from 40,000 changes.
VALUE_LISTS = {"Opportunity": ("StageName", "OpportunityStage"), "Lead": ("Status", "LeadStatus")}
# It tells the primary contact of an opportunity.
ROLES = "OpportunityContactRole"
# Their first Lead may have been converted into the account only.
_BELONG_TO_ACCOUNTS = ("Contact", "Opportunity")


@dataclass(frozen=True, kw_only=True)
class RuleConfig:
    """
    One line of `after`, parsed.

    Args:
        do: modify, reverse or approve.
        code: impact.com's reason or disposition code, as it is sent.
    """

    changed: tuple[str, ...]
    deleted: bool
    when: Expression | None
    do: str
    code: str


@dataclass(frozen=True, kw_only=True)
class ItemsConfig:
    """
    The lines of a sale, parsed.

    Args:
        parent: field of the line that refers to the record.
        amount: template over the record: what the lines add up to.
        parameters: item parameter → template over the line.
    """

    object: str
    parent: str
    wait_seconds: float
    amount: Template
    parameters: dict[str, Template]


@dataclass(frozen=True, kw_only=True)
class EventConfig:
    """An event of an object, parsed. `conversion` maps order parameters to templates over the record."""

    name: str
    declared: Event
    when: Expression | None
    histories: tuple[HistorySource, ...]
    conversion: dict[str, Template]
    items: ItemsConfig | None
    rules: tuple[RuleConfig, ...]


@dataclass(frozen=True, kw_only=True)
class ObjectConfig:
    """One object file, parsed; `file` is its name in messages."""

    name: str
    file: str
    declared: ObjectFile
    scope: Expression | None
    consent: Expression | None
    customer_id: tuple[Template, ...]
    events: dict[str, EventConfig]

    def record_paths(self) -> Iterator[FieldPath]:
        """Every path from the record that a template or a condition reads, repetitions included."""
        for expression in self._expressions():
            yield from expression.paths()
        for template in self._templates():
            yield from paths(template)

    def _expressions(self) -> Iterator[Expression]:
        of_events = [(event.when, *(rule.when for rule in event.rules)) for event in self.events.values()]
        for expression in (self.scope, self.consent, *(each for several in of_events for each in several)):
            if expression is not None:
                yield expression

    def _templates(self) -> Iterator[Template]:
        yield from self.customer_id
        for event in self.events.values():
            yield from event.conversion.values()
            if event.items is not None:
                yield event.items.amount


@dataclass(frozen=True, kw_only=True)
class Config:
    """
    The whole configuration.

    Args:
        hash: SHA-256 over the canonical content, hex; comments and the order of keys don't count.
        canonical: the content as JSON.
        warnings: what is allowed and yet worth knowing.
    """

    folder: Path
    pipeline: Pipeline
    objects: dict[str, ObjectConfig]
    hash: str
    canonical: str
    warnings: tuple[str, ...] = ()

    def lines(self) -> dict[str, tuple[str, str]]:
        """Object → (object of its lines, their field that refers to it)."""
        return {
            name: (event.items.object, event.items.parent)
            for name, about in self.objects.items()
            for event in about.events.values()
            if event.items is not None
        }

    def capture_filter(self, object_name: str) -> str | None:
        """The SOQL condition that the records of an object have to meet."""
        about = self.objects.get(object_name)
        return None if about is None else about.declared.capture_filter

    def capture_set(self) -> dict[str, set[str]]:
        """Object → fields and paths (Account.Name) that a cycle has to read; where a path leads, describe tells."""
        wanted: dict[str, set[str]] = {}
        for name, about in self.objects.items():
            mine = wanted.setdefault(name, set())
            for path in about.record_paths():
                (wanted.setdefault(STARTS[path.start], set()) if path.start else mine).add(path.dotted)
                if path.start == "first_lead" and name in _BELONG_TO_ACCOUNTS:
                    mine.add("AccountId")
                if path.start == "primary_contact":
                    wanted.setdefault(ROLES, set()).update(("OpportunityId", "ContactId", "IsPrimary"))
            mine |= self.watched_fields(name)
            for event in about.events.values():
                mine |= set(event.declared.once_per)
                mine |= {event.declared.refund_of} if event.declared.refund_of else set()
                for history in event.histories:
                    wanted.setdefault(history.object, set())
                if event.items is not None:
                    lines = wanted.setdefault(event.items.object, set())
                    lines.add(event.items.parent)
                    lines |= {path.dotted for path in _line_paths(event)}
            if name in VALUE_LISTS:
                wanted.setdefault(VALUE_LISTS[name][1], set())
        return wanted

    def optional_objects(self) -> set[str]:
        """Objects whose absence in the org is no error."""
        return {source for _, source in VALUE_LISTS.values()}

    def optional_paths(self) -> dict[str, set[str]]:
        """Object → paths that an org may do without: everywhere they are read with a question mark."""
        optional: dict[str, set[str]] = {}
        needed: dict[str, set[str]] = {name: set(self.watched_fields(name)) for name in self.objects}
        for name, about in self.objects.items():
            reads = [(STARTS.get(path.start, name), path) for path in about.record_paths()]
            for event in about.events.values():
                needed[name] |= set(event.declared.once_per)
                needed[name] |= {event.declared.refund_of} if event.declared.refund_of else set()
                if event.items is not None:
                    reads += [(event.items.object, path) for path in _line_paths(event)]
            for owner, path in reads:
                (optional if path.optional else needed).setdefault(owner, set()).add(path.dotted)
        return {owner: rest for owner, dotted in optional.items() if (rest := dotted - needed.get(owner, set()))}

    def watched_fields(self, object_name: str) -> frozenset[str]:
        """Fields of an object whose change triggers or corrects; a formula among them needs `full_reread`."""
        events = self.objects[object_name].events.values()
        triggers = {field for event in events for field in event.declared.updated}
        corrections = {field for event in events for rule in event.rules for field in rule.changed}
        return frozenset((triggers | corrections) - {LINES})

    def compared_by_stamp(self) -> dict[str, frozenset[str]]:
        """Object → watched fields that only a moved SystemModstamp brings: no full reading does. No formulas, then."""
        return {
            name: self.watched_fields(name)
            for name, about in self.objects.items()
            if about.declared.full_reread is None
        }


def _line_paths(event: EventConfig) -> Iterator[FieldPath]:
    if event.items is not None:
        for template in event.items.parameters.values():
            yield from paths(template)
