"""Serves an ASGI application on loopback from a thread of this process, on a port of its own choice or a given one."""

import socket
import threading
import time
from types import TracebackType

import uvicorn
from starlette.types import ASGIApp

START_SECONDS = 10.0


class LoopbackServer:
    """
    A real HTTP server around `app` on 127.0.0.1; `url` tells where. Use it as a context manager.

    The `Date` header is the application's to send, because simulators tell virtual time.
    """

    def __init__(self, app: ASGIApp, port: int = 0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(app, log_level="error", access_log=False, date_header=False, server_header=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name=f"simulator {self.url}", daemon=True
        )

    def start(self) -> "LoopbackServer":
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(f"the simulator at {self.url} did not start within {START_SECONDS:.0f} s.")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(START_SECONDS)
        self._socket.close()

    def __enter__(self) -> "LoopbackServer":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
