"""Loads Locust before any test does, without its patching of the standard library: tests here use real threads."""

import os

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
import locust  # noqa: F401

del os.environ["LOCUST_SKIP_MONKEY_PATCH"]  # the processes that tests start are patched, as they are for users
