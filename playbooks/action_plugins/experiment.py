"""Conduct an experiment: its benchmarks are called one after the other, with this play's inventory and options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from fleet.errors import FleetError, InputError
from fleet.experiments.conduct import Wish, conduct
from fleet.experiments.interruption import Interruption
from fleet.experiments.playbooks import Playbooks, forwarded
from fleet.task_arguments import call
from reporting import ReportingError
from zk_locust.contract.plain_text import for_screen


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `experiment`: its arguments are the variables that a user sets; `lines` are the answer."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the experiment to its end; in check mode, only say what it would do."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        interruption = Interruption()

        def work(
            *, experiment: str = "", experiment_id: str = "", experiment_resume: str = "", experiment_more: int = 0
        ) -> dict[str, Any]:
            # Ansible has no public way to tell variables of -e from the rest.
            given = variables["hostvars"]._variable_manager.extra_vars
            only_check = bool(self._task.check_mode)
            try:
                playbooks = Playbooks(
                    Path(variables["playbook_dir"]),
                    tuple(map(str, variables["ansible_inventory_sources"])),
                    forwarded(context.CLIARGS),
                    {name: value for name, value in given.items() if not name.startswith("experiment")},
                    interruption.came,
                )
                wish = Wish(experiment, experiment_id, experiment_resume, experiment_more, only_check)
                lines = conduct(wish, playbooks, lambda line: Display().display(for_screen(line)))
            except InputError as error:
                raise _refused(str(error).splitlines()) from None
            return {"changed": not only_check, "lines": lines}

        with interruption.taken():
            # OSError: a folder that cannot be written, a disk that is full; its message has the path.
            return call(self, work, failures=(FleetError, ReportingError, OSError))


def _refused(problems: list[str]) -> AnsibleActionFail:
    """Show each problem once: Ansible would show a message twice."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    for line in ("", f"the experiment has {count}; nothing was started", ""):
        Display().display(line)
    for number, problem in enumerate(problems, 1):
        Display().display(f"  {number}. {for_screen(problem)}")
    return AnsibleActionFail("nothing was started; the problems are listed above")
