"""What a hostile or broken host sends: refused by name, and nothing outside the folder is written."""

import gzip
import io
import os
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.host_files import take_in
from fleet.left_over import take_late
from fleet.pack import MIB, Limits, PackError, Unpacked, shown, unpack

LIMITS = Limits()


def entry(name: str, content: bytes = b"", **values: Any) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in values.items():
        setattr(member, key, value)
    return member, content


def link(name: str, to: Path | str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, type=kind, linkname=str(to))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., Path]:
    def make(*entries: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT, mode: str = "w:gz") -> Path:
        file = tmp_path / "pack.tar.gz"
        with tarfile.open(file, mode, format=form) as archive:  # type: ignore[call-overload]
            for member, content in entries:
                archive.addfile(member, io.BytesIO(content))
        return file

    return make


def names(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_files_are_taken_from_every_kind_of_tar(folder: Path, pack: Callable[..., Path], form: int, mode: str) -> None:
    big = os.urandom(3 * MIB + 17)
    made = pack(
        entry(".", type=tarfile.DIRTYPE), entry("./a.csv", b"1\n", mtime=1.5), entry("big_1.log", big), entry("empty"),
        form=form, mode=mode,
    )  # fmt: skip
    found = unpack(made, folder, LIMITS)
    assert found == Unpacked(taken=["a.csv", "big_1.log", "empty"])
    assert names(folder) == {"a.csv": b"1\n", "big_1.log": big, "empty": b""}


def test_a_link_is_not_followed_by_a_file_of_its_name(tmp_path: Path, folder: Path, pack: Callable[..., Path]) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    evil = [link("events.csv", precious), entry("events.csv", b"evil"), link("hard", precious, tarfile.LNKTYPE)]
    found = unpack(pack(*evil), folder, LIMITS)
    assert precious.read_text() == "precious"
    assert names(folder) == {"events.csv": b"evil"}
    assert found.refused == [
        "[events.csv] was refused: it is a symbolic link",
        "[hard] was refused: it is a hard link",
    ]


def test_a_link_is_not_followed_to_the_top_of_the_record(tmp_path: Path, pack: Callable[..., Path]) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    record = tmp_path / "record"
    record.mkdir()
    (record / "events.csv").symlink_to(precious)  # as an earlier version has left it
    take_in(record, pack(link("latency.hlog", precious), entry("events.csv", b"evil")), "h", ["events.csv"], LIMITS)
    assert precious.read_text() == "precious"
    assert not (record / "events.csv").is_symlink()
    assert not (record / "logs/h/latency.hlog").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../out", "/etc/out", "a/b", "..", ".hidden", "-rf", "a b", "a\nb", "a\x1b[2Jb", "größe", "a\\b", "C:x", "",
        "~", "n" * 120, "a/../../out", "\udcff",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_name_that_is_not_plain_is_refused(folder: Path, pack: Callable[..., Path], name: str, form: int) -> None:
    found = unpack(pack(entry(name, b"x"), entry("good", b"y"), form=form), folder, LIMITS)
    assert names(folder) == {"good": b"y"}
    (line,) = found.refused
    assert line.endswith("was refused: its name is not a plain file name")
    assert line.isascii()
    assert line.isprintable()
    assert {path.name for path in folder.parent.iterdir()} == {"logs", "pack.tar.gz"}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.FIFOTYPE, "a FIFO"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.DIRTYPE, "a folder"),
        (b"Z", "not a regular file"),
        (tarfile.CONTTYPE, "not a regular file"),
    ],
)
def test_what_is_no_file_is_refused(folder: Path, pack: Callable[..., Path], kind: bytes, words: str) -> None:
    found = unpack(pack(entry("odd", type=kind), entry("good", b"y")), folder, LIMITS)
    assert names(folder) == {"good": b"y"}
    assert found.refused == [f"[odd] was refused: it is {words}"]


def test_a_second_file_of_a_name_does_not_replace_the_first(folder: Path, pack: Callable[..., Path]) -> None:
    found = unpack(pack(entry("a", b"1"), entry("./a", b"2")), folder, LIMITS)
    assert names(folder) == {"a": b"1"}
    assert found.refused == ["[a] was refused: there is another of that name"]


def test_what_a_killed_writer_has_left_is_left_out_without_a_word(folder: Path, pack: Callable[..., Path]) -> None:
    assert unpack(pack(entry(".status.json.0123abcd.new", b"{")), folder, LIMITS) == Unpacked()
    assert names(folder) == {}


def test_a_file_that_is_too_large_is_refused_and_the_others_are_taken(folder: Path, pack: Callable[..., Path]) -> None:
    made = pack(entry("huge", b"\0" * (3 * MIB)), entry("good", b"y"))
    found = unpack(made, folder, Limits(file=2 * MIB, all=20 * MIB))
    assert names(folder) == {"good": b"y"}
    assert found.refused[0].startswith("[huge] was refused: it has 3 MiB, more than 2 MiB; benchmark_collect_max_file_")


def test_a_figure_that_is_too_large_keeps_the_host_from_being_cleaned(
    tmp_path: Path, pack: Callable[..., Path]
) -> None:
    made = pack(entry("latency.hlog", b"\0" * (3 * MIB)))
    with pytest.raises(PackError, match=r"\[latency\.hlog\] was refused: it has 3 MiB"):
        take_in(tmp_path / "record", made, "load1", ["latency.hlog"], Limits(file=MIB))
    assert not made.exists()
    assert not (tmp_path / "record" / "latency.hlog").exists()


