"""The local impact.com as an ASGI application: bytes in, bytes out, and connections that break when a fault says so."""

import asyncio

from starlette.types import Receive, Scope, Send

from impact_pipeline.simulator.impact.api import ImpactApi
from impact_pipeline.simulator.impact.control import PREFIX, control
from impact_pipeline.simulator.impact.exchange import Request
from impact_pipeline.simulator.impact.faults import Answer, Ending, Faults
from impact_pipeline.simulator.impact.program import Program


def impact_app(program: Program, faults: Faults | None = None) -> "ImpactApp":
    """The application of one program; serve it with LoopbackServer. `.api` gives counts and limits."""
    return ImpactApp(ImpactApi(program, faults))


class ImpactApp:
    """An ASGI application around an ImpactApi, to be served by uvicorn without middleware in between."""

    def __init__(self, api: ImpactApi) -> None:
        self.api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        request = Request(
            method=scope["method"],
            path=scope["raw_path"].decode("ascii"),
            query=scope["query_string"].decode("ascii"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=await _body(receive),
        )
        answer = control(self.api, request) if request.path.startswith(PREFIX) else self.api.handle(request)
        if answer.delay_ms:
            await asyncio.sleep(answer.delay_ms / 1000)
        await _deliver(answer, receive, send)


async def _deliver(answer: Answer, receive: Receive, send: Send) -> None:
    if answer.ending is Ending.SILENT:
        await _wait_for_hang_up(receive, answer.silent_seconds)
    if answer.ending in (Ending.SILENT, Ending.DROPPED):
        await _hang_up(receive, send)
        return
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.ending is Ending.CUT:
        half = answer.body[: len(answer.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await _hang_up(receive, send)
        return
    await send({"type": "http.response.body", "body": answer.body})


async def _hang_up(receive: Receive, send: Send) -> None:
    """
    Close the connection as it stands, and wait until uvicorn has noticed: it would otherwise answer with a 500.

    ASGI has no message for this. uvicorn's `send` is a method of the object that holds the connection's transport.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("connections can't be broken here: serve the simulator by uvicorn, without middleware.")
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _wait_for_hang_up(receive: Receive, seconds: float) -> None:
    """Return when the client has given up, at the latest after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


async def _body(receive: Receive) -> bytes:
    message = await receive()
    parts = [message.get("body", b"")]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
