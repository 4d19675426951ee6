"""Make, change and remove a lab."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

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
    """The hosts of a lab by their names, and its inventory. `Lab.up` makes a lab, `Lab.load` finds one."""

    def __init__(self, known: record.LabRecord) -> None:
        self._record = known

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
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
        """Make a lab, or start the stopped hosts of an existing one; return when every host accepts a login.

        Raises LabError if this fails. A new lab that is incomplete then, also after Ctrl-C, is removed.
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
        """Return the lab of this name. Raises LabError if there is none."""
        return cls(record.load(name))

    @property
    def name(self) -> str:
        """Return the lab's name."""
        return self._record.options.name

    @property
    def options(self) -> LabOptions:
        """Return the options that the lab was made with."""
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
        """Return the hosts of the ensemble's members, observers included."""
        return [host for host in self.hosts.values() if host.role in ("member", "observer")]

    @property
    def key(self) -> Path:
        """Return the private key of all users of all hosts."""
        return self._ssh_dir / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """Return the known_hosts file with the keys of all hosts."""
        return self._ssh_dir / "known_hosts"

    def add_host(self, name: str, *, release: str = "12", observer: bool = False) -> Host:
        """Add a host and return it when it accepts a login. Its name gives its role: `zk4`, `load5`."""
        if name in self.hosts:
            raise LabError(f"the host [{name}] exists already")
        plan = host_plan(name, release, observer=observer)
        with locked(f"lab-{self.name}"):
            ensure_images([release], silent)
            images = {**self._record.images, release: self._record.images.get(release, image_path(release))}
            hosts = sorted((*self._record.hosts, plan), key=lambda host: host.offset)
            self._record = replace(self._record, images=images, hosts=tuple(hosts))
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
        """Cut a host's power, and remove it from the lab, the inventory and the other hosts' /etc/hosts."""
        if name not in self.hosts:
            raise LabError(f"there is no host [{name}]")
        with locked(f"lab-{self.name}"):
            self._forget(self.hosts[name])

    def down(self) -> None:
        """Shut down all hosts and remove the lab. May be called again."""
        with locked(f"lab-{self.name}"):
            if record.exists(self.name):  # another process may have removed it and reused its network
                self._record = record.load(self.name)
                self._remove(orderly=True)

    @classmethod
    def down_by_name(cls, name: str) -> bool:
        """Remove the lab of this name, even an incomplete one; return whether there was one."""
        if not record.exists(name):
            return False
        try:
            cls.load(name).down()
        except LabError:
            if (lab_dir(name) / "lab.json").exists():
                raise
            with locked(f"lab-{name}"):  # interrupted when only its folder existed
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
                f"the lab [{options.name}] exists with other options: {lab.options}, inventory {lab.inventory}; "
                "remove it first (make lab-down), or give another --name"
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
            self._record = replace(self._record, network=network.open_network())
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
        """Update what lists all hosts: known_hosts, each /etc/hosts, the inventory."""
        hosts = list(self.hosts.values())
        known = [(host.name, host.address, keys.make_key(self._ssh_dir / host.name, host.name)) for host in hosts]
        self.known_hosts.write_text(keys.render_known_hosts(known))
        self._all(hosts, Host.learn_hosts)
        plans, number = self._record.hosts, self._record.network_number
        inventory.write(self.inventory, plans, number, self.key, self.known_hosts, self.name)

    def _forget(self, host: Host) -> None:
        host.remove()
        self._record = replace(self._record, hosts=tuple(plan for plan in self._record.hosts if plan.name != host.name))
        record.save(self._record)
        for key in (host.name, f"{host.name}.pub"):
            (self._ssh_dir / key).unlink(missing_ok=True)
        self._tell_all()

    def _remove(self, *, orderly: bool = False) -> None:
        if self._record.network is not None:
            hosts = list(self.hosts.values())
            if orderly:
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
            except BaseException:  # Ctrl-C arrives in this thread; the others finish their current host
                pool.shutdown(cancel_futures=True)
                raise
        errors = [error for future in futures if (error := future.exception()) is not None]
        for error in errors:
            if not isinstance(error, LabError):
                raise error
        if errors:
            raise LabError("\n".join(map(str, errors)))
