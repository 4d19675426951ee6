"""A lab from its making to its removal."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType

from lab import cgroups, inventory, keys, limits, mounts, network, prerequisites, record
from lab.commands import LabError
from lab.host import Host
from lab.image import ensure_images, image_path
from lab.places import default_inventory, lab_dir, locked, state_dir
from lab.plan import HostPlan, LabOptions, host_plan, plan_hosts

Say = Callable[[str], None]


def silent(_: str) -> None:
    """Say nothing."""


class Lab:
    """The hosts of one lab by their names, and its inventory. `Lab.up` makes one, `Lab.load` finds one."""

    def __init__(self, known: record.LabRecord) -> None:
        self._record = known

    def __enter__(self) -> "Lab":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.down()

    @classmethod
    def up(
        cls,
        options: LabOptions | None = None,
        *,
        inventory_path: Path | None = None,
        mirror: str | None = None,
        say: Say = silent,
    ) -> "Lab":
        """Make a lab, or start what does not run of one that is there, and return when every host lets us in.

        Raises LabError where that cannot be; what was made of a new lab until then is removed, also after Ctrl-C.
        """
        options = options or LabOptions()
        hosts = plan_hosts(options)
        path = (inventory_path or default_inventory(options.name)).absolute()
        prerequisites.require()
        with locked(f"lab-{options.name}"):
            if record.exists(options.name):
                return cls._start_again(options, path, say)
            inventory.require_writable(path)
            ensure_images({host.release for host in hosts}, say, mirror)
            images = {release: image_path(release) for release in sorted({host.release for host in hosts})}
            lab = cls(record.LabRecord(options, path, images, tuple(hosts)))
            try:
                lab._make(say)
            except BaseException:
                lab._remove()
                raise
            return lab

    @classmethod
    def load(cls, name: str) -> "Lab":
        """Return the lab of this name. Raises LabError where there is none."""
        return cls(record.load(name))

    @property
    def name(self) -> str:
        return self._record.options.name

    @property
    def options(self) -> LabOptions:
        return self._record.options

    @property
    def inventory(self) -> Path:
        """Return the folder of the inventory, for `ansible-playbook -i`."""
        return self._record.inventory

    @property
    def hosts(self) -> Mapping[str, Host]:
        """Return the hosts by their names: members first, then load hosts."""
        return {plan.name: self._host(plan) for plan in self._record.hosts}

    @property
    def members(self) -> list[Host]:
        return [host for host in self.hosts.values() if host.role in ("member", "observer")]

    @property
    def key(self) -> Path:
        """Return the private key that all users of all hosts accept."""
        return self._ssh_dir / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self._ssh_dir / "known_hosts"

    def add_host(self, name: str, *, release: str = "12", observer: bool = False) -> Host:
        """Make one more host (`zk4`, `load5`: its name says its role) and return it when it lets us in."""
        if name in self.hosts:
            raise LabError(f"there is a host [{name}] already")
        plan = host_plan(name, release, observer=observer)
        with locked(f"lab-{self.name}"):
            ensure_images([release], silent)
            images = {**self._record.images, release: self._record.images.get(release, image_path(release))}
            hosts = sorted((*self._record.hosts, plan), key=lambda host: host.offset)
            self._record = record.LabRecord(self.options, self.inventory, images, tuple(hosts), self._record.network)
            record.save(self._record)
            with locked("machine"):
                limits.raise_for(record.hosts_on_machine(), silent)
            host = self.hosts[name]
            try:
                host.seed()
                self._tell_all()
                host.start()
            except BaseException:
                self._forget(host)
                raise
        return host

    def remove_host(self, name: str) -> None:
        """Cut a host's power and remove it with its files; the others and the inventory forget it."""
        if name not in self.hosts:
            raise LabError(f"there is no host [{name}]")
        with locked(f"lab-{self.name}"):
            self._forget(self.hosts[name])

    def down(self) -> None:
        """Power off all hosts and remove every trace of the lab. May be called again."""
        with locked(f"lab-{self.name}"):
            if record.exists(self.name):  # somebody else may have taken it down, and its network be another lab's
                self._record = record.load(self.name)
                self._remove(in_good_order=True)

    @classmethod
    def down_by_name(cls, name: str) -> bool:
        """Remove the lab of this name, be it half made; return whether there was one."""
        if not record.exists(name):
            return False
        try:
            cls.load(name).down()
        except LabError:
            if (lab_dir(name) / "lab.json").exists():
                raise
            with locked(f"lab-{name}"):  # cut short before anything but its folder was there
                mounts.remove_tree(lab_dir(name))
        return True

    @property
    def _ssh_dir(self) -> Path:
        return lab_dir(self.name) / "ssh"

    def _host(self, plan: HostPlan) -> Host:
        return Host(
            lab=self.name,
            plan=plan,
            network=self._record.network_number,
            folder=lab_dir(self.name) / plan.name,
            image=self._record.images[plan.release],
            ssh_dir=self._ssh_dir,
        )

    @classmethod
    def _start_again(cls, options: LabOptions, path: Path, say: Say) -> "Lab":
        lab = cls.load(options.name)
        if lab.options != options or lab.inventory != path:
            raise LabError(
                f"the lab [{options.name}] is there with other options: {lab.options}, inventory {lab.inventory}. "
                "Take it down first, or choose another --name"
            )
        stopped = [host for host in lab.hosts.values() if not host.running]
        say(f"The lab [{lab.name}] is up." if not stopped else f"Starting {', '.join(host.name for host in stopped)} …")
        lab._start(stopped)
        return lab

    def _make(self, say: Say) -> None:
        mounts.prepare_storage(lab_dir(self.name))
        record.save(self._record)
        with locked("machine"):
            limits.raise_for(record.hosts_on_machine(), say)
            self._record = self._record.with_network(network.open_network())
            record.save(self._record)
        hosts = list(self.hosts.values())
        keys.make_key(self.key, f"lab {self.name}")
        self._all(hosts, Host.seed)
        self._tell_all()
        self._start(hosts)

    def _start(self, hosts: Iterable[Host]) -> None:
        hosts = list(hosts)
        self._all(hosts, lambda host: host.start(wait=False))
        self._all(hosts, Host.wait_ready)

    def _tell_all(self) -> None:
        """Bring up to date what names all hosts: known_hosts, each /etc/hosts, the inventory."""
        hosts = list(self.hosts.values())
        known = [(host.name, host.address, keys.make_key(self._ssh_dir / host.name, host.name)) for host in hosts]
        self.known_hosts.write_text(keys.render_known_hosts(known))
        self._all(hosts, Host.learn_hosts)
        plans, number = self._record.hosts, self._record.network_number
        inventory.write(self.inventory, plans, number, self.key, self.known_hosts)

    def _forget(self, host: Host) -> None:
        host.remove()
        self._record = self._record.with_hosts(tuple(plan for plan in self._record.hosts if plan.name != host.name))
        record.save(self._record)
        for key in self._ssh_dir.glob(f"{host.name}*"):
            if key.name in (host.name, f"{host.name}.pub"):
                key.unlink()
        self._tell_all()

    def _remove(self, *, in_good_order: bool = False) -> None:
        if self._record.network is not None:
            hosts = list(self.hosts.values())
            if in_good_order:
                self._all(hosts, Host.shut_down)
            self._all(hosts, Host.remove)
            cgroups.remove_lab(self.name)
        inventory.remove(self.inventory)
        with locked("machine"):
            mounts.remove_tree(lab_dir(self.name))
            if self._record.network is not None:
                network.close_network(self._record.network)
            else:
                network.close_route()
            if not record.names():
                limits.put_back()
                if state_dir().is_dir() and not any(state_dir().iterdir()):
                    state_dir().rmdir()

    @staticmethod
    def _all(hosts: Iterable[Host], act: Callable[[Host], None]) -> None:
        hosts = list(hosts)
        if not hosts:
            return
        with ThreadPoolExecutor(max_workers=min(16, len(hosts))) as pool:
            futures = [pool.submit(act, host) for host in hosts]
            try:
                wait(futures)
            except BaseException:  # Ctrl-C comes to this thread; the others finish what they have begun
                pool.shutdown(cancel_futures=True)
                raise
        errors = [error for future in futures if (error := future.exception()) is not None]
        for error in errors:
            if not isinstance(error, LabError):
                raise error
        if errors:
            raise LabError("\n".join(map(str, errors)))
