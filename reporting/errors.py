"""What can go wrong while reporting, by whose fault it is.

    ReportingError
    └── InputError      the user's: a folder, run id or option that does not exist; exit code 2

What is wrong *inside* a run folder is a `reporting.read.problems.Problem`, not an exception: a reader still gets
whatever could be read.
"""


class ReportingError(Exception):
    """Something that reporting tells its user in one line."""


class InputError(ReportingError):
    """The user named something that is not there, or is not what it should be."""
