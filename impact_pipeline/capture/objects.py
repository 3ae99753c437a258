"""
Which objects and fields a cycle reads: what the config asks for, met with what describe lists. Pure.

A path (Account.Name, Foo__r.Tier__c) is followed through the reference fields; the objects at its end are captured with
windows of their own, since a parent's change never moves the stamp of the child.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from impact_pipeline.capture.fields import Description, Field

# Read wherever they are listed: identity, time, and what tells of deletions, merges and conversions.
ALWAYS = (
    "Id",
    "CreatedDate",
    "LastModifiedDate",
    "SystemModstamp",
    "IsDeleted",
    "MasterRecordId",
    "CurrencyIsoCode",
)
ALWAYS_OF: Mapping[str, tuple[str, ...]] = {
    "Lead": ("IsConverted", "ConvertedDate", "ConvertedAccountId", "ConvertedContactId", "ConvertedOpportunityId"),
    "Opportunity": ("LastStageChangeDate", "HasOpportunityLineItem"),
    "OpportunityHistory": (
        "OpportunityId",
        "StageName",
        "Amount",
        "ExpectedRevenue",
        "CloseDate",
        "Probability",
        "ForecastCategory",
    ),
    "OpportunityStage": ("ApiName", "MasterLabel", "IsActive", "IsClosed", "IsWon", "SortOrder", "DefaultProbability"),
    "LeadStatus": ("ApiName", "MasterLabel", "IsConverted", "IsDefault", "SortOrder"),
    "OpportunityLineItem": ("OpportunityId", "SortOrder"),
}
HISTORY_FIELDS = ("Field", "OldValue", "NewValue")
# A queue can own a record too, but has no fields that a mapping could want.
_PREFERRED_TARGET = "User"


@dataclass(frozen=True, kw_only=True)
class ObjectPlan:
    """
    One object to read.

    Args:
        fields: the captured fields, Id first, then in order of name.
        missing: wanted names and paths that describe doesn't list, or whose type isn't captured.
        skipped: the latter: name or path → type.
    """

    description: Description
    fields: tuple[Field, ...]
    missing: tuple[str, ...]
    skipped: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.description.name

    @property
    def field_names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)


def plan_objects(wanted: Mapping[str, Iterable[str]], describe: Callable[[str], Description]) -> dict[str, ObjectPlan]:
    """
    What to read of which object, in the order in which parents are found.

    Args:
        wanted: object → names of fields and paths through references.
        describe: asked once for each object.

    Returns:
        Object name → plan. A path that ends nowhere is `missing` in the object that it starts from.
    """
    described: dict[str, Description] = {}
    chosen: dict[str, set[str]] = {}
    missing: dict[str, set[str]] = {}
    skipped: dict[str, dict[str, str]] = {}
    open_paths = [(name, name, path, path) for name, paths in wanted.items() for path in ("Id", *sorted(paths))]
    while open_paths:
        origin, at, path, whole = open_paths.pop(0)
        if at not in described:
            described[at] = describe(at)
            chosen[at], missing[at] = set(), set()
            chosen[at].update(_always(described[at]))
        head, _, rest = path.partition(".")
        if not rest:
            spelled = described[at].spelled(head)
            (missing[origin].add(whole) if spelled is None else chosen[at].add(spelled))
            if kind := described[at].skipped_type(head):
                skipped.setdefault(origin, {})[whole] = kind
            continue
        reference = described[at].reference_named(head)
        target = None if reference is None else target_of(reference)
        if reference is None or target is None:
            missing[origin].add(whole)
            continue
        chosen[at].add(reference.name)
        open_paths.append((origin, target, rest, whole))
    return {
        name: ObjectPlan(
            description=about,
            fields=tuple(about.fields[field] for field in sorted(chosen[name], key=lambda f: (f != "Id", f))),
            missing=tuple(sorted(missing[name])),
            skipped=skipped.get(name, {}),
        )
        for name, about in described.items()
    }


def is_history(object_name: str) -> bool:
    """Whether its rows tell what became of another object's records: OpportunityHistory, LeadHistory, Foo__History."""
    return object_name.endswith("History")


def history_parent(history_object: str) -> str:
    """The field of a history object that refers to the record: LeadHistory → LeadId, Foo__History → ParentId."""
    return "ParentId" if history_object.endswith("__History") else f"{history_object.removesuffix('History')}Id"


def _always(about: Description) -> set[str]:
    names = {*ALWAYS, *ALWAYS_OF.get(about.name, ())}
    if is_history(about.name) and about.name != "OpportunityHistory":
        names |= {*HISTORY_FIELDS, history_parent(about.name)}
    return {name for name in names if name in about.fields}


def target_of(reference: Field) -> str | None:
    """The object that paths follow a reference to; None where it leads to several that have nothing in common."""
    if len(reference.reference_to) == 1:
        return reference.reference_to[0]
    return _PREFERRED_TARGET if _PREFERRED_TARGET in reference.reference_to else None


# What a relationship of a standard object leads to; custom ones follow from their names.
_STANDARD_TARGETS: Mapping[str, str] = {
    "account": "Account",
    "campaign": "Campaign",
    "contact": "Contact",
    "convertedaccount": "Account",
    "convertedcontact": "Contact",
    "convertedopportunity": "Opportunity",
    "createdby": "User",
    "lastmodifiedby": "User",
    "manager": "User",
    "opportunity": "Opportunity",
    "owner": "User",
    "pricebook2": "Pricebook2",
    "pricebookentry": "PricebookEntry",
    "primarycampaign": "Campaign",
    "product2": "Product2",
    "recordtype": "RecordType",
    "reportsto": "Contact",
}


def expected_objects(wanted: Mapping[str, Iterable[str]]) -> list[str]:
    """
    The objects that a cycle will read, as far as names tell it without asking Salesforce, sorted.

    A cycle may find that a custom relationship leads elsewhere than its name says; describe decides then.
    """
    names = set(wanted)
    for start, fields in wanted.items():
        for path in fields:
            at = start
            for step in path.split(".")[:-1]:
                at = _expected_target(step, at)
                names.add(at)
    return sorted(names)


def _expected_target(relationship: str, at: str) -> str:
    if relationship.lower() in ("parent", "masterrecord"):
        return at
    if relationship.lower().endswith("__r"):
        return f"{relationship[:-3]}__c"
    return _STANDARD_TARGETS.get(relationship.lower(), relationship)
