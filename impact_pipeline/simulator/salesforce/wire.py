"""A request and its answer, apart from any HTTP library: the simulated Salesforce can be asked in process too."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json;charset=UTF-8"
HTML = "text/html;charset=utf-8"
CSV = "text/csv; charset=UTF-8"


@dataclass(frozen=True, kw_only=True)
class Call:
    """
    One request.

    `path` is as sent, percent-encoded, because an external Id in it may hold a slash; `params` are decoded; `headers`
    have lower-case names; `base_url` is how the client reached us, without a slash at its end; `target_bytes` and
    `header_bytes` are the sizes on the wire.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base_url: str = "https://maventech.my.salesforce.com"
    target_bytes: int = 0
    header_bytes: int = 0

    def json(self) -> Any:
        """The body as JSON. Raises ApiError (JSON_PARSER_ERROR) where it is none."""
        try:
            return json.loads(self.body or b"null")
        except ValueError as error:
            raise ApiError(400, "JSON_PARSER_ERROR", f"The body is not JSON: {error}") from error


@dataclass(kw_only=True)
class Reply:
    """
    One answer. `delay_seconds`: how long to wait before it. `cut_at`: end the body after so many bytes, and, unless
    `cut_quietly`, break the connection there, as a gateway does.
    """

    status: int = 200
    body: bytes = b""
    content_type: str | None = JSON
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    cut_at: int | None = None
    cut_quietly: bool = False


class ApiError(Exception):
    """A refusal that Salesforce answers with a list of one error."""

    def __init__(self, status: int, code: str, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def reply(self) -> Reply:
        error: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields:
            error["fields"] = list(self.fields)
        return json_reply([error], status=self.status)


def json_reply(value: object, *, status: int = 200) -> Reply:
    return Reply(status=status, body=json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def text_reply(text: str, *, content_type: str = JSON, status: int = 200) -> Reply:
    return Reply(status=status, body=text.encode(), content_type=content_type)
