"""A request as the API sees it: decoded, routed, timed; and the error that ends it early."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from urllib.parse import parse_qsl

from impact_pipeline.simulator.impact.faults import Faults
from impact_pipeline.simulator.impact.form import FieldError
from impact_pipeline.simulator.impact.program import Program


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request: `path` still percent-encoded, header names in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes = b""

    @property
    def is_json(self) -> bool:
        return "json" in self.headers.get("content-type", "")

    def decoded_body(self) -> dict[str, str]:
        """
        The body's parameters, from form encoding or flat JSON.

        Raises:
            RejectedError: the body is neither.
        """
        if not self.body:
            return {}
        try:
            text = self.body.decode("utf-8")
            if not self.is_json:
                return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True))
            values = json.loads(text)
        except ValueError as error:
            raise RejectedError(400, "The body can't be read") from error
        if not isinstance(values, dict) or any(isinstance(value, dict | list) for value in values.values()):
            raise RejectedError(400, "The body must be one flat object")
        return {name: _plain_text(value) for name, value in values.items()}


def _plain_text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


class RejectedError(Exception):
    """The request is answered with an error; `errors` name the fields."""

    def __init__(self, status: int, message: str, *errors: FieldError) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, errors


@dataclass(frozen=True, kw_only=True)
class Call:
    """
    A routed request.

    Args:
        endpoint: the pattern it met, such as `Actions/{ActionId}/Items`; `names` are the values of its braces.
        query, form: the parameters of the address and of the body.
    """

    program: Program
    faults: Faults
    request: Request
    endpoint: str
    names: tuple[str, ...]
    query: Mapping[str, str]
    form: Mapping[str, str]
    now: datetime
