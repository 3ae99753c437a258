"""
Takes the pictures of docs/images from a running `impact-pipeline dev --simulators`, in headless Chromium.

    python -m impact_pipeline_tests.screenshots http://127.0.0.1:3000 docs/images
    python -m impact_pipeline_tests.screenshots file:///tmp/month.html docs/images page

The second takes what `impact-pipeline reconcile --html /tmp/month.html` wrote. Look at each one afterwards, and make
them small with pngquant: no picture is to be larger than 150 kB.
"""

import asyncio
import base64
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

WIDTH, HEIGHT = 1400, 900
_EXPAND = "Alt+E"
_LOOK_SECONDS, _STILL_SECONDS, _PATIENCE_SECONDS = 0.25, 3.0, 90.0
# Picture: page of the UI, what is done there (a text that is clicked, or a key), and what the system prefers.
PICTURES = {
    "graph": ("/asset-groups", (_EXPAND,), "light"),
    "report": ("/assets/reconciliation/report?view=overview", ("[Show Markdown]",), "light"),
    "report-dark": ("/assets/reconciliation/report?view=overview", ("[Show Markdown]",), "dark"),
    "asset-dark": ("/assets/conversions/decision?view=overview", (), "dark"),
    "page": ("", (), "light"),
}
Send = Callable[..., Awaitable[dict[str, Any]]]
_CLICK = """
(() => {
  const found = [...document.querySelectorAll("button, a, span, div")].filter(one => one.innerText === %s).pop();
  if (found) found.click();
  return Boolean(found);
})()
"""

_PRESS = """
document.dispatchEvent(new KeyboardEvent("keydown", {altKey: true, code: "KeyE", key: "e", bubbles: true}))
"""


async def take(base: str, folder: Path, names: list[str]) -> None:
    """Write the named pictures as PNG files into the folder."""
    with tempfile.TemporaryDirectory() as profile:
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
        with subprocess.Popen(
            ["chromium", *arguments, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank"],
            stderr=subprocess.PIPE,
            text=True,
        ) as browser:
            try:
                async with connect(_address(browser), max_size=None) as socket:
                    send = _sender(socket)
                    for name in names:
                        (folder / f"{name}.png").write_bytes(await _picture(send, base, *PICTURES[name]))
                        print(folder / f"{name}.png")
            finally:
                browser.terminate()


def _address(browser: subprocess.Popen[str]) -> str:
    assert browser.stderr is not None
    for line in browser.stderr:
        if "DevTools listening on " in line:
            return line.split("DevTools listening on ")[1].strip()
    raise RuntimeError("chromium ended before it listened.")


def _sender(socket: Any) -> Send:
    """A function that sends one command of the DevTools protocol and waits for its answer."""
    numbers = iter(range(1, 1_000_000))

    async def send(method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        number = next(numbers)
        command = {"id": number, "method": method, "params": params}
        await socket.send(json.dumps(command | ({"sessionId": session} if session else {})))
        while True:
            answer = json.loads(await socket.recv())
            if answer.get("id") == number:
                # Where there is none, the page is between two documents.
                result: dict[str, Any] = answer.get("result", {})
                return result

    return send


async def _picture(send: Send, base: str, path: str, clicks: tuple[str, ...], theme: str) -> bytes:
    target = (await send("Target.createTarget", url="about:blank"))["targetId"]
    session = (await send("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
    await send(
        "Emulation.setDeviceMetricsOverride", session, width=WIDTH, height=HEIGHT, deviceScaleFactor=1, mobile=False
    )
    preferred = [{"name": "prefers-color-scheme", "value": theme}]
    await send("Emulation.setEmulatedMedia", session, features=preferred)
    await send("Page.enable", session)
    await send("Page.navigate", session, url=base + path)
    picture = await _settled(send, session)
    for text in clicks:
        done = _PRESS if text == _EXPAND else _CLICK % json.dumps(text)
        await send("Runtime.evaluate", session, expression=done)
        picture = await _settled(send, session)
    await send("Target.closeTarget", targetId=target)
    return picture


async def _settled(send: Send, session: str) -> bytes:
    """
    The picture of the page once it has stood still for `_STILL_SECONDS`: the UI polls for ever, and never says that it
    is done. Raises TimeoutError where it never stands still.
    """
    deadline, newest, since = time.monotonic() + _PATIENCE_SECONDS, "", time.monotonic()
    while True:
        shot = (await send("Page.captureScreenshot", session, format="png")).get("data", "")
        now = time.monotonic()
        if shot != newest:
            newest, since = shot, now
        elif shot and now - since >= _STILL_SECONDS:
            return base64.b64decode(newest)
        if now > deadline:
            raise TimeoutError(f"the page was still changing after {_PATIENCE_SECONDS:.0f} s.")
        await asyncio.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1], Path(sys.argv[2]), sys.argv[3:] or [name for name in PICTURES if name != "page"]))
