"""The inventory contract: what the variables of an inventory mean, and what is wrong with them.

Functions over the values that the plays pass. No host and no file is touched. It needs pydantic, so that only the
controller can import it.
"""
