"""The shape of a user's own cases of a mapping: YAML files in the folder `tests` of a configuration."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from impact_pipeline.config.models import Duration

FOLDER = "tests"
_VERDICT = r"^(send|correct|skip|hold)( [a-z_]+( [A-Za-z0-9_]+)?)?$"
_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}


def _expected(value: object) -> object:
    if isinstance(value, str) and re.match(_VERDICT, value):
        return value
    if isinstance(value, dict) and list(value) == ["send"] and isinstance(value["send"], dict):
        wrong = [name for name, each in value["send"].items() if not isinstance(each, (str, int, Decimal, bool))]
        if wrong:
            raise ValueError(f"{wrong[0]} is no single value")
        return value
    raise ValueError("write send: with the parameters behind it, or send, or skip or hold with a code behind it")


Expected = Annotated[
    Any,
    BeforeValidator(_expected),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": _VERDICT},
                {
                    "type": "object",
                    "properties": {"send": {"type": "object", "additionalProperties": _SCALAR}},
                    "required": ["send"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Case(_Model):
    """A record in, and what each event makes of it."""

    record: dict[str, Any] = Field(
        description="Fields of the record as it is; a mapping is the record that a relationship leads to."
    )
    before: dict[str, Any] | None = Field(
        default=None, description="Fields that had another value before; left out: the record is new."
    )
    lines: tuple[dict[str, Any], ...] = Field(default=(), description="The lines of the record.")
    first_lead: dict[str, Any] | None = Field(default=None, description="The Lead that was converted into the record.")
    primary_contact: dict[str, Any] | None = Field(
        default=None, description="The Contact that has the primary role in the opportunity."
    )
    at: AwareDatetime = Field(
        default=datetime(2026, 11, 20, 10, tzinfo=UTC),
        description="When the record was made or changed, such as 2026-11-20T10:00:00Z.",
    )
    decided_after: Duration = Field(
        default=timedelta(hours=1), description="How much later it is decided about, such as 5m or 1h."
    )
    then: dict[str, Expected] = Field(
        description="What becomes of which event: send with its parameters, or skip or hold with its code."
    )


class CaseFile(_Model):
    """tests/*.yaml: cases of one object."""

    object: str = Field(description="API name of the Salesforce object that the cases are about.")
    types: dict[str, dict[str, str]] = Field(
        default={}, description="Object, custom field and its type (double 18,2, date ...), where no value tells it."
    )
    cases: dict[str, Case] = Field(min_length=1, description="The cases, each under a sentence of its own.")
