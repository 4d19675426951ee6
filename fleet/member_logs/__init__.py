"""What a member's logs say of the time of a run: garbage collection, slow fsyncs, elections, sessions, connections."""
