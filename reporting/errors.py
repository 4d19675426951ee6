"""The exceptions of reporting.

A fault inside a run folder is a `reporting.read.problems.Problem` instead: the report shows what could be read.
"""


class ReportingError(Exception):
    """An error that is shown to the user in one line."""


class InputError(ReportingError):
    """A folder, run id or option that does not exist or is of the wrong kind; exit code 2."""
