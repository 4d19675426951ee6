"""Judges a run: one small function for each rule."""
