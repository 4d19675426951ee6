"""The members' own metrics, from their AdminServers."""
