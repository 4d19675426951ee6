"""Prometheus' text format (0.0.4), as ZooKeeper's metrics provider writes it, with the names of `monitor`.

| in Prometheus | in `monitor` |
|---|---|
| `znode_count 5` | `znode_count` |
| counter `looking_count_total 1` (newer libraries add `_total`) | `looking_count` |
| summary `readlatency{quantile="0.99",} 3` | `p99_readlatency` |
| its `readlatency_count`, `readlatency_sum` | `cnt_readlatency`, `sum_readlatency` |
| the same with `key="app"` | `p99_app_…`, `cnt_app_…`, `sum_app_…` |

Samples with other labels (collectors and memory pools of the JVM) have no name in `monitor` and are left out.
"""

import re
from collections.abc import Iterator
from typing import Final

from zk_metrics.untrusted import Value, metrics_of_lines

_SAMPLE: Final = re.compile(r"([A-Za-z_:][\w:]*)(?:\{([^{}]*)\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?", re.ASCII)
# A label begins at a word's begin only: otherwise each letter of a long word is tried, and nothing interrupts that.
_LABEL: Final = re.compile(r'\b(\w+)="([^"\\]*)"', re.ASCII)
_LONGEST_LINE: Final = 4096
_QUANTILES: Final = {"0.5": "p50", "0.9": "p90", "0.95": "p95", "0.99": "p99", "0.999": "p999"}


def metrics_of_text(answer: bytes) -> dict[str, Value]:
    """Return the metrics of an answer. Raises ValueError with a message for people if it has none or too many."""
    found = metrics_of_lines(_samples(answer.decode("utf-8", "replace")))
    if not found:
        raise ValueError("the Prometheus endpoint answers no metrics")
    return found


def _samples(text: str) -> Iterator[tuple[str, str]]:
    summaries: set[str] = set()
    for line in text.splitlines():
        if len(line) > _LONGEST_LINE:
            continue
        if line.startswith("#"):
            words = line.split()
            if len(words) == 4 and words[1] == "TYPE" and words[3] == "summary":
                summaries.add(words[2])
            continue
        match = _SAMPLE.fullmatch(line.strip())
        if match is None:
            continue
        labels = dict(_LABEL.findall(match[2] or ""))
        if labels.keys() <= {"quantile", "key"} and (name := _name(match[1], labels, summaries)):
            yield name, match[3]


def _name(name: str, labels: dict[str, str], summaries: set[str]) -> str:
    """Return the name in `monitor`; empty if it has none there."""
    key = f"{labels['key']}_" if "key" in labels else ""
    if name in summaries:
        prefix = _QUANTILES.get(labels.get("quantile", ""))
        return f"{prefix}_{key}{name}" if prefix else ""
    for ending, prefix in (("_count", "cnt"), ("_sum", "sum")):
        if name.removesuffix(ending) in summaries:
            return f"{prefix}_{key}{name.removesuffix(ending)}"
    return f"{key}{name.removesuffix('_total')}"
