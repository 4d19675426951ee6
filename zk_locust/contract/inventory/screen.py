"""How preflight shows problems and warnings on screen."""

from collections.abc import Iterable


def joined(problems: Iterable[str]) -> list[str]:
    """Write once what is said of several hosts: `a: text` and `b: text` become `a, b: text`."""
    subjects: dict[str, list[str]] = {}
    for problem in problems:
        subject, _, text = problem.partition(": ")
        subjects.setdefault(text, []).append(subject)
    return [f"{', '.join(dict.fromkeys(names))}: {text}" for text, names in subjects.items()]


def problem_report(lines: Iterable[str], *, only_warnings: bool = False) -> list[str]:
    """Return the lines that show problems on screen, or warnings."""
    lines = joined(lines)
    if only_warnings:
        return [f"  warning: {line}" for line in lines]
    count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
    return [
        "",
        f"preflight found {count}; nothing was started",
        "",
        *(f"  {number}. {problem}" for number, problem in enumerate(lines, 1)),
        "",
    ]
