"""Fixtures: run folders of a synthetic load, made once."""

from pathlib import Path
from typing import Any

import pytest

from reporting import judge_run
from reporting.render import chart_list
from reporting.render.chart import Figure
from reporting.verdict.judged_run import JudgedRun
from tests.unit.reporting.synthetic import RUN_ID, Synthetic


@pytest.fixture(scope="session")
def sound_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing is wrong with; not to be written to."""
    return Synthetic().write(tmp_path_factory.mktemp("results") / RUN_ID)


@pytest.fixture(scope="session")
def sound(sound_run: Path) -> JudgedRun:
    return judge_run(sound_run)


@pytest.fixture(scope="session")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing is wrong with, of few lines; not to be written to."""
    load = Synthetic(warm_up_s=2, run_time_s=5, stall_at_s=None, members=1, workers=1)
    return load.write(tmp_path_factory.mktemp("results") / RUN_ID)


@pytest.fixture(scope="session")
def troubled_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with failures, a lost worker, workers short of CPU and a member that was away; not to be written to.

    Its files are of an older version, so its report has only what reports of such runs always had.
    """
    run_id = "20261124T041500Z-quick-troubled"
    run = Synthetic(run_id, failures_in_stall=40, worker_lost_at_s=25, cpu_percent=95, member_down=(10, 20), older=True)
    return run.write(tmp_path_factory.mktemp("results") / run_id)


@pytest.fixture(scope="session")
def troubled(troubled_run: Path) -> JudgedRun:
    return judge_run(troubled_run)


@pytest.fixture(scope="session")
def drawn(troubled: JudgedRun) -> list[Figure]:
    return chart_list.build(troubled)


@pytest.fixture(scope="session")
def specs(drawn: list[Figure]) -> dict[str, dict[str, Any]]:
    """What the page has of each figure, by its slug; not to be changed."""
    return {figure.slug: figure.page_spec() for figure in drawn}
