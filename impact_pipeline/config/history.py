"""The history objects of Salesforce that tell which values a field passed through between two captures."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class HistorySource:
    """
    Where the passages of one field are told.

    Args:
        object: API name of the history object.
        parent: its field that refers to the record.
        field: the field of the record whose values it tells.
        value: its column that holds the value entered.
        old_value: its column with the value left; None where each row is a state of the record (OpportunityHistory).
        overlay: fields of the record that a row holds as they were then.
    """

    object: str
    parent: str
    field: str
    value: str
    old_value: str | None
    overlay: tuple[str, ...]


STAGES = HistorySource(
    object="OpportunityHistory",
    parent="OpportunityId",
    field="StageName",
    value="StageName",
    old_value=None,
    overlay=("StageName", "Amount", "ExpectedRevenue", "CloseDate", "Probability"),
)


def field_history(object_name: str, field: str) -> HistorySource:
    """Source of a field with field history tracking: LeadHistory, OpportunityFieldHistory, Foo__History."""
    custom = object_name.endswith("__c")
    # The plain name is taken by the history of stages and amounts.
    standard = "OpportunityFieldHistory" if object_name == "Opportunity" else f"{object_name}History"
    return HistorySource(
        object=f"{object_name[:-3]}__History" if custom else standard,
        parent="ParentId" if custom else f"{object_name}Id",
        field=field,
        value="NewValue",
        old_value="OldValue",
        overlay=(field,),
    )


def sources(object_name: str, kind: str | None, fields: tuple[str, ...]) -> tuple[HistorySource, ...]:
    """What an event's `history:` asks for: stages of opportunities, or the field history of what it watches."""
    if kind is None:
        return ()
    if kind == "stages":
        return (STAGES,)
    return tuple(field_history(object_name, field) for field in fields if field != "items")
