"""Benchmarks of the project's own parts, each beside a rival: `python -m benchmarks.NAME`, from a checkout."""
