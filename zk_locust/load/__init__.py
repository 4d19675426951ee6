"""The load inside Locust: its start-up, users, operations, task sets, stages and timers."""
