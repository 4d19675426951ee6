"""Filters for running a load; each stands for the function of its name."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from fleet.held_hosts import held_problems
from fleet.host_result import start_failures
from fleet.host_spec import host_spec
from fleet.recorded_variables import contract_variables
from fleet.shared_folders import shared_folder_problems
from zk_locust.contract.secrets import secret_names, without_user_info


def files_in(contents: Mapping[str, str], folder: str, mode: str = "0644") -> list[dict[str, str]]:
    """Return the files of `folder` as `write_files` takes them; `contents` maps their names to their text."""
    return [
        {"path": f"{folder}/{name}", "content": base64.b64encode(text.encode()).decode(), "mode": mode}
        for name, text in contents.items()
    ]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        functions = (contract_variables, files_in, held_problems, host_spec, secret_names, shared_folder_problems)
        return {function.__name__: function for function in (*functions, start_failures, without_user_info)}
