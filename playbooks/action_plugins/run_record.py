"""Keep the record of a run on the controller."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from fleet.record_tasks import OPERATIONS
from fleet.run_record import RecordError
from fleet.task_arguments import call


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `run_record`: `operation` names one of `fleet.record_tasks`, the other arguments are those of that.

    It runs on the controller, whatever host the task is for. In check mode it only says that it would do it.
    """

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do the operation."""
        super().run(tmp, task_vars)
        operation = self._task.args.get("operation")
        if operation not in OPERATIONS:
            raise AnsibleActionFail(f"value of operation must be one of: {', '.join(OPERATIONS)}, got: {operation}")
        if self._task.check_mode:
            return {"changed": True, "folder": "", "run_id": "", "msg": f"run_record would do: {operation}"}
        try:
            return {"changed": False} | call(self, OPERATIONS[operation])
        except RecordError as error:
            raise AnsibleActionFail(str(error)) from error
        except OSError as error:
            raise AnsibleActionFail(f"the run's record cannot be kept: {error}; see benchmark_results_dir") from error
