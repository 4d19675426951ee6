"""The tables of a report. Page and Markdown show the same ones."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from reporting import text
from reporting.analyse import member_usage
from reporting.analyse.happenings import WORDS
from reporting.analyse.headline import Row
from reporting.render import figure_verdicts
from reporting.render.figure_verdicts import Badge
from reporting.text import percent
from reporting.verdict.figure import RATE
from reporting.verdict.judged_run import JudgedRun
from zk_locust.contract.clock_names import RESPONSE, SERVICE
from zk_locust.contract.verdicts import INCONCLUSIVE, VALID, VOID

_MOST_STAGES: Final = 20
MEANING: Final = {
    VALID: "No rule found anything against these figures.",
    INCONCLUSIVE: "There are figures, but something other than the ensemble may have shaped them.",
    VOID: "This run has no result.",
}


@dataclass(frozen=True, slots=True)
class LatencyColumn:
    """A column of latencies: the field of `Latencies`, the figure that is judged in it, if any.

    `of_both` columns are shown where response and service time stand side by side.
    """

    title: str
    field: str
    figure: str
    of_both: bool


LATENCIES: Final = (
    LatencyColumn("Mean", "mean_us", "", of_both=False),
    LatencyColumn("p50", "p50_us", "p50", of_both=True),
    LatencyColumn("p95", "p95_us", "", of_both=False),
    LatencyColumn("p99", "p99_us", "p99", of_both=True),
    LatencyColumn("p99.9", "p999_us", "p99.9", of_both=True),
    LatencyColumn("Max", "max_us", "", of_both=True),
)
MAX_EVENTS: Final = 200
MAX_OF_A_KIND: Final = 20  # of the kinds that the charts show: members pause for their garbage collector often


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts. The first `text_columns` columns hold words, the others figures, set to the right.

    `has_total` sets the last row apart; `note` says what the table leaves out or how to read it. `badges` has the
    verdict of the figure in some cells, by row and column, and `links` the relative address that a cell leads to.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int
    has_total: bool = False
    note: str = ""
    badges: Mapping[tuple[int, int], Badge] = field(default_factory=dict)
    links: Mapping[tuple[int, int], str] = field(default_factory=dict)


def headline(judged: JudgedRun) -> Table:
    """Operations, rate, latencies and failures of the measured stage, by operation; in open loop by both clocks."""
    found = judged.headline
    rows = found.rows if len(found.rows) == 1 else (*found.rows, found.total)
    note = f"Measured stage only, {text.duration(found.measured_s)}. "
    if not found.measured_s:
        note = "Nothing was measured. "
    note += "Operations, rate and latencies are of successful operations; failures are counted separately."
    if not found.from_distributions and found.total.operations:
        note += " Percentiles come from locust-stats.csv, because the distributions are missing."
    if found.total.clock == RESPONSE:
        both = [column for column in LATENCIES if column.of_both]
        shown = [(f"{clock.capitalize()} {each.title}", clock, each) for clock in (RESPONSE, SERVICE) for each in both]
        note += " Verdicts of latencies are on response time; service times beside it have none of their own."
        undue = [row.operation for row in found.rows if row.response is None and row.operations]
        if undue:
            note += f" Operations without a due time are judged by service time: {text.some(undue, 5)}."
    else:
        shown = [(each.title, SERVICE, each) for each in LATENCIES]
    latencies = [(clock, column) for _, clock, column in shown]
    return Table(
        "Results",
        ("Operation", "Operations", "Rate (1/s)", *(f"{title} (ms)" for title, *_ in shown), "Failures"),
        tuple(_headline_cells(row, latencies) for row in rows),
        1,
        has_total=len(rows) > 1,
        note=note,
        badges={
            (at, column): badge
            for at, row in enumerate(rows)
            for column, (clock, figure) in enumerate(
                ((row.clock, RATE), *((c, each.figure) for c, each in latencies)), 2
            )
            if (badge := figure_verdicts.badge(judged, row.operation, figure, clock)) is not None
        },
    )


def _headline_cells(row: Row, latencies: Sequence[tuple[str, LatencyColumn]]) -> tuple[str, ...]:
    clocks = {SERVICE: row.service, RESPONSE: row.response}
    failures = text.count(row.failures) + (f" ({percent(row.failure_share)})" if row.failures else "")
    return (
        row.operation,
        text.count(row.operations),
        text.rate(row.rate_per_s),
        *(text.latency_ms(getattr(clocks[clock], column.field, None)) for clock, column in latencies),
        failures,
    )


def errors(judged: JudgedRun) -> Table | None:
    """Failures by error, the most frequent first."""
    found = sorted(judged.headline.errors.items(), key=lambda item: (-item[1], item[0]))
    rows = tuple((name, text.count(count)) for name, count in found)
    return Table("Errors", ("Error", "Failures"), rows, 1) if rows else None


def scenario(judged: JudgedRun) -> Table:
    """What was run."""
    manifest = judged.run.manifest
    known = dict(manifest.scenario)
    known.pop("parameters", None)  # they have their own table
    if "warmup" in known:
        known.pop("warmup_s", None)  # says less
    named = (
        ("name", "Scenario", ""),
        ("description", "Description", ""),
        ("locustfile", "Locustfile", ""),
        ("users", "Users", ""),
        ("spawn_rate", "Users started a second", ""),
        ("preparation_s", "Filling and removing the tree, at most", "s"),
        ("warmup", "Warm-up", ""),
        ("warmup_s", "Warm-up", "s"),  # of older versions
        ("run_time_s", "Measured stage, planned", "s"),
        ("planned_s", "From the first user to the end, planned", "s"),
        ("scenario_file", "Scenario's file", ""),
    )
    rows = [("Run", judged.run.run_id), ("Label", manifest.label)]
    for key, title, unit in named:
        value = known.pop(key, None)
        rows.append((title, f"{shown(value)} {unit}".strip() if value not in (None, "") else ""))
    known.pop("faults", None)  # they have their own section
    for key in ("user_stages", "first_users"):  # the plan has them for readers
        known.pop(key, None)
    rows.append(("Stages of users", text.some(list(map(str, manifest.plan.user_stages)), _MOST_STAGES)))
    rows += [(str(key), shown(value)) for key, value in known.items()]
    rows += [("Started", text.moment(manifest.started)), ("Ended", text.moment(manifest.ended))]
    rows += [("State", manifest.state), ("Reason", manifest.reason)]
    return Table("Scenario", ("Setting", "Value"), _filled(rows), 2)


def parameters(judged: JudgedRun) -> Table | None:
    """The parameters of the load, by flag."""
    found = sorted(judged.run.manifest.parameters.items())
    rows = tuple((f"--{key}", shown(value)) for key, value in found if value is not None)
    return Table("Parameters", ("Flag", "Value"), rows, 2) if rows else None


def hosts(judged: JudgedRun) -> Table | None:
    """The hosts of the run."""
    manifest = judged.run.manifest
    names = list(dict.fromkeys([*(name for found in manifest.groups.values() for name in found), *manifest.hosts]))
    columns = (
        ("distribution", "System"),
        ("kernel", "Kernel"),
        ("cpu_model", "CPU"),
        ("cores", "Cores"),
        ("memory_mb", "Memory"),
        ("python", "Python"),
        ("java", "Java"),
        ("zookeeper_version", "ZooKeeper"),
        ("zookeeper_mode", "Mode"),
        ("clock_offset_ms", "Clock offset"),
    )
    shown_columns = [column for column in columns if any(manifest.hosts.get(name, {}).get(column[0]) for name in names)]
    rows = []
    for name in names:
        known = manifest.hosts.get(name, {})
        roles = manifest.roles(name)
        if not roles and known.get("zookeeper_mode"):
            roles = ["member"]  # of an external ensemble, which the inventory need not name
        cells = [_host_cell(known, key) for key, _ in shown_columns]
        rows.append((name, ", ".join(roles), *cells))
    head = ("Host", "Role", *(title for _, title in shown_columns))
    return Table("Hosts", head, tuple(rows), len(head)) if rows else None


def _host_cell(known: Mapping[str, Any], key: str) -> str:
    value = known.get(key)
    if key == "memory_mb" and isinstance(value, int):
        return f"{value:,} MB"
    if key == "clock_offset_ms" and isinstance(value, int | float):
        # Against the controller's, and how far that may be off.
        return f"{value:+.1f} ms ± {float(known.get('clock_error_ms') or 0):.1f}"
    return shown(value)


def member_rows(judged: JudgedRun) -> Table | None:
    """What each member did during the load."""
    found = member_usage.build(judged.run, judged.timeline)
    head = (
        "Member",
        "State",
        "Version",
        "Polls answered",
        "Outstanding, most",
        "Connections, most",
        "Znodes, last",
        "Watches, most",
        "Avg latency since its start (ms)",
    )
    rows = tuple(
        (
            str(row["member"]),
            text.NOTHING if pd.isna(row["state"]) else str(row["state"]),
            text.NOTHING if pd.isna(row["version"]) else str(row["version"]).split(",")[0].split("-")[0],
            f"{row['answered']} of {row['polls']}",
            *(
                text.NOTHING if pd.isna(value) else f"{value:,.0f}"
                for value in (row["outstanding"], row["connections"], row["znodes"], row["watches"])
            ),
            text.NOTHING if pd.isna(row["avg_latency_ms"]) else f"{row['avg_latency_ms']:,.3g}",
        )
        for row in found.to_dict("records")
    )
    return Table("Members during the load", head, rows, 3) if rows else None


def versions(judged: JudgedRun) -> Table | None:
    """Versions of what took part."""
    found = sorted(judged.run.manifest.versions.items())
    rows = tuple((str(name), shown(value)) for name, value in found if value not in (None, ""))
    return Table("Versions", ("Software", "Version"), rows, 2) if rows else None


def phases(judged: JudgedRun) -> Table | None:
    """How long each phase took."""
    rows = tuple(
        (phase.name, text.moment(phase.start), text.duration(phase.duration_s) if phase.end else "not ended")
        for phase in judged.run.manifest.phases
        if phase.end or phase.name != "report"  # a report cannot know how long it takes itself
    )
    return Table("Phases", ("Phase", "Start", "Duration"), rows, 2) if rows else None


def events(judged: JudgedRun) -> Table | None:
    """What happened when."""
    found = judged.run.events
    counts = found["event"].value_counts()
    frequent = [str(kind) for kind in counts.index[counts > MAX_OF_A_KIND] if kind in WORDS]
    found = found[~found["event"].isin(frequent)]
    rows = []
    for record in found.sort_values("timestamp", kind="stable").head(MAX_EVENTS).to_dict("records"):
        at_s = judged.timeline.in_load_time(float(record["timestamp"]))
        when = text.NOTHING if at_s != at_s else f"{at_s:+,.1f}"
        rows.append((when, *(str(record[column]) for column in ("source", "event", "subject", "detail"))))
    note = "Seconds are counted from the load's start."
    if len(found) > MAX_EVENTS:
        note += f" The first {MAX_EVENTS} of {len(found):,} events; events.csv has all."
    if frequent:
        told = text.some([f"{counts[kind]:,} {kind}" for kind in frequent], len(frequent))
        note += f" Not listed, but in the charts and in events.csv: {told}."
    head = ("Time (s)", "Source", "Event", "Subject", "Detail")
    return Table("Events", head, tuple(rows), len(head), note=note) if rows else None


def inventory(judged: JudgedRun) -> Table | None:
    """Each host's inventory variables; one row for those with the same value on every host."""
    variables = judged.run.manifest.host_variables
    names = list(dict.fromkeys(name for found in variables.values() for name in found))
    rows = []
    for name in sorted(names):
        values = {host: shown(found[name]) for host, found in variables.items() if name in found}
        if len(values) == len(variables) and len(set(values.values())) == 1:
            rows.append((name, "every host", next(iter(values.values()))))
            continue
        by_value: dict[str, list[str]] = {}
        for host, value in values.items():
            by_value.setdefault(value, []).append(host)
        rows += [(name, ", ".join(found), value) for value, found in by_value.items()]
    return Table("Inventory", ("Variable", "Hosts", "Value"), tuple(rows), 3) if rows else None


def shown(value: Any) -> str:
    """A value of the manifest as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _filled(rows: Sequence[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(row for row in rows if row[1])
