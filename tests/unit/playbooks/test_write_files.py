"""The module that brings files to a host in one call."""

import ast
import base64
import copy
import json
import os
import pwd
import threading
from pathlib import Path
from typing import Any

from playbooks.library import write_files
from playbooks.library.write_files import Wanted, complaint, difference, make
from tests import own_modules
from tests.needs import require_root

OWN = pwd.getpwuid(os.geteuid()).pw_name


def play(check: bool = False, diff: bool = True, **arguments: Any) -> dict[str, Any]:
    """Run the module as Ansible does; files are given with their text."""
    for file in arguments.get("files", []):
        file["content"] = base64.b64encode(file["content"].encode()).decode()
    given = arguments | {"_ansible_check_mode": check, "_ansible_diff": diff}
    return own_modules.run(Path(str(write_files.__file__)), given)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_files_and_their_folders_are_made_once(tmp_path: Path) -> None:
    folder, file = tmp_path / "a/b", tmp_path / "a/b/zoo.cfg"
    arguments: dict[str, Any] = {
        "folders": [{"path": str(folder), "mode": "0750"}],
        "files": [{"path": str(file), "mode": "0600", "owner": OWN, "content": "tickTime=2000\n\n"}],
    }
    first = play(**copy.deepcopy(arguments))
    assert (first["changed"], first["written"]) == (True, [str(folder), str(file)])
    assert file.read_text() == "tickTime=2000\n\n"
    assert (mode(folder), mode(tmp_path / "a"), mode(file)) == (0o750, 0o750, 0o600)
    inode = file.stat().st_ino
    second = play(**arguments)
    assert (second["changed"], second["written"], second["diff"]) == (False, [], [])
    assert file.stat().st_ino == inode
    assert [path.name for path in folder.iterdir()] == ["zoo.cfg"]


def test_a_file_of_root_gets_the_group_of_the_user_who_is_to_read_it(tmp_path: Path) -> None:
    require_root("only root can give a file another group")
    file = tmp_path / "zoo.cfg"
    gid = pwd.getpwnam("nobody").pw_gid
    given = {"path": str(file), "mode": "0640", "owner": "root", "group_of": "nobody", "content": "x\n"}
    assert play(files=[dict(given)])["changed"]
    assert (file.stat().st_uid, file.stat().st_gid, mode(file)) == (0, gid, 0o640)
    assert not play(files=[dict(given)])["changed"]
    os.chown(file, 0, 0)
    found = play(files=[dict(given)])
    assert found["diff"][0]["before"].endswith("0640 root group 0\n")
    assert file.stat().st_gid == gid


def test_check_mode_says_what_would_change_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("old\n")
    file.chmod(0o644)
    files = [
        {"path": str(file), "mode": "0600", "content": "new\n"},
        {"path": str(tmp_path / "b/c"), "mode": "0600", "owner": "nobody-knows-him", "content": "new\n"},
    ]
    result = play(check=True, folders=[{"path": str(tmp_path / "b"), "mode": "0755"}], files=files)
    assert result["written"] == [str(tmp_path / "b"), str(file), str(tmp_path / "b/c")]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (file.read_text(), mode(file)) == ("old\n", 0o644)
    content, attributes, new = result["diff"]
    assert (content["before"], content["after"], content["after_header"]) == ("old\n", "new\n", str(file))
    assert (attributes["before"], attributes["after"]) == (f"{file} 0644\n", f"{file} 0600\n")
    assert (new["before"], new["after"]) == ("", "new\n")


