"""Real ZooKeeper servers on loopback: each can be started, stopped, killed, paused and restarted.

    with ZooKeeperServers(3, folder) as servers:
        client = connect(servers.hosts)
        servers.kill(servers.leader())

Needs Debian's packages `zookeeper` and a Java runtime, or the environment variable `ZOOKEEPER_CLASSPATH`.
`missing` says whether they are there.
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from zk_locust.contract.member_answers import parse_srvr

JAVA_FOLDER = Path("/usr/share/java")
JARS = ("zookeeper.jar", "servlet-api.jar", "slf4j-api.jar", "slf4j-log4j12.jar", "log4j-1.2.jar")

LOG4J = """\
log4j.rootLogger=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %-5p [%t:%c{1}] %m%n
"""


class ServerError(Exception):
    """A server did not do what was asked; the message ends with the end of the server's log."""


def class_path() -> str | None:
    """Return the class path of a ZooKeeper server, or None where there is none on this machine."""
    given = os.environ.get("ZOOKEEPER_CLASSPATH")
    if given:
        return given
    jars = [JAVA_FOLDER / jar for jar in JARS]
    return ":".join(map(str, jars)) if all(jar.exists() for jar in jars) else None


def missing() -> str | None:
    """Return what a server needs and this machine lacks, with the remedy; None where nothing is missing."""
    if class_path() is not None and shutil.which("java"):
        return None
    return "needs a Java runtime and ZooKeeper: apt install zookeeper default-jre-headless, or set ZOOKEEPER_CLASSPATH"


# The common generator may be seeded, as Hypothesis does; then processes side by side would all get the same ports.
_RANDOM = random.SystemRandom()
_SHARES = 16