def test_a_pack_that_cannot_be_used_is_removed(tmp_path: Path) -> None:
    for take in (
        lambda made: take_in(tmp_path / "record", made, "load1", [], Limits()),
        lambda made: take_late(tmp_path / "record", made, "load2", Limits()),
    ):
        made = tmp_path / "pack.tar.gz"
        made.write_bytes(b"damaged")
        with pytest.raises(PackError, match="damaged"):
            take(made)
        assert not made.exists()


def test_files_that_are_too_large_together_end_it(folder: Path, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb"
    with gzip.open(bomb, "wb") as target:
        target.write(entry("zeros", size=2**40)[0].tobuf())
        for _ in range(64):
            target.write(b"\0" * MIB)
    tracemalloc.start()
    with pytest.raises(PackError, match="larger than 50 MiB together; benchmark_collect_max_mib"):
        unpack(bomb, folder, Limits(file=2**41, all=50 * MIB))
    assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    tracemalloc.stop()
    assert names(folder) == {}


def damaged(how: str, whole: bytes) -> bytes:
    """A pack, uncompressed, that a broken host sends."""
    header = entry("a", b"x" * 600)[0]
    match how:
        case "cut in a file":
            return whole[:700]
        case "cut in a header":
            return whole[:100]
        case "garbage":
            return os.urandom(2048)
        case "a negative size":
            block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
            block[124:136] = b"\xff" * 12
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
            return bytes(block)
        case "a long description":
            header = entry("x", type=tarfile.XHDTYPE)[0]
            header.size = 2**33
            return header.tobuf(tarfile.GNU_FORMAT) + b"\0" * 4096
        case "a long name":
            header = entry("x", type=tarfile.GNUTYPE_LONGNAME)[0]
            header.size = 2**20
            return header.tobuf(tarfile.GNU_FORMAT) + b"n" * 2**20
    records = {
        "no length": b"x path=y\n", "zero length": b"0 path=y\n", "too long": b"99 path=y\n", "no size": b"9 size=-\n",
    }[how]  # fmt: skip
    header = entry("x", type=tarfile.XHDTYPE)[0]
    header.size = len(records)
    return header.tobuf() + records.ljust(512, b"\0") + entry("a", b"y")[0].tobuf() + b"y".ljust(512, b"\0")


@pytest.mark.parametrize(
    "how",
    ["cut in a file", "cut in a header", "garbage", "a negative size", "a long description", "a long name", "no length",
     "zero length", "too long", "no size"],
)  # fmt: skip
def test_a_damaged_pack_is_refused(folder: Path, pack: Callable[..., Path], tmp_path: Path, how: str) -> None:
    content = damaged(how, pack(entry("a", b"x" * 600), mode="w").read_bytes())
    for form in (content, gzip.compress(content)):
        (tmp_path / "damaged").write_bytes(form)
        with pytest.raises(PackError, match="the pack is damaged"):
            unpack(tmp_path / "damaged", folder, LIMITS)
    assert names(folder) == {}


def test_a_pack_that_was_cut_off_is_refused(folder: Path, pack: Callable[..., Path], tmp_path: Path) -> None:
    whole = pack(entry("a", os.urandom(5000))).read_bytes()
    for length in (5, 20, 1000, len(whole) - 4):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(PackError, match="the pack is damaged"):
            unpack(tmp_path / "cut", folder, LIMITS)


def test_a_sparse_file_is_refused(folder: Path, pack: Callable[..., Path]) -> None:
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(2**50)}
    found = unpack(pack(entry("holes", b"1\n0\n1\n", pax_headers=headers)), folder, LIMITS)
    assert found.refused == ["[holes] was refused: it is not a regular file"]


def test_a_host_without_end_of_files_is_refused(folder: Path, pack: Callable[..., Path]) -> None:
    with pytest.raises(PackError, match="more than 10,000 files"):
        unpack(pack(*(entry(f"../{number}") for number in range(10_001)), mode="w"), folder, LIMITS)


def test_refused_names_are_bounded_in_length_and_number(tmp_path: Path, pack: Callable[..., Path]) -> None:
    assert shown("x" * 1000) == "x" * 80 + "..."
    taken = take_in(tmp_path / "record", pack(*(entry(f"../{n}") for n in range(100))), "load1", [], LIMITS)
    assert len(taken["refused"]) == 21
    assert taken["refused"][-1] == "80 more entries were refused"


@pytest.mark.parametrize("host", ["", "..", "a/b", ".x"])
def test_a_host_that_names_another_folder_is_refused(tmp_path: Path, pack: Callable[..., Path], host: str) -> None:
    with pytest.raises(PackError, match="cannot name a folder of the record"):
        take_in(tmp_path / "record", pack(entry("a", b"x")), host, [], LIMITS)


SPECS: list[Any] = [{"processes": 5}, {"processes": [1, {"name": 3}, {"name": "w", "environment": []}]}, [], {"a": {}}]
STATUSES: list[Any] = [{"processes": 5, "problem": "x"}, {"problem": "x"}, {"processes": {"master": 3}}, 7]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("status", STATUSES)
def test_a_spec_and_a_status_of_another_make_do_not_end_it(
    tmp_path: Path, pack: Callable[..., Path], spec: Any, status: Any
) -> None:
    import json

    files = [entry("spec.json", json.dumps(spec).encode()), entry("status.json", json.dumps(status).encode())]
    found = take_in(tmp_path / "record", pack(*files), "load1", ["events.csv"], LIMITS)
    assert found["taken"] == ["spec.json", "status.json"]
