"""Files that cannot be written, and series without an interval, are refused before a load."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.load.fakes import Recorded, environment
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.parameters import PARAMETERS
from zk_locust.load import session
from zk_locust.load.settings_check import check_output_files, check_series

WRITTEN = [parameter for parameter in PARAMETERS if parameter.writes]


@pytest.mark.parametrize("parameter", WRITTEN, ids=lambda parameter: parameter.name)
def test_a_file_that_cannot_be_written_is_refused_by_its_flag(parameter: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, problem in ((tmp_path / "file" / "x", "Not a directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigurationError) as refused:
            check_output_files(SimpleNamespace(**{parameter.destination: str(path)}))
        assert str(refused.value) == f"{parameter.flag} [{path}]: it cannot be written ({problem}); name another file"


def test_looking_leaves_no_file_and_what_is_there_as_it_is(tmp_path: Path) -> None:
    new, old = tmp_path / "folder" / "new", tmp_path / "old"
    old.write_text("kept")
    check_output_files(SimpleNamespace(stats_csv=str(new), stats_events=str(old), hosts=None))
    assert not new.exists()
    assert old.read_text() == "kept"


def test_the_files_that_a_load_writes_are_known() -> None:
    assert {parameter.name for parameter in WRITTEN} == {
        parameter.name for parameter in PARAMETERS if parameter.metavar == "FILE" and "tls" not in parameter.name
    }


@pytest.mark.parametrize("destination", ["stats_csv", "stats_distrib", "stats_hlog", "stats_slowest"])
def test_a_series_without_an_interval_is_refused(destination: str) -> None:
    given = {destination: "x.csv", "stats_collect": 0.0}
    with pytest.raises(
        ConfigurationError, match=r"\[x.csv\]: nothing would be written: .* is 0; add --stats-collect 1"
    ):
        check_series(SimpleNamespace(**given))
    check_series(SimpleNamespace(**given | {"stats_collect": 500.0}))
    check_series(SimpleNamespace(**given | {"report_dir": "folder"}))


def test_with_a_page_files_are_looked_at_before_there_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = environment(Recorded(), hosts=None, stats_events=str(tmp_path))
    with pytest.raises(SystemExit):
        session.on_init(given, runner=object(), web_ui=object())
    assert capsys.readouterr().err.startswith(f"zk-locust: --stats-events [{tmp_path}]: it cannot be written")


def test_a_load_whose_series_has_no_interval_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = environment(Recorded(), hosts="zk1", stats_csv=str(tmp_path / "x.csv"), stats_collect=0.0, report_dir=None)
    with pytest.raises(SystemExit):
        session.on_init(given, runner=object(), web_ui=None)
    assert capsys.readouterr().err.startswith("zk-locust: --stats-csv [")
