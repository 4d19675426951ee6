"""An Ansible inventory, read by Ansible itself: the same files, variables and templates that the playbooks use."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ansible import constants
from ansible.cli import CLI
from ansible.errors import AnsibleError
from ansible.inventory import manager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from fleet.errors import InputError, one_line, unknown
from zk_locust.contract.truth import is_true

MEMBERS: Final = "zookeeper"
MASTER: Final = "locust_master"
WORKERS: Final = "locust_workers"
CONTROLLER: Final = "localhost"


class HostVariables(Mapping[str, Any]):
    """A host's variables. Each is evaluated when it is asked for, so that a bad one does not affect the others.

    Raises InputError, naming host and variable, where a template fails.
    """

    def __init__(self, host: str, raw: Mapping[str, Any], evaluate: Callable[[Any], Any] = lambda value: value) -> None:
        self.host = host
        self._raw = raw
        self._evaluate = evaluate

    def __getitem__(self, name: str) -> Any:
        value = self._raw[name]
        try:
            return self._evaluate(value)
        except AnsibleError as error:
            # The value itself may be a secret's template: it is not shown.
            raise InputError(
                f"{self.host}: {name} cannot be evaluated: {one_line(error)}; correct its template in the inventory"
            ) from None

    def is_true(self, name: str, default: bool) -> bool:
        """A truth value; INI files give it as text. Raises InputError for anything else."""
        value = self.get(name, default)
        try:
            return is_true(value)
        except ValueError as error:
            raise InputError(f"{self.host}: {name} [{value}] {error}; correct it in the inventory") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


class Inventory:
    """Groups, the variables of their hosts, and those of the controller. `sources` are what `-i` would name."""

    def __init__(
        self,
        sources: Sequence[str],
        groups: Mapping[str, Sequence[str]],
        hosts: Mapping[str, HostVariables],
        controller: HostVariables,
    ) -> None:
        self.sources = tuple(sources)
        self._groups = groups
        self.hosts = hosts
        self.controller = controller

    @classmethod
    def load(cls, given: Sequence[str] = ()) -> "Inventory":
        """Read the inventories that are given, else Ansible's default one (`ANSIBLE_INVENTORY`, ansible.cfg).

        Raises InputError where one does not exist or cannot be read.
        """
        sources = [str(source) for source in (given or constants.DEFAULT_HOST_LIST)]
        for source in sources:
            if "," not in source and not Path(source).expanduser().exists():
                raise InputError(
                    f"inventory [{_shown(source)}] does not exist; name a file or a folder such as inventory/local"
                )
        if AnsibleCollectionConfig.collection_finder is None:  # once a process
            init_plugin_loader([])
        loader = DataLoader()
        _give_vault_secrets(loader)
        inventory = _parsed(loader, sources)
        variables = VariableManager(loader=loader, inventory=inventory)
        HostVars(inventory, variables, loader)  # gives templates their `hostvars`

        def of(host: Any) -> HostVariables:
            raw = variables.get_vars(host=host)
            return HostVariables(str(host.name), raw, Templar(loader=loader, variables=raw).template)

        try:
            hosts = {str(host.name): of(host) for host in inventory.get_hosts()}
            controller = of(inventory.get_host(CONTROLLER))  # Ansible has it also where no file names it
        except AnsibleError as error:
            raise InputError(
                f"inventory [{', '.join(map(_shown, sources))}] cannot be read: {one_line(error)}; correct it"
            ) from None
        return cls([_shown(source) for source in sources], inventory.get_groups_dict(), hosts, controller)

    def group(self, name: str) -> list[str]:
        """The names of a group's hosts, in the inventory's order; empty where there is no such group."""
        return [str(host) for host in self._groups.get(name, [])]

    @property
    def master(self) -> str:
        """The Locust master's host. Raises InputError where there is not exactly one."""
        masters = self.group(MASTER)
        if len(masters) != 1:
            raise InputError(
                f"group {MASTER} [{', '.join(masters) or 'no host'}]: name exactly one host there, in {self.named}"
            )
        return masters[0]

    @property
    def load_hosts(self) -> list[str]:
        """The master's host and the workers', each once, the master's first."""
        return list(dict.fromkeys([*self.group(MASTER), *self.group(WORKERS)]))

    @property
    def contract_hosts(self) -> list[str]:
        """All hosts that have a role. Raises InputError where there is none."""
        hosts = list(dict.fromkeys([*self.group(MEMBERS), *self.load_hosts]))
        if not hosts:
            raise InputError(
                f"inventory [{', '.join(self.sources)}] has no host in {MEMBERS}, {MASTER} or {WORKERS}; "
                "inventory/prod is an example"
            )
        return hosts

    def variables(self, host: str) -> HostVariables:
        """A host's variables. Raises InputError for a host without a role, with the names of those that have one."""
        if host not in self.contract_hosts:
            raise InputError(f"--host [{host}] is not in {self.named}{unknown(host, self.contract_hosts)}")
        return self.hosts[host]

    @property
    def named(self) -> str:
        """The inventory, for a message."""
        return f"inventory {', '.join(self.sources)}"

    @property
    def option(self) -> str:
        """The options of a command line that name this inventory."""
        return " ".join(f"-i {source}" for source in self.sources)


def _give_vault_secrets(loader: DataLoader) -> None:
    """Let vaulted variables be read with what `ANSIBLE_VAULT_PASSWORD_FILE` or ansible.cfg name, as playbooks do."""
    files = [constants.DEFAULT_VAULT_PASSWORD_FILE] if constants.DEFAULT_VAULT_PASSWORD_FILE else []
    identities = list(constants.DEFAULT_VAULT_IDENTITY_LIST)
    if not files and not identities:
        return  # Ansible takes them once in a process
    try:
        loader.set_vault_secrets(
            CLI.setup_vault_secrets(
                loader, vault_ids=identities, vault_password_files=files, ask_vault_pass=False, auto_prompt=False
            )
        )
    except AnsibleError as error:
        named = ", ".join(files + identities)
        raise InputError(
            f"ANSIBLE_VAULT_PASSWORD_FILE [{named}] cannot be used: {one_line(error)}; correct it"
        ) from None


class _Failures:
    """Replaces Ansible's display while it reads: Ansible's warnings take ten lines, ours takes one."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def error_as_warning(self, msg: str, exception: BaseException) -> None:
        """Keep why one of Ansible's inventory plugins could not read it; `msg` only names the plugin."""
        del msg
        self.reasons.append(one_line(exception))

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_, **__: None


def _parsed(loader: Any, sources: list[str]) -> Any:
    failures, before = _Failures(), manager.display
    manager.display = failures
    try:
        return manager.InventoryManager(loader=loader, sources=sources)
    except AnsibleError as error:
        # Each of Ansible's inventory plugins has tried; the reason of the YAML plugin is the useful one.
        reasons = [reason for reason in failures.reasons if "YAML" in reason] or failures.reasons or [one_line(error)]
        raise InputError(
            f"inventory [{', '.join(map(_shown, sources))}] cannot be read: {reasons[0].rstrip('.')}; correct it"
        ) from None
    finally:
        manager.display = before


def _shown(source: str) -> str:
    """A path as people would type it from here."""
    try:
        return os.fspath(Path(source).relative_to(Path.cwd()))
    except ValueError:
        return source
