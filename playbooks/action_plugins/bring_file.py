"""Bring a file of a host to the controller: no larger than a host may send, and without asking about it first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from fleet.bounded_fetch import FetchError, fetch
from fleet.pack import MIB, Limits


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `bring_file`: `src` on the host, `dest` here, at most `max_mib`.

    No checksum: the file itself must show if it is cut off.
    """

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Bring the file."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            argument_spec={
                "src": {"type": "str", "required": True},
                "dest": {"type": "path", "required": True},
                "max_mib": {"type": "int", "default": Limits().all // MIB},
            }
        )
        try:
            fetch(self._ask, given["src"], Path(given["dest"]), given["max_mib"])
        except FetchError as error:
            raise AnsibleActionFail(f"{given['src']} could not be fetched: {error}") from error
        except OSError as error:
            raise AnsibleActionFail(f"{given['dest']} cannot be written: {error}") from error
        return result | {"changed": True, "dest": given["dest"]}

    def _ask(self, text: str) -> Mapping[str, Any]:
        # With something to read there is no terminal; without pipelining, sudo may ask for one.
        in_data = b"\n" if self._connection.is_pipelining_enabled() else None
        answer: dict[str, Any] = self._low_level_execute_command(text, sudoable=True, in_data=in_data)
        return answer
