"""Conduct an experiment: its benchmarks are called one after the other, with this play's inventory and options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from fleet.errors import FleetError
from fleet.experiments.benchmark import Playbooks, forwarded
from fleet.experiments.conduct import Wish, conduct
from fleet.experiments.interruption import Interruption
from fleet.task_arguments import call
from reporting import ReportingError


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `experiment`: its arguments are those of `Wish`; `lines` are the answer."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the experiment to its end."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        interruption = Interruption()

        def work(*, experiment: str = "", experiment_id: str = "", resume: str = "", more: int = 0) -> dict[str, Any]:
            # Ansible has no public way to tell variables of -e from the rest.
            given = variables["hostvars"]._variable_manager.extra_vars
            playbooks = Playbooks(
                Path(variables["playbook_dir"]),
                tuple(map(str, variables["ansible_inventory_sources"])),
                forwarded(context.CLIARGS),
                {name: value for name, value in given.items() if not name.startswith("experiment")},
                interruption.came,
            )
            lines = conduct(Wish(experiment, experiment_id, resume, more), playbooks, Display().display)
            return {"changed": True, "lines": lines}

        with interruption.taken():
            return call(self, work, failures=(FleetError, ReportingError))
