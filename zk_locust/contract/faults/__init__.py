"""Faults that a scenario has done to its fleet: what may be written, the plan that follows, and whom each fault meets.

It needs the standard library only.
"""
