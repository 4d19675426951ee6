"""What every machine of a run does, and the server and worker processes on it: `host-metrics.csv`.

`python -m host_metrics` is the command line. This package needs Python and Linux's `/proc` and nothing else, because it
runs on the members' machines too, where nothing is installed for it, and Python may be 3.9.
"""