def test_what_is_secret_is_nowhere_in_the_result(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("password=old-hunter\n")
    arguments: dict[str, Any] = {"path": str(tmp_path / "a"), "mode": "0600", "content": "password=hunter2\nmore\n"}
    result = json.dumps(play(diff=False, files=[arguments]))
    assert "hunter" not in result
    assert arguments["content"] not in result
    assert (tmp_path / "a").read_text() == "password=hunter2\nmore\n"


def test_nothing_is_replaced_unless_all_are_valid(tmp_path: Path) -> None:
    files = [
        {"path": str(tmp_path / "settings"), "mode": "0644", "content": "x"},
        {"path": str(tmp_path / "script"), "mode": "0755", "content": "if true; then\n", "validate": "sh -n %s"},
    ]
    result = play(files=files)
    assert result["failed"]
    assert result["msg"].startswith(f"{tmp_path}/script is not replaced: `sh -n %s` says: ")
    assert "end of file" in result["msg"]
    assert list(tmp_path.iterdir()) == []


def test_a_validator_that_cannot_be_run_is_a_complaint() -> None:
    wanted = Wanted(Path("/nowhere"), 0o644, content=b"", validate="no-such-program %s")
    assert "no-such-program" in complaint(wanted)
    assert complaint(wanted._replace(validate="false")) == "exit code 1"
    assert complaint(wanted._replace(validate="test -e %s")) == ""
    assert complaint(wanted._replace(validate="")) == ""


def test_a_mode_alone_is_corrected(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x")
    file.chmod(0o666)
    wanted = Wanted(file, 0o600, content=b"x")
    found = difference(wanted)
    assert found is not None
    assert (found.content, found.attributes) == (False, ("0666", "0600"))
    make(wanted)
    assert mode(file) == 0o600
    assert difference(wanted) is None


def test_a_folder_keeps_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a").chmod(0o700)
    make(Wanted(tmp_path / "a", 0o755))
    assert (mode(tmp_path / "a"), (tmp_path / "a/b").is_dir()) == (0o755, True)
    assert difference(Wanted(tmp_path / "a", 0o755)) is None


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    wanted = Wanted(tmp_path / "link", 0o644, content=b"x")
    assert difference(wanted) is not None
    make(wanted)
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "x"
    assert difference(wanted) is None
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    make(wanted._replace(path=tmp_path / "dangling"))
    assert difference(wanted._replace(path=tmp_path / "dangling")) is None


def test_a_link_to_nothing_differs_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    found = difference(Wanted(tmp_path / "link", 0o777, content=b"x"))
    assert found is not None
    assert (found.before, found.content) == (None, True)


def test_an_owner_is_given_and_kept(tmp_path: Path) -> None:
    require_root("only root may give files away")
    nobody = pwd.getpwnam("nobody")
    given = Wanted(tmp_path / "a", 0o600, "nobody", b"1")
    make(given)
    assert given.path.stat().st_uid == nobody.pw_uid
    assert difference(given) is None
    os.chown(given.path, nobody.pw_uid, nobody.pw_gid)
    make(given._replace(owner="", content=b"2"))
    assert (given.path.stat().st_uid, given.path.stat().st_gid) == (nobody.pw_uid, nobody.pw_gid)
    found = difference(given._replace(owner="root", content=b"2"))
    assert found is not None
    assert found.attributes == ("0600 nobody", "0600 root")


def test_nobody_ever_reads_half_a_file(tmp_path: Path) -> None:
    contents = [b"a" * 200_000, b"b" * 200_000]
    wanted = Wanted(tmp_path / "a", 0o600, content=contents[0])
    make(wanted)
    seen, done = set(), threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(((tmp_path / "a").read_bytes(), mode(tmp_path / "a")))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(50):
        make(wanted._replace(content=contents[number % 2]))
    done.set()
    reader.join(10)
    assert seen <= {(content, 0o600) for content in contents}


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    file = {"path": str(tmp_path / "folder"), "mode": "0644", "content": ""}
    assert play(files=[file])["msg"] == f"{tmp_path}/folder is a folder, and is to be a file"
    folder = {"path": str(tmp_path / "file"), "mode": "0755"}
    assert play(folders=[folder])["msg"] == f"{tmp_path}/file is not a folder"
    orphan = {"path": str(tmp_path / "none/a"), "mode": "0644", "content": ""}
    assert play(files=[orphan])["msg"].startswith(f"{tmp_path}/none/a cannot be written: [Errno 2]")
    foreign = {"path": str(tmp_path / "a"), "mode": "0644", "owner": "nobody-knows-him", "content": ""}
    assert "there is no user" in play(files=[foreign])["msg"]
    assert not (tmp_path / "a").exists()


def test_it_runs_on_the_oldest_python_of_a_member() -> None:
    ast.parse(Path(str(write_files.__file__)).read_text(), feature_version=(3, 9))


def test_while_a_process_runs_its_files_are_compared_and_left_alone(tmp_path: Path) -> None:
    file, pid_file, keep = tmp_path / "zoo.cfg", tmp_path / "pid", tmp_path / "previous"
    file.write_text("old\n")
    file.chmod(0o600)
    ticks = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19]
    pid_file.write_text(f"{os.getpid()} {ticks}\n")

    def write() -> dict[str, Any]:
        files = [{"path": str(file), "content": "new\n", "mode": "0600"}]
        return play(files=files, hold_for=str(pid_file), keep=str(keep))

    held = write()
    assert (held["held"], held["written"], held["changed"], held["diff"]) == (True, [str(file)], False, [])
    assert file.read_text() == "old\n"
    assert not keep.exists()
    pid_file.write_text(f"{os.getpid()} 1\n")
    written = write()
    assert (written["held"], written["changed"], written["kept"]) == (False, True, True)
    assert file.read_text() == "new\n"
    assert (keep / "zoo.cfg").read_text() == "old\n"
    assert (mode(keep), mode(keep / "zoo.cfg")) == (0o700, 0o600)
    # Nothing to do, nothing to keep: what is kept stays what was there before the last change.
    assert not write()["kept"]
    assert (keep / "zoo.cfg").read_text() == "old\n"
