"""A connection through a ProxyCommand, as OpenSSH runs it.

Fabric's own gives the command port 22 whatever the host's is, and Paramiko's reads on without end when it has ended.
"""

import contextlib
import socket
import subprocess
import tempfile
from typing import IO, Any

from fabric import Connection

from fleet.errors import HostError
from fleet.ssh_config import expanded


class OpenSshConnection(Connection):  # type: ignore[misc]
    """A Fabric connection whose gateway may be a ProxyCommand with the tokens of ssh_config(5)."""

    def open(self) -> Any:
        """Connect. Raises HostError with what the ProxyCommand says where that is why it fails."""
        try:
            return super().open()
        except Exception:
            said = self._end_proxy()
            if said:
                raise HostError(f"its ProxyCommand fails: {said.splitlines()[-1].strip():.200}") from None
            raise

    def open_gateway(self) -> Any:
        """A socket to the host through the gateway."""
        if not isinstance(self.gateway, str):
            return super().open_gateway()
        tokens = {"%%": "%", "%h": self.host, "%n": self.original_host, "%p": str(self.port), "%r": self.user}
        near, far = socket.socketpair()
        errors = tempfile.TemporaryFile()  # a file: unlike a pipe, nobody has to empty it
        with far:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {expanded(self.gateway, tokens)}"],
                stdin=far.fileno(),
                stdout=far.fileno(),
                stderr=errors,
                start_new_session=True,  # a Ctrl-C is ours: we end it when we are done with it
            )
        self._set(_proxy=(process, errors))
        return near

    def close(self) -> None:
        """Disconnect, and end the ProxyCommand."""
        try:
            super().close()
        finally:
            self._end_proxy()

    def _end_proxy(self) -> str:
        """End the ProxyCommand; return what it has complained about if it had ended by itself."""
        proxy: tuple[subprocess.Popen[bytes], IO[bytes]] | None = self.__dict__.get("_proxy")
        if proxy is None:
            return ""
        self._set(_proxy=None)
        process, errors = proxy
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
        by_itself = process.poll() is not None
        if not by_itself:
            process.terminate()
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(2)
        with errors:
            errors.seek(0)
            return errors.read().decode("utf-8", "replace").strip() if by_itself else ""
