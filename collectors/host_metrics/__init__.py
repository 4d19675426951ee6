"""Samples the machines of a run and the server and worker processes on them: `host-metrics.csv`.

`python -m host_metrics` is the command line. The package needs only Python 3.9 and Linux's `/proc`, because it also
runs on members, where nothing is installed for it.
"""
