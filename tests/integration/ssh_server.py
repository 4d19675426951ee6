"""A real sshd on loopback for tests: a port, a host key and authorized keys of its own, all below one folder."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from lab.zookeeper_server import free_ports
from tests.needs import missing

SSHD = "/usr/sbin/sshd"


def require_sshd() -> None:
    """Skip the test without sshd; with CI=true fail it."""
    if Path(SSHD).exists() and shutil.which("ssh-keygen"):
        return
    missing("needs an SSH server: apt install openssh-server")


def make_key(file: Path) -> str:
    """Make a key without a passphrase; return its public line."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file.with_name(f"{file.name}.pub").read_text().strip()


def sign(authority: Path, key: Path, principal: str, *options: str) -> Path:
    """Sign a public key with the authority's private key, for one host or user; return the certificate's file."""
    words = ["ssh-keygen", "-q", "-s", str(authority), "-I", "test", *options, "-n", principal, f"{key}.pub"]
    subprocess.run(words, check=True)
    return key.with_name(f"{key.name}-cert.pub")


class SshServer:
    """`with SshServer(folder, public_key) as server`: takes that key for the user who runs the tests.

    With an `authority` it shows a certificate instead of a bare key, and takes only users with one.
    """

    def __init__(self, folder: Path, public_key: str, authority: Path | None = None) -> None:
        folder.mkdir()
        self.port = free_ports(1)[0]
        self.host_key = make_key(folder / "host_key")
        self._log = folder / "sshd.log"
        self._configuration = folder / "sshd_config"
        (folder / "authorized_keys").write_text(f"{public_key}\n")
        settings = {
            "Port": self.port,
            "ListenAddress": "127.0.0.1",
            "HostKey": folder / "host_key",
            "AuthorizedKeysFile": folder / "authorized_keys",
            "PidFile": "none",
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
            "LogLevel": "VERBOSE",
            "Subsystem": "sftp internal-sftp",
        }
        if authority:
            certificate = sign(authority, folder / "host_key", "127.0.0.1", "-h")
            settings |= {"HostCertificate": certificate, "TrustedUserCAKeys": authority.with_name("authority.pub")}
            (folder / "authorized_keys").write_text("")
        self._configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def known_host(self) -> str:
        """Its line in a file of known hosts."""
        return f"[127.0.0.1]:{self.port} {' '.join(self.host_key.split()[:2])}\n"

    @property
    def logins(self) -> int:
        """The number of logins so far."""
        return self._log.read_text().count("Accepted publickey")

    def __enter__(self) -> "SshServer":
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(self._configuration)], stderr=log)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                assert self._process.poll() is None, self._log.read_text()
                assert time.monotonic() < deadline, self._log.read_text()
                time.sleep(0.05)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)
