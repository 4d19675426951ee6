"""One load host's share of a run: its processes, which a supervisor starts, watches and ends."""
