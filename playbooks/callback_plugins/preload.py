"""Load what plugins need once, in the process whose forks run the tasks: a fork for each task would load it again."""

from __future__ import annotations

import gc
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader, test_loader

DOCUMENTATION = """
name: preload
type: aggregate
short_description: Loads filters and tests before the first task
description: Tasks run in forks, which share what was loaded before.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Loads every filter and test, and with them the packages of the project that they call."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "preload"
    CALLBACK_NEEDS_ENABLED = False

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Load them: the folders of the playbook are known now."""
        del playbook
        for loader in (filter_loader, test_loader):
            list(loader.all())
        # A collection in a fork would write to every object, and so copy the memory that it shares with this process.
        gc.collect()
        gc.freeze()
