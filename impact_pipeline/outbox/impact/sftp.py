"""
impact.com's SFTP folder: what lies in it, and one file put there whole.

Only the declared host key is accepted, only the given key is offered; no agent, no configuration and no known_hosts
file of the user takes part. Raised:

    SftpError               the folder can't be used
    ├── NotDeliveredError   nothing of the file is there under its name: the host, its key or ours was not accepted
    └── MaybeDeliveredError the connection ended while the file was being put there; only looking can tell
"""

import asyncio
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

import asyncssh

CONNECT_SECONDS = 20.0
LOOK_SECONDS = 60.0
# A file is written under another name and renamed, so that nobody takes half of it.
PART = ".part"
T = TypeVar("T")


class SftpError(Exception):
    """The folder can't be used."""


class NotDeliveredError(SftpError):
    """Nothing of the file is there under its name."""


class MaybeDeliveredError(SftpError):
    """Only looking can tell whether it is there."""


@dataclass(frozen=True, kw_only=True)
class SftpFolder:
    """
    The folder of one connection.

    Args:
        host_key: the host's public key, `ssh-ed25519 AAAA...`.
        private_key_file: our key, without a passphrase.
        longest_seconds: how long putting one file may take.
    """

    host: str
    port: int
    user: str
    host_key: str
    folder: str
    private_key_file: Path
    longest_seconds: float = 900.0

    def sizes(self, names: list[str]) -> dict[str, int]:
        """
        Bytes of those of the files that are there, by name.

        Raises:
            SftpError: the folder could not be read.
        """

        async def look(client: asyncssh.SFTPClient) -> dict[str, int]:
            entries = await client.readdir(self.folder)
            found = {str(one.filename): one.attrs for one in entries}
            return {
                name: int(found[name].size or 0)
                for name in names
                if name in found and stat.S_ISREG(found[name].permissions or stat.S_IFREG)
            }

        return self._run(look, LOOK_SECONDS)

    def put(self, file: Path, name: str, may_deliver: Callable[[], bool]) -> None:
        """
        Put the file there under the name, whole or not at all.

        Args:
            may_deliver: asked when it is there whole, before it gets its name.

        Raises:
            NotDeliveredError, MaybeDeliveredError: what is known of it.
        """
        target = str(PurePosixPath(self.folder, name))
        is_begun = False

        async def put(client: asyncssh.SFTPClient) -> None:
            nonlocal is_begun
            await client.put(str(file), target + PART)
            size = await client.getsize(target + PART)
            if size != file.stat().st_size:
                raise NotDeliveredError(f"{self.host} kept {size} of {file.stat().st_size} bytes of {name}.")
            if not may_deliver():
                raise NotDeliveredError(f"{name} took so long that another run may have the lane; it got no name.")
            is_begun = True
            await client.rename(target + PART, target)

        try:
            self._run(put, self.longest_seconds)
        except NotDeliveredError:
            raise
        except SftpError as error:
            kind = MaybeDeliveredError if is_begun else NotDeliveredError
            raise kind(str(error)) from error

    def _run(self, work: Callable[[asyncssh.SFTPClient], Awaitable[T]], seconds: float) -> T:
        async def session() -> T:
            async with (
                asyncssh.connect(
                    self.host,
                    self.port,
                    username=self.user,
                    client_keys=[str(self.private_key_file)],
                    known_hosts=([asyncssh.import_public_key(self.host_key)], [], []),
                    agent_path=None,
                    config=None,
                    password=None,
                    preferred_auth="publickey",
                    connect_timeout=CONNECT_SECONDS,
                    login_timeout=CONNECT_SECONDS,
                    keepalive_interval=15,
                ) as connection,
                connection.start_sftp_client() as client,
            ):
                return await asyncio.wait_for(work(client), seconds)

        try:
            return asyncio.run(session())
        except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed) as error:
            raise NotDeliveredError(
                f"{self.host} is not the host that files.host_key in pipeline.yaml names, so nothing was sent. "
                "Compare the key with the one that impact.com shows."
            ) from error
        except asyncssh.PermissionDenied as error:
            raise NotDeliveredError(
                f"{self.host} does not let {self.user} in. Check files.user in pipeline.yaml and "
                "IMPACT_SFTP_PRIVATE_KEY_FILE; its public key belongs to the connection at impact.com."
            ) from error
        except (asyncssh.Error, OSError, TimeoutError, ValueError) as error:
            raise SftpError(f"{self.host}: {type(error).__name__} while its folder {self.folder} was used.") from error
