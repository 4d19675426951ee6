"""The charts of the machines over time, and of the ZooKeeper processes on them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from host_metrics.columns import WHOLE_MACHINE
from reporting.analyse import machine_samples, machine_usage
from reporting.render.chart import Figure, few_lines
from reporting.render.drawing import Frame
from reporting.render.metric_charts import Metric, metric_figure
from reporting.text import natural, some
from reporting.verdict.judged_run import JudgedRun

MAX_MACHINE_LINES: Final = 8
MAX_NAMES: Final = 4  # hosts that a line's name lists
SHARED: Final = " Hosts that are containers of one kernel have one line together."


@dataclass(frozen=True, slots=True)
class MachineFigure:
    """A figure of the machines that has a chart: the largest of `columns`, divided by `unit`.

    Nothing is drawn where no machine reaches `least`: there is nothing to see. What is `of_kernel` is the same for all
    containers of one kernel, and drawn once for them.
    """

    columns: tuple[str, ...]
    slug: str
    title: str
    y_title: str
    caption: str
    unit: float = 1.0
    least: float = 0.0
    y_max: float | None = None
    number_format: str = ",.0f"
    of_kernel: bool = True


MACHINE_FIGURES: Final = (
    MachineFigure(
        ("cpu_share",),
        "machine-cpu",
        "CPU of each machine",
        "percent of all its cores",
        "Cores in use by all processes of the machine, in percent of all its cores.",
        y_max=100,
    ),
    MachineFigure(
        ("net_receive_bytes_per_s", "net_send_bytes_per_s"),
        "machine-network",
        "Network of each machine",
        "MB a second",
        "Received or sent, whichever is larger: a link is full when one direction is. Loopback is excluded.",
        unit=1e6,
        least=0.1,
        number_format=",.3~f",
        of_kernel=False,
    ),
    MachineFigure(
        ("disk_write_bytes_per_s",),
        "machine-disk-writes",
        "Written to the disks of each machine",
        "MB a second",
        "What the machine wrote to its disks: a member's transaction log, snapshots, logs.",
        unit=1e6,
        least=0.1,
        number_format=",.3~f",
    ),
    MachineFigure(
        ("disk_busy_percent",),
        "machine-disk-busy",
        "Busiest disk of each machine",
        "percent of the time",
        "Time that the machine's busiest disk was busy. A member answers a write after its disk has stored it.",
        least=5.0,
        y_max=100,
    ),
)


def of_zookeeper(judged: JudgedRun, frame: Frame) -> list[Figure]:
    """CPU of the ZooKeeper processes over time; nothing when none was sampled."""
    samples = judged.samples
    rows = machine_samples.with_figures(
        judged.run, samples[samples["process"] == machine_usage.ZOOKEEPER], ["cpu_percent"]
    )
    step_s = machine_samples.step_s(samples, judged.timeline)
    found = machine_samples.over_time(rows["time_s"], rows["host"], rows["cpu_percent"], step_s)
    if not len(found):
        return []
    names = sorted(found["series"].unique(), key=natural)
    return [
        _figure(
            MachineFigure(
                ("cpu_percent",),
                "zookeeper-cpu",
                "CPU of each ZooKeeper process",
                "percent of one core",
                "CPU of the member's process in percent of one core: several threads can use more than 100. In a gap "
                "it did not run.",
            ),
            "members",
            found,
            names,
            frame,
        )
    ]


def of_machines(judged: JudgedRun, frame: Frame) -> list[Figure]:
    """One figure for each of `MACHINE_FIGURES` in which there is something to see."""
    samples = judged.samples
    columns = [column for wanted in MACHINE_FIGURES for column in wanted.columns]
    rows = machine_samples.with_figures(judged.run, samples[samples["process"] == WHOLE_MACHINE], columns)
    step_s = machine_samples.step_s(samples, judged.timeline)
    of_machines = _Drawn(rows, rows["machine"].map(_labels(machine_usage.hosts_of(judged.run))))
    of_kernels = _by_kernel(judged, rows)
    figures = []
    for wanted in MACHINE_FIGURES:
        drawn = of_kernels if wanted.of_kernel else of_machines
        values = drawn.rows[list(wanted.columns)].max(axis=1) / wanted.unit
        if not (values >= wanted.least).any():
            continue
        found = machine_samples.over_time(drawn.rows["time_s"], drawn.labels, values, step_s)
        data, names = few_lines(found, MAX_MACHINE_LINES, "busiest machine")
        told = replace(wanted, caption=wanted.caption + (SHARED if drawn.shared else ""))
        figures.append(_figure(told, "machines", data, names, frame))
    return figures


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The samples that make the lines of a chart, and the name of each one's line; whether containers share one."""

    rows: pd.DataFrame
    labels: pd.Series
    shared: bool = False


def _by_kernel(judged: JudgedRun, rows: pd.DataFrame) -> _Drawn:
    """The samples of the machines, of those that are containers of one kernel only one's."""
    hosts, kernels = machine_usage.hosts_of(judged.run), machine_usage.kernels_of(judged.run)
    of_kernel: dict[str, list[str]] = {}
    for id_ in hosts:
        of_kernel.setdefault(kernels.get(id_) or f"of {id_}", []).append(id_)
    thing = rows["machine"].map({id_: kernel for kernel, ids in of_kernel.items() for id_ in ids})
    together = {
        kernel: tuple(sorted((host for id_ in ids for host in hosts[id_]), key=natural))
        for kernel, ids in of_kernel.items()
    }
    one = machine_samples.one_of_each(rows, thing, "machine")
    return _Drawn(one, thing[one.index].map(_labels(together)), any(len(ids) > 1 for ids in of_kernel.values()))


def _figure(wanted: MachineFigure, group: str, data: pd.DataFrame, names: list[str], frame: Frame) -> Figure:
    metric = Metric(
        *(wanted.slug, wanted.title, wanted.y_title, wanted.caption, wanted.number_format, group, wanted.title),
        unit=wanted.y_title.split(" of ")[0],
        y_max=wanted.y_max,
    )
    return metric_figure(metric, data, "series", names, frame)


def _labels(hosts: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {key: some(found, MAX_NAMES) for key, found in hosts.items()}