def free_ports(count: int) -> list[int]:
    """Return free loopback ports, below the range that the kernel gives to outgoing connections.

    Processes that run side by side set `ZK_LOCUST_PORT_SHARE` (0 to 15) to different values: then none takes a port
    that another has found and not bound yet.
    """
    share = int(os.environ.get("ZK_LOCUST_PORT_SHARE", "0")) % _SHARES
    found: list[int] = []
    # Each port is tried once: that it can be bound says nothing about the ports that were found before it.
    for port in _RANDOM.sample(range(10_000 + share, 32_000, _SHARES), k=(32_000 - 10_000) // _SHARES):
        if len(found) == count:
            return found
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                candidate.bind(("127.0.0.1", port))
                found.append(port)
    raise ServerError(f"{count} free ports are needed; only {len(found)} were found")


def four_letters(port: int, word: str, timeout_s: float = 2.0) -> str:
    """Return the answer to one of ZooKeeper's four-letter words; empty if there is no answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout_s) as sock:
            sock.sendall(word.encode())
            answer = b""
            while piece := sock.recv(65_536):
                answer += piece
            return answer.decode()
    except OSError:
        return ""


@dataclass
class Member:
    """One server: its ports, its folder, and its process while it has one."""

    server_id: int
    folder: Path
    client_port: int
    peer_port: int
    election_port: int
    admin_port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """Return host and port for clients."""
        return f"127.0.0.1:{self.client_port}"

    @property
    def admin_url(self) -> str:
        """Return the AdminServer's base address."""
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def log_path(self) -> Path:
        """Return the file that takes the server's log, over all of its starts."""
        return self.folder / "server.log"

    def mode(self, timeout_s: float = 2.0) -> str:
        """Return `standalone`, `leader`, `follower`, `observer`, or nothing while it does not serve requests."""
        return parse_srvr(four_letters(self.client_port, "srvr", timeout_s)).mode

    def log_tail(self, lines: int = 20) -> str:
        """Return the end of the server's log."""
        try:
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


QUICK_JVM: Final = ("-XX:TieredStopAtLevel=1",)
"""Options of a JVM that lives for seconds: it compiles its code once, quickly."""


class ZooKeeperServers:
    """A standalone server (count 1) or an ensemble, with data below `folder`; members count from 0.

    `properties` are further keys of zoo.cfg, the same for each member; `java_options` go to each JVM; `prefix` goes
    before its command (`taskset -c 1`). The short tick allows sessions of one second. Writes are not forced to disk.
    `jars` is the class path of another release than this machine's, `log4j` what its log4j.properties says.

    With `full_speed` the JVM optimises its code, as in production. Without it, servers that live for seconds start with
    less CPU.
    """

    def __init__(
        self,
        count: int,
        folder: Path,
        *,
        properties: Mapping[str, object] | None = None,
        heap: str = "128m",
        java_options: Sequence[str] = (),
        prefix: Sequence[str] = (),
        full_speed: bool = False,
        jars: str = "",
        log4j: str = LOG4J,
    ) -> None:
        self.folder = folder
        self.heap = heap
        self.prefix = list(prefix)
        self.jars = jars
        self.log4j = log4j
        self.java_options = (*(() if full_speed else QUICK_JVM), *java_options)
        self.properties: dict[str, object] = {
            "tickTime": 500,
            "initLimit": 20,
            "syncLimit": 10,
            "minSessionTimeout": 500,
            "maxSessionTimeout": 60_000,
            "maxClientCnxns": 0,
            "forceSync": "no",
            "preAllocSize": 4096,
            "4lw.commands.whitelist": "*",
            "admin.serverAddress": "127.0.0.1",
            **(properties or {}),
        }
        ports = iter(free_ports(4 * count))
        self.members = [
            Member(n + 1, folder / f"member-{n + 1}", next(ports), next(ports), next(ports), next(ports))
            for n in range(count)
        ]

    @property
    def hosts(self) -> str:
        """Return the connect string of all members."""
        return ",".join(member.address for member in self.members)

    def __enter__(self) -> "ZooKeeperServers":
        try:
            self.start_all()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start_all(self, timeout_s: float = 60.0) -> None:
        """Start every member that does not run and wait until each serves requests."""
        for index in range(len(self.members)):
            self.start(index, wait=False)
        for index in range(len(self.members)):
            self.wait_ready(index, timeout_s)

    def start(self, index: int, *, wait: bool = True) -> None:
        """Start one member; with `wait`, return when it serves requests."""
        member = self.members[index]
        if member.process is None or member.process.poll() is not None:
            command = self._command(member, self._write_configuration(member))
            with member.log_path.open("ab") as log:
                member.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=member.folder
                )
        if wait:
            self.wait_ready(index)

    def wait_ready(self, index: int, timeout_s: float = 60.0) -> None:
        """Return when the member answers `srvr` with a mode. Raises ServerError if it ends, or after `timeout_s`."""
        member = self.members[index]

        def ready() -> bool:
            if member.process is None or member.process.poll() is not None:
                raise ServerError(f"member {member.server_id} ended\n{member.log_tail()}")
            return bool(member.mode())

        self._until(ready, timeout_s, f"member {member.server_id} does not serve requests\n", member)

    def stop(self, index: int) -> None:
        """Terminate one member (SIGTERM) and wait for its end."""
        self._end(index, signal.SIGTERM)

    def kill(self, index: int) -> None:
        """Kill one member (SIGKILL) and wait for its end."""
        self._end(index, signal.SIGKILL)

    def restart(self, index: int) -> None:
        """Stop one member, start it again, and wait until it serves requests."""
        self.stop(index)
        self.start(index)

    def pause(self, index: int) -> None:
        """Pause one member (SIGSTOP): its connections stay open, and it answers nothing."""
        self._running(index).send_signal(signal.SIGSTOP)

    def resume(self, index: int) -> None:
        """Continue a paused member (SIGCONT)."""
        self._running(index).send_signal(signal.SIGCONT)

    def leader(self, timeout_s: float = 30.0) -> int:
        """Return the index of the leader, or of the standalone server. Raises ServerError after `timeout_s`."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [
                index
                for index, member in enumerate(self.members)
                if member.process is not None and member.mode(0.5) in ("leader", "standalone")
            ]
            return bool(found)

        self._until(look, timeout_s, "no leader\n", self.members[0])
        return found[0]

    def followers(self) -> list[int]:
        """Return the indices of the current followers."""
        return [index for index, member in enumerate(self.members) if member.mode(0.5) == "follower"]

    def close(self) -> None:
        """Kill every member. May be called again."""
        for member in self.members:
            if member.process is not None and member.process.poll() is None:
                member.process.kill()
        for member in self.members:
            if member.process is not None:
                member.process.wait(30)

    def _running(self, index: int) -> subprocess.Popen[bytes]:
        process = self.members[index].process
        if process is None or process.poll() is not None:
            raise ServerError(f"member {self.members[index].server_id} does not run")
        return process

    def _end(self, index: int, how: signal.Signals) -> None:
        process = self._running(index)
        process.send_signal(how)
        # A paused process handles SIGTERM only after it continues.
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)

    def _write_configuration(self, member: Member) -> Path:
        data = member.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        (data / "myid").write_text(f"{member.server_id}\n")
        (member.folder / "log4j.properties").write_text(self.log4j)
        settings = {
            **self.properties,
            "dataDir": data,
            "clientPort": member.client_port,
            "clientPortAddress": "127.0.0.1",
            "admin.serverPort": member.admin_port,
        }
        if len(self.members) > 1:
            for other in self.members:
                settings[f"server.{other.server_id}"] = f"127.0.0.1:{other.peer_port}:{other.election_port}"
        path = member.folder / "zoo.cfg"
        path.write_text("".join(f"{key}={value}\n" for key, value in sorted(settings.items())))
        return path

    def _command(self, member: Member, configuration: Path) -> list[str]:
        command = ["java", f"-Xmx{self.heap}", "-XX:+UseSerialGC", "-XX:-UsePerfData"]
        command += [
            "-cp",
            self.jars or class_path() or "",
            f"-Dlog4j.configuration=file:{member.folder / 'log4j.properties'}",
        ]
        command += self.java_options
        command += ["org.apache.zookeeper.server.quorum.QuorumPeerMain", str(configuration)]
        # The servers end with the process that started them, even if that is killed.
        guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        return [*guard, *self.prefix, *command]

    @staticmethod
    def _until(ready: Callable[[], bool], timeout_s: float, problem: str, member: Member) -> None:
        deadline = time.monotonic() + timeout_s
        while not ready():
            if time.monotonic() > deadline:
                raise ServerError(problem + member.log_tail())
            time.sleep(0.1)
