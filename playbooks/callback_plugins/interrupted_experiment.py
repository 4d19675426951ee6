"""Say how an interrupted experiment is continued, once its worker has ended the benchmark."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible.utils.display import Display

DOCUMENTATION = """
name: interrupted_experiment
type: aggregate
short_description: Waits until an interrupted experiment has ended its benchmark
description: Then shows how it is continued.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Waits for the worker that conducts an experiment."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "interrupted_experiment"
    CALLBACK_NEEDS_ENABLED = False

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Make ready, before Ansible makes workers."""
        if Path(playbook._file_name).name == "experiment.yml":
            from fleet.experiments import interruption  # noqa: F401

            atexit.register(_finish, os.getpid())


def _finish(pid: int) -> None:
    from fleet.experiments.interruption import left_words

    if os.getpid() != pid:
        return
    if workers := multiprocessing.active_children():
        _say("The running benchmark is being ended; please wait.")
        for worker in workers:
            worker.join()
    if words := left_words():
        _say(words)


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # a terminal that is gone
        Display().display(line)
