"""One load host's share of a run: its processes, started, watched and ended without anybody's help."""
