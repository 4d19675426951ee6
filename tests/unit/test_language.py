"""Texts use plain technical English, and the subjects of commits are short.

A phrase of the list below made readers read a sentence twice. Each has a usual word, which the message names.
"""

import io
import re
import subprocess
import tokenize
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.places import PROJECT
from tests.needs import missing

PLACES = (
    *(
        "README.md",
        "docs",
        "Makefile",
        "ansible.cfg",
        "pyproject.toml",
        ".ci",
        "tools",
        "inventory",
        "playbooks",
        "roles",
    ),
    *("zk_locust", "collectors", "reporting", "fleet", "fabfile.py", "lab", "benchmarks", "tests"),
)
NO_TEXT = (
    *(Path(__file__), PROJECT / "inventory" / "lab", PROJECT / "tests" / "browser" / "screenshots"),
    PROJECT / "docs" / "examples",  # pages that reports have written, with the charts' library in them
)

PHRASES = {
    r"\bon (?:its|their) way\b": "running, being sent",
    r"\bsome(?:body|one) else(?:'s)?\b|\bof (?:any|every)body(?: else)?'s\b": "external, another user, another process",
    r"\b(?:is|are|be) nobody's\b": "unused, free",
    r"\bwhose (?:doing|making)\b": "the cause of, unacknowledged",
    r"\beach other's processors?\b": "compete for CPU",
    r"\b(?:is|are|was|were|be|been|has|have|had|needs?|takes?|holds?|knows?|gives?|says?) but\b|\bbut said\b": "only",
    r"\b(?:nothing|nobody|nowhere|none|all|any|anything|everything|everybody|everywhere) but\b": "only, except",
    r"\bis no time limit\b|\bnothing ends within it\b": "is too short; use at least …",
    # Not a text of only this word, which is a name: the state of a run in older manifests.
    r"(?:(?<!\0 )(?<!`)\bwhole\b|\bwhole\b(?! \0|`))(?! (?:number|(?:milli)?second|minute|hour)s?\b)": "complete, all",
    r"\b(?:measured|warm-up|cool-down) parts?\b|\bparts? of (?:a|the) load\b": "stage",
    r"\bbe it\b": "or, even",
    r"\bin good order\b": "shut down, orderly",
    r"\bhalf[- ]made\b": "incomplete",
    r"\bwins? over\b": "override",
    r"\bfor want of\b": "without",
}

# Since when the subjects of commits are short; a shallow clone shows the newest of them.
SHORT_SINCE, LONGEST_SUBJECT = "2026-11-26T15:45:00+00:00", 72


def files(place: str) -> list[Path]:
    """Return the files with text below a place of the project."""
    top = PROJECT / place
    found = [top] if top.is_file() else sorted(path for path in top.rglob("*") if path.is_file())
    return [
        path
        for path in found
        if "__pycache__" not in path.parts and not any(path.is_relative_to(other) for other in NO_TEXT)
    ]


def pieces(suffix: str, content: str) -> Iterator[tuple[int, str]]:
    """Yield line number and text of what people read in a file; `\\0` where code separates two texts."""
    if suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(content).readline):
            kind = tokenize.tok_name[token.type]
            if kind in ("COMMENT", "STRING", "FSTRING_MIDDLE"):
                text = re.sub(r"^(?:#+|[A-Za-z]*(?:\"{3}|'{3}|\"|'))|(?:\"{3}|'{3}|\"|')$", "", token.string)
                text = re.sub(r"\{\w[^{}]*\}", "…", text)  # an expression, which Python 3.12 gives apart
                yield from enumerate(text.split("\n"), token.start[0])
            elif kind not in ("NL", "NEWLINE", "INDENT", "DEDENT", "FSTRING_START", "FSTRING_END"):
                yield token.start[0], "\0"
    elif suffix in (".js", ".css", ".c"):
        content = re.sub(r"\$\{[^{}]*\}", "…", content)
        for found in re.finditer(r"/\*.*?\*/|//[^\n]*|\"[^\"\n]*\"|`[^`]*`", content, re.DOTALL):
            first = content.count("\n", 0, found.start()) + 1
            yield from enumerate(re.sub(r"^\s*(?:/?\*+|//)", "", found[0], flags=re.MULTILINE).split("\n"), first)
            yield first, "\0"
    else:
        for number, line in enumerate(content.split("\n"), 1):
            yield number, re.sub(r"^\s*(?:[#;]+|//|\*)\s", "", line)


def faults(suffix: str, content: str) -> list[str]:
    """Return line, phrase and usual word of each phrase; a phrase may go over the end of a line."""
    text, starts, lines = "", [], []
    for line, piece in pieces(suffix, content):
        starts.append(len(text))
        lines.append(line)
        text += " ".join(piece.split()) + " "
    return [
        f"{lines[bisect_right(starts, found.start()) - 1]}: [{found[0]}], say: {usual}"
        for phrase, usual in PHRASES.items()
        for found in re.finditer(phrase, text, re.IGNORECASE)
    ]


@pytest.mark.parametrize("place", PLACES)
def test_texts_use_usual_words(place: str) -> None:
    found = []
    for file in files(place):
        try:
            content = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image
        found += [f"{file.relative_to(PROJECT)}:{fault}" for fault in faults(file.suffix, content)]
    assert not found, "\n".join(found)


def test_every_place_has_text() -> None:
    assert [place for place in PLACES if not files(place)] == []


@pytest.mark.parametrize(
    ("suffix", "content", "line"),
    [
        (".md", "The load is on its way.", 1),
        (".md", "The load is\non\nits way.", 2),
        (".py", '"""A member of\n    somebody else\'s."""', 2),
        (".py", "# a run that\n# is but said\n", 2),
        (".py", 'say("which is " f"but said {x}")', 1),
        (".py", "x = f'{x} is but one'", 1),
        (".py", 'say("the file is whole")', 1),
        (".yml", "# until it is\n    # whole: one file\n", 2),
        (".js", "x = 1; /* where two\n * take each other's processor */", 2),
        (".j2", "<p>The measured part</p>", 1),
    ],
)
def test_a_phrase_is_found_wherever_people_read_it(suffix: str, content: str, line: int) -> None:
    (found,) = faults(suffix, content)
    assert found.startswith(f"{line}: [")


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".py", 'whole = "be" + it  # a whole number'),
        (".py", 'state == "whole"'),
        (".py", "say('nothing')  # but the last\n"),
        (".py", "x = f'{whole} s, {whole + 1:02} ms'"),
        (".js", "const whole = (x) => `${whole} s`;"),
        (".md", "`complete` (`whole` in older manifests)"),
        (".md", "It is small, but it works. All members, but not all hosts: 5 whole seconds."),
    ],
)
def test_names_of_code_and_usual_words_are_left_alone(suffix: str, content: str) -> None:
    assert faults(suffix, content) == []


def test_subjects_of_commits_are_short() -> None:
    if not (PROJECT / ".git").exists():
        pytest.skip("needs the history of git: this is an export without it")
    command = ["git", "-c", "safe.directory=*", "log", f"--since={SHORT_SINCE}", "--format=%s"]
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True)
    except FileNotFoundError:
        missing("needs git: apt install git")
    assert [subject for subject in done.stdout.splitlines() if len(subject) > LONGEST_SUBJECT] == []
