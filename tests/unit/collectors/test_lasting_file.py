"""The file that figures go to, on a small disk of its own that really is full."""

from pathlib import Path

import pytest

from host_metrics.columns import RECORDS_LOST, WRITE_FAILED, WRITE_RESUMED
from host_metrics.lasting_file import LastingFile
from tests.small_disk import fill

RECORDS = [f"{number},{'x' * 1000}\n" for number in range(40)]


class Told(list[tuple[str, str, str]]):
    """What a file has told of itself."""

    def __call__(self, *what: str) -> None:
        event, subject, detail = what
        self.append((event, subject, detail))

    @property
    def events(self) -> list[str]:
        return [event for event, _, _ in self]


def test_on_a_full_disk_records_wait_and_none_is_missing_or_there_twice(disk: Path) -> None:
    told = Told()
    file = LastingFile(disk / "figures.csv", told)
    file.write(RECORDS[0])
    ballast = fill(disk)
    for record in RECORDS[1:]:
        file.write(record)
        # A reader sees complete records only, at any moment.
        text = (disk / "figures.csv").read_text()
        assert "".join(RECORDS).startswith(text)
        assert text.endswith("\n")
    assert told.events == [WRITE_FAILED]
    assert told[0][1:] == ("figures.csv", "No space left on device; its records wait in memory")
    ballast.unlink()
    assert [file.failing, file.retry(), file.failing] == [True, True, False]
    assert file.close() == 0
    assert (disk / "figures.csv").read_text() == "".join(RECORDS)
    assert told.events == [WRITE_FAILED, WRITE_RESUMED]


def test_half_a_record_that_fitted_is_cut(disk: Path) -> None:
    file = LastingFile(disk / "figures.csv")
    file.write("begin\n")
    ballast = fill(disk)  # the file's own page still takes some
    file.write("y" * 1_000_000 + "\n")
    assert (disk / "figures.csv").read_text() == "begin\n"
    ballast.unlink()
    file.write("end\n")
    assert file.failing, "a record that is larger than the disk still waits, and those after it"
    assert (disk / "figures.csv").read_text() == "begin\n"
    assert file.close() == 2


def test_what_exceeds_the_memory_is_counted_the_oldest_first(disk: Path) -> None:
    told = Told()
    ballast = fill(disk)
    file = LastingFile(disk / "figures.csv", told, limit_bytes=sum(map(len, RECORDS[-5:])))
    for record in RECORDS:
        file.write(record)
    ballast.unlink()
    assert file.retry()
    kept = (disk / "figures.csv").read_text().splitlines(keepends=True)
    assert kept == RECORDS[-len(kept) :]
    assert told.events == [WRITE_FAILED, WRITE_RESUMED, RECORDS_LOST]
    assert told[-1][2].startswith(f"{len(RECORDS) - len(kept)} records: ")
    assert file.close() == 0


def test_what_still_waits_at_the_end_is_counted(disk: Path) -> None:
    file = LastingFile(disk / "figures.csv", limit_bytes=sum(map(len, RECORDS[-5:])))
    fill(disk)
    for record in RECORDS:
        file.write(record)
    assert file.close(patience_s=0.3) == len(RECORDS)


def test_the_file_may_tell_of_itself_in_itself(disk: Path) -> None:
    ballast = fill(disk)
    file = LastingFile(disk / "events.csv", lambda *what: file.write(f"{what[0]}\n"))
    file.write("x" * 5000 + "\n")
    ballast.unlink()
    file.write("after\n")
    file.close()
    lines = (disk / "events.csv").read_text().splitlines()
    assert sorted(lines[1:]) == sorted(["write-failed", "after", "write-resumed"])


def test_a_file_that_cannot_be_made_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        LastingFile(tmp_path / "taken")


def test_what_is_no_text_is_escaped(tmp_path: Path) -> None:
    file = LastingFile(tmp_path / "figures.csv")
    file.write("lone \ud800 surrogate\n")
    file.close()
    assert (tmp_path / "figures.csv").read_text() == "lone \\ud800 surrogate\n"


def test_a_removed_file_is_seen(tmp_path: Path) -> None:
    file = LastingFile(tmp_path / "figures.csv")
    was_removed = file.removed
    (tmp_path / "figures.csv").unlink()
    assert (was_removed, file.removed) == (False, True)
    file.close()


def test_a_closed_file_stays_as_it_is(tmp_path: Path) -> None:
    file = LastingFile(tmp_path / "figures.csv")
    file.write("all of it\n")
    assert file.close() == 0
    file.write("late\n")
    assert file.retry()
    assert file.close() == 0
    assert (tmp_path / "figures.csv").read_text() == "all of it\n"
