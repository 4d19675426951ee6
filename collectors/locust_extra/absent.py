"""Who is not there while a load runs, for its progress line: lost workers, members that do not answer, a leader."""

from typing import Final

_LEADER: Final = "leader"
_NAMED: Final = 3


class Absent:
    """What the process that leads the load knows of its workers and of the ensemble's members."""

    def __init__(self) -> None:
        self._members: dict[str, str | None] = {}
        self._had_leader = False

    def see_member(self, member: str, state: str, problem: str) -> None:
        """Take one poll of a member: what it says it is, or why it does not answer."""
        self._members[member] = None if problem else state
        self._had_leader = self._had_leader or self._members[member] == _LEADER

    def lines(self, workers: int, lost: int) -> list[str]:
        """Say in a few words who is absent now, of so many workers; nothing where nobody is."""
        said = [f"{lost} of {workers} workers lost"] if lost else []
        silent = sorted(member for member, state in self._members.items() if state is None)
        if silent:
            more = f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else ""
            said.append(f"{', '.join(silent[:_NAMED])}{more} {'does' if len(silent) == 1 else 'do'} not answer")
        if self._had_leader and _LEADER not in self._members.values():
            said.append("no leader")
        return said
