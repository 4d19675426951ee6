"""Loads that are described, not programmed: a mix of operations over a tree that is filled before the first user.

`specification` says what can be described, `reading` checks a description, `keys`, `values` and `steps` make the random
choices, `preparation` fills and removes the tree, `task_set` with `operations`, `locks` and `broadcast` drive it.
docs/workloads.md is the user's page.
"""
