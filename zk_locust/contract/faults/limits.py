"""Limits that the controller and the hosts of faults keep alike. Hosts get this module too. Seconds."""

STOP_TIMEOUT_S = 30.0
"""So long a member may take to end in order, unless its inventory says otherwise."""
MOST_LATE_S = 15.0
"""So long after its moment a fault still begins, where the controller or its host is slow."""
