"""Whether an ensemble was consistent during a run, from the histories of the load (`--history`).

    history_file.py   reads a file, in chunks                sessions.py   each session by itself, in the first pass
    order.py          all writes, in one order               nodes.py      the timeline of each node
    node_checks.py, watch_checks.py   what must be true of nodes and watches
    check.py          all of it, piece by piece              excerpt.py    the records that show a violation
    result.py         the answer, kept in consistency.json   found.py      violations

Source of what must be true: ZooKeeper's programmer's guide, "Consistency Guarantees" and "ZooKeeper Watches".
"""
