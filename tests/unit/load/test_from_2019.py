"""docs/from-zk-locust-2019.md: what it says stands for a name of 2019 is there."""

import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import locust
import pytest
from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments
from locust.env import Environment

from zk_locust.contract.parameters import PARAMETERS
from zk_locust.load.users import ZKLocust
from zk_metrics.registration import PATH

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "from-zk-locust-2019.md"
# Of the files of a run, results.md tells; values are none of these.
RESULTS = (ROOT / "docs" / "results.md").read_text() + (ROOT / "tools" / "run-starter-kit").read_text()
VALUES = {
    "web",
    "gevent",
    "native",
    "libzookeeper",
    "zkpython",
    "member",
    "host_port",
    "LoadTestShape",
    "--",
    "**kwargs",
}


def rows() -> Iterator[tuple[str, str]]:
    for line in DOCUMENT.read_text().splitlines():
        if line.startswith("| ") and not line.startswith(("| 2019 |", "| 2019: ", "| Locust 0.x")):
            _, then, today, _ = re.split(r" ?\| ?", line)
            yield then, today


def spans(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def flags() -> set[str]:
    parser = get_empty_argument_parser(add_help=False)
    setup_parser_arguments(parser)
    own = {f"--{parameter.name}" for parameter in PARAMETERS}
    return own | {flag for action in parser._actions for flag in action.option_strings} | {"--bench-NAME", "-f"}


def exists(span: str) -> bool:
    if found := re.fullmatch(r"from ([\w.]+) import (\w+)", span):
        return hasattr(importlib.import_module(found[1]), found[2])
    if found := re.fullmatch(r"([A-Z]\w+)\.(\w+)", span):
        return hasattr(getattr(importlib.import_module("zk_locust"), found[1]), found[2])
    if span in VALUES:
        return True
    if found := re.match(r"events\.(\w+)", span):
        return hasattr(locust.events, found[1])
    if found := re.fullmatch(r"environment\.(\w+)", span):
        return hasattr(Environment(), found[1])
    if span in ("min_wait", "max_wait"):
        return hasattr(ZKLocust, span)
    words = span.split()
    if words[0] == "make":
        return re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE) is not None
    if words[0] == "zk-locust-report":
        from reporting.cli import _parser

        assert _parser().parse_args(words[1:])
        return "zk-locust-report" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    if words[0] == "locust":
        asked = [word for word in words[1:] if word.startswith("-") and not word[1:].isdigit()]
        return set(asked) <= flags() and (ROOT / words[2]).is_file()
    if words[0].startswith("-"):
        return words[0] in flags()
    if re.fullmatch(r"[A-Z][A-Z_]+", span):
        return span in {parameter.environment for parameter in PARAMETERS} | {"ZK_LOCUST_BENCH_NAME"}
    if span.startswith("/"):
        return span == PATH
    return (ROOT / span).exists() or f"`{span}`" in RESULTS or f"### {span}\n" in RESULTS or span == "out/"


@pytest.mark.parametrize(("then", "today"), list(rows()), ids=lambda cell: cell[:40])
def test_what_stands_for_it_today_is_there(then: str, today: str) -> None:
    assert spans(then) or then[0].islower(), then
    missing = [span for span in spans(today) if not exists(span)]
    assert missing == []


def test_every_name_of_the_predecessors_readme_is_in_the_table() -> None:
    """The names were taken from its README by hand; this holds that none is dropped."""
    then = " ".join(cell for cell, _ in rows())
    names = (
        "multi-locust.sh", "parameterized-locust.sh", "make", "KazooLocustClient", "ZKLocustClient", "ZKLocust",
        "LocustTimer", "register_extra_stats", "register_zk_metrics", "/zk-metrics", "--hosts", "ZK_LOCUST_HOSTS",
        "--client", "ZK_LOCUST_CLIENT", "--pseudo-root", "ZK_LOCUST_PSEUDO_ROOT", "--min-wait", "ZK_LOCUST_MIN_WAIT",
        "--max-wait", "ZK_LOCUST_MAX_WAIT", "--key-size", "ZK_LOCUST_KEY_SIZE", "--val-size", "ZK_LOCUST_VAL_SIZE",
        "--kazoo-handler", "KAZOO_LOCUST_HANDLER", "--kazoo-sasl-options", "KAZOO_LOCUST_SASL_OPTIONS",
        "KAZOO_LOCUST_CREATE_CLIENT", "--zk-metrics-collect", "ZK_LOCUST_ZK_METRICS_COLLECT", "--zk-metrics-csv",
        "ZK_LOCUST_ZK_METRICS_CSV", "--stats-collect", "LOCUST_EXTRA_STATS_COLLECT", "--stats-csv",
        "LOCUST_EXTRA_STATS_CSV", "--stats-distrib", "LOCUST_EXTRA_STATS_DISTRIB", "--bench-", "ZK_LOCUST_BENCH_",
        "--report-dir", "locust_sequence.py", "locust_set.py", "out/*.csv",
    )  # fmt: skip
    assert [name for name in names if name not in then] == []
