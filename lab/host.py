"""A host of a lab, and what can be done to it: commands, power, network, files."""

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import cgroups, container, disks, mounts, network, record, seed
from lab.commands import LabError, require_success, run, tail
from lab.keys import make_key
from lab.plan import HostPlan, bridge_name


@dataclass(frozen=True, slots=True)
class Host:
    """A host of the lab `lab`, with its files below `folder`.

    All state is in the folder and none in memory, so that any process can use the lab.
    """

    lab: str
    plan: HostPlan
    network: int
    folder: Path
    image: Path
    ssh_dir: Path

    @property
    def name(self) -> str:
        """Return the host's name, such as `zk1`."""
        return self.plan.name

    @property
    def role(self) -> str:
        """Return `member`, `observer`, `master` or `worker`."""
        return self.plan.role

    @property
    def release(self) -> str:
        """Return the number of its Debian release."""
        return self.plan.release

    @property
    def address(self) -> str:
        """Return its IPv4 address."""
        return self.plan.address(self.network)

    @property
    def machine(self) -> str:
        """Return its name for systemd-nspawn and in its link's name: short, and unique on this machine."""
        return f"{bridge_name(self.network)}-{self.plan.offset}"

    @property
    def link(self) -> str:
        """Return the name of the network interface on this machine that leads to the host."""
        return f"vb-{self.machine}"

    @property
    def running(self) -> bool:
        """Return whether the host runs."""
        return container.is_running(self._identity())

    @property
    def console(self) -> Path:
        """Return the file with the messages of the boot."""
        return self.folder / "console.log"

    def start(self, *, wait: bool = True) -> None:
        """Boot the host with the files that it had; with `wait`, return when `admin` can log in."""
        if not self.running:
            self.power_off()  # if only systemd-nspawn was killed, its processes still run
            root = mounts.mount_overlay(self.image, self.folder)
            groups = cgroups.make(self.lab, self.name)
            network.remove_link(self.link)  # left over from a host that was killed
            identity = container.start(self.machine, self.name, root, bridge_name(self.network), groups, self.console)
            self._record.write_text(json.dumps(identity))
        if wait:
            self.wait_ready()

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Return when `admin` can log in with the lab's key. Raises LabError with the last lines of the console."""
        deadline = time.monotonic() + timeout_s
        while True:
            answer = self.ssh("true", connect_timeout_s=2)
            if answer.returncode == 0:
                return
            if not self.running or time.monotonic() > deadline:
                state = f"did not answer within {timeout_s:g} s" if self.running else "ended while it booted"
                said = tail(self.console.read_text(errors="replace"), 15) if self.console.exists() else ""
                raise LabError(f"{self.name} ({self.address}) {state}: {answer.stderr.strip()}\n{said}".rstrip())
            time.sleep(0.1)

    def ssh(
        self, command: str, *, user: str = "admin", connect_timeout_s: int = 5, timeout_s: float = 60.0
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command by SSH as `admin`, `plain` or `root`; the host's key is checked."""
        options = ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes", "GlobalKnownHostsFile=/dev/null"]
        options += [f"UserKnownHostsFile={self.ssh_dir / 'known_hosts'}", f"ConnectTimeout={connect_timeout_s}"]
        options += ["ServerAliveInterval=5", "ServerAliveCountMax=2"]
        flags = [word for option in options for word in ("-o", option)]
        target = f"{user}@{self.address}"
        command_line = ["ssh", "-F", "none", "-i", str(self.ssh_dir / "id_ed25519"), *flags, target, command]
        return run(command_line, check=False, timeout_s=timeout_s)

    def run(
        self, command: str | Sequence[str], *, stdin: str = "", check: bool = True, timeout_s: float = 60.0
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command, or a script for sh, as root inside the host, through its namespaces instead of SSH."""
        argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
        done = container.enter(self._identity(), argv, stdin, timeout_s)
        if check:
            require_success(done, f"{self.name}: [{' '.join(argv)}]")
        return done

    def put(self, text: str, path: str, mode: int = 0o644) -> None:
        """Write a file inside the running host; missing folders are made."""
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"'
        self.run(["sh", "-ec", script, "sh", path, f"{mode:o}"], stdin=text)

    def add_disk(self, path: str, mib: int) -> None:
        """Mount a small disk with nothing on it at `path` inside the running host, until the host goes down."""
        device = disks.make(self.folder / "disks", mib)
        try:
            self.run(disks.mount_script(device, path))
        finally:
            disks.let_go(device)

    def shut_down(self, timeout_s: float = 20.0) -> None:
        """Shut the host down; kill it if it does not end within `timeout_s`."""
        identity = self._identity()
        if not container.is_running(identity):
            return
        self.resume()
        container.ask_to_stop(identity)
        if not container.wait_stopped(identity, timeout_s):
            self.power_off()

    def power_off(self) -> None:
        """Cut the host's power: all of its processes end at once, and its files stay."""
        cgroups.kill(self.lab, self.name)
        if not container.wait_stopped(self._identity(), 20):
            raise LabError(f"{self.name} still runs after it was killed: {self._identity()}")

    def reset(self) -> None:
        """Cut the host's power, remove all of its files, and boot it as a new host."""
        self.remove()
        self.seed()
        self.start()

    def cut_network(self) -> None:
        """Disconnect the host: it keeps its address, and all packets are lost."""
        network.set_link(self.link, up=False)

    def heal_network(self) -> None:
        """Connect the host again."""
        network.set_link(self.link, up=True)

    def pause(self) -> None:
        """Freeze all of the host's processes: connections stay open, and nothing is answered."""
        cgroups.freeze(self.lab, self.name, frozen=True)

    def resume(self) -> None:
        """Let a frozen host continue."""
        cgroups.freeze(self.lab, self.name, frozen=False)

    def seed(self) -> None:
        """Make the host's file system with its name, address and keys."""
        host_key = self.ssh_dir / self.name
        make_key(host_key, self.name)
        user_key = make_key(self.ssh_dir / "id_ed25519", f"lab {self.lab}")
        files = seed.seed_files(self.name, self.address, record.load(self.lab).addresses, user_key, host_key)
        seed.write_files(mounts.mount_overlay(self.image, self.folder), files)

    def learn_hosts(self) -> None:
        """Write the lab's current names and addresses into the host's /etc/hosts."""
        text = seed.render_hosts_file(record.load(self.lab).addresses)
        (mounts.mount_overlay(self.image, self.folder) / "etc/hosts").write_text(text)

    def remove(self) -> None:
        """Cut the host's power and remove it with its files. May be called again, and on an incomplete host."""
        self.power_off()
        network.remove_link(self.link)
        mounts.remove_tree(self.folder)
        container.remove_traces(self.machine)

    @property
    def _record(self) -> Path:
        return self.folder / "process.json"

    def _identity(self) -> dict[str, Any] | None:
        try:
            identity: dict[str, Any] = json.loads(self._record.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return identity
