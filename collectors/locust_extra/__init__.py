"""Locust's own statistics, as series and as full distributions."""
