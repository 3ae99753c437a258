"""
The SFTP folder of a file connection, on loopback: real SFTP, with a host key made at the start.

A file that lies there whole, under a name that does not end in `.part`, is taken by `collect`, as impact.com does from
time to time: at once, or when a test says so.
"""

import asyncio
import threading
from collections.abc import Awaitable
from pathlib import Path
from types import TracebackType

import asyncssh

from impact_pipeline.simulator.impact.program import Program

PART = ".part"


class SftpSite:
    """
    Serves `folder` to the holder of one key until the block ends.

    Args:
        public_key: the only key that is let in, in OpenSSH's form.
        takes_at_once: a file is submitted as soon as it has its name; otherwise it lies there until `collect`.

    Attributes:
        port, host_key: what a client is told.
        logins: how many sessions were let in.
        cut_at: the next transfer ends when so many bytes of a file have come, without a word.
        cut_after_rename: the next connection ends without a word once a file has got its name.
    """

    def __init__(
        self, program: Program, folder: Path, *, user: str, public_key: str, takes_at_once: bool = True
    ) -> None:
        self.program, self.folder, self.user, self.takes_at_once = program, folder, user, takes_at_once
        self.logins = 0
        self.cut_at: int | None = None
        self.cut_after_rename = False
        self._allowed = asyncssh.import_public_key(public_key)
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key = self._key.export_public_key().decode().strip()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sftp", daemon=True)

    def __enter__(self) -> "SftpSite":
        self._thread.start()
        self._acceptor = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.port = self._acceptor.get_port()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def collect(self) -> list[str]:
        """Submit the files that lie there whole, oldest name first, and take them away."""
        names = sorted(path.name for path in self.folder.iterdir() if path.suffix != PART)
        for name in names:
            self.program.ingest_file(name, (self.folder / name).read_text("utf-8"))
            (self.folder / name).unlink()
        return names

    async def _listen(self) -> asyncssh.SSHAcceptor:
        site = self

        class Server(asyncssh.SSHServer):
            def begin_auth(self, username: str) -> bool:
                return True

            def public_key_auth_supported(self) -> bool:
                return True

            def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
                return username == site.user and key.public_data == site._allowed.public_data

            def auth_completed(self) -> None:
                site.logins += 1

        class Sftp(asyncssh.SFTPServer):
            def __init__(self, channel: "asyncssh.SSHServerChannel[bytes]") -> None:
                super().__init__(channel, chroot=str(site.folder).encode())

            def write(self, file_obj: object, offset: int, data: bytes) -> int | Awaitable[int]:
                if site.cut_at is not None and offset + len(data) >= site.cut_at:
                    site.cut_at = None
                    self.channel.get_connection().abort()
                return super().write(file_obj, offset, data)

            def rename(self, oldpath: bytes, newpath: bytes) -> None:
                super().rename(oldpath, newpath)
                if site.takes_at_once:
                    site.collect()
                if site.cut_after_rename:
                    site.cut_after_rename = False
                    self.channel.get_connection().abort()

        return await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Server, server_host_keys=[self._key], sftp_factory=Sftp
        )

    async def _close(self) -> None:
        self._acceptor.close()
        await self._acceptor.wait_closed()
