"""Write a run's report on the controller: at once, or begun early and waited for when it is needed."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from fleet.report_writing import ReportError, write_report
from fleet.task_arguments import call


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `write_report`: its arguments and results are those of `fleet.report_writing.write_report`."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Begin to write the report, or finish it."""
        super().run(tmp, task_vars)
        return call(self, write_report, failures=ReportError)
