"""The simulated Salesforce behind Starlette: reads the request, lets the site answer in a thread, writes the answer."""

import asyncio
import gzip
import hashlib
import logging
import threading
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from impact_pipeline.simulator.salesforce.faults import SalesforceFaults
from impact_pipeline.simulator.salesforce.oauth import Credentials
from impact_pipeline.simulator.salesforce.org import Org
from impact_pipeline.simulator.salesforce.site import SalesforceSite
from impact_pipeline.simulator.salesforce.wire import CSV, Call, Reply
from impact_pipeline.simulator.timeline import Timeline

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
GZIP_LEVEL = 1
KEPT_BYTES = 1 << 28


def salesforce_app(
    org: Org,
    credentials: Credentials | None = None,
    faults: SalesforceFaults | None = None,
    timeline: Timeline | None = None,
) -> Starlette:
    """
    The org as an ASGI application; `app.state.site` is its SalesforceSite, with the request log and the counts.

    Args:
        timeline: played when somebody moves the clock over HTTP.
    """
    site, pages = SalesforceSite(org, credentials, faults, timeline), _CompressedPages()

    async def endpoint(request: Request) -> Response:
        call = _call(request, await request.body())
        reply = await run_in_threadpool(_finished, site, call, pages)
        if reply.delay_seconds:
            await asyncio.sleep(reply.delay_seconds)
        if reply.cut_at is not None:
            return _CutResponse(reply)
        return _response(reply)

    app = Starlette(routes=[Route("/{path:path}", endpoint, methods=METHODS)])
    app.state.site = site
    return app


def _call(request: Request, body: bytes) -> Call:
    scope = request.scope
    query = scope.get("query_string", b"")
    raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return Call(
        method=request.method,
        path=raw_path.decode("latin-1"),
        params=dict(request.query_params),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        base_url=str(request.base_url).rstrip("/"),
        target_bytes=len(raw_path) + len(query) + 1,
        header_bytes=sum(len(name) + len(value) + 4 for name, value in scope["headers"]),
    )


def _finished(site: SalesforceSite, call: Call, pages: "_CompressedPages") -> Reply:
    """The answer, compressed if the client asked for it; a body that will be cut is left as it is."""
    reply = site.answer(call)
    if "gzip" in call.headers.get("accept-encoding", "") and reply.body and reply.cut_at is None:
        reply.body = pages.of(reply.body) if reply.content_type == CSV else _compressed(reply.body)
        reply.headers["Content-Encoding"] = "gzip"
        reply.headers["Vary"] = "Accept-Encoding"
    return reply


def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, GZIP_LEVEL, mtime=0)


class _CompressedPages:
    """The pages of Bulk results that were compressed last: they are large, and read again and again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[bytes, bytes] = {}

    def of(self, body: bytes) -> bytes:
        digest = hashlib.blake2b(body, digest_size=16).digest()
        with self._lock:
            page = self._known.pop(digest, None)
        page = page or _compressed(body)
        with self._lock:
            self._known[digest] = page
            while len(self._known) > 1 and sum(map(len, self._known.values())) > KEPT_BYTES:
                del self._known[next(iter(self._known))]
        return page


def _response(reply: Reply) -> Response:
    response = Response(reply.body, status_code=reply.status, media_type=None)
    _add_headers(response.headers, reply)
    return response


def _add_headers(headers: MutableHeaders, reply: Reply) -> None:
    if reply.content_type is not None:
        headers["Content-Type"] = reply.content_type
    headers.update(reply.headers)


class _LineCutError(Exception):
    """Raised inside the server to make it drop the connection in the middle of a body."""


class _CutResponse(Response):
    """A body that ends early."""

    def __init__(self, reply: Reply) -> None:
        kept = reply.body[: reply.cut_at]
        super().__init__(kept, status_code=reply.status, media_type=None)
        _add_headers(self.headers, reply)
        self._breaks = not reply.cut_quietly
        if self._breaks:
            self.headers["Content-Length"] = str(len(reply.body))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._breaks:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        raise _LineCutError


class _NoLineCuts(logging.Filter):
    """uvicorn reports an exception that was raised to cut a line; that one is wanted."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], _LineCutError))


logging.getLogger("uvicorn.error").addFilter(_NoLineCuts())
