"""The folders of a member: made once, never through a link, removed only with a marker."""

import ast
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from playbooks.library import member_folders
from playbooks.library.member_folders import (
    MARKER,
    FolderError,
    carries_marker,
    make_folder,
    mark,
    member_state,
    moved_from,
    opened,
    remove,
    replaceable,
)
from tests import own_modules
from tests.needs import require_root


def make(path: Path, inside: bool = False) -> bool:
    return make_folder(path, "zookeeper_data_dir", "", inside, "zk1", check=False)


def run(**arguments: Any) -> dict[str, Any]:
    return own_modules.run(Path(str(member_folders.__file__)), {"member": "zk1", **arguments})


def test_a_folder_is_made_once_with_its_mode_and_its_marker(tmp_path: Path) -> None:
    folder = tmp_path / "srv" / "zk1"
    assert make(folder)
    assert folder.stat().st_mode & 0o777 == 0o750
    assert (folder / MARKER).read_text() == "zk1\n"
    assert not make(folder)
    folder.chmod(0o755)
    assert make(folder)
    assert folder.stat().st_mode & 0o777 == 0o750


def test_a_folder_with_data_of_a_server_is_used_and_stays_without_a_marker(tmp_path: Path) -> None:
    folder = tmp_path / "zk1"
    (folder / "version-2").mkdir(parents=True)
    make(folder)
    assert not (folder / MARKER).exists()
    assert "carries no marker" in remove(folder, "zookeeper_data_dir", "zk1", check=False)
    assert (folder / "version-2").is_dir()


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zk1").mkdir()
    (tmp_path / "zk1" / "thesis.tex").touch()
    with pytest.raises(FolderError, match="holds files that are not ZooKeeper's"):
        make(tmp_path / "zk1")


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    place = tmp_path / "zk1"
    place.symlink_to(other) if kind == "link" else place.touch()
    with pytest.raises(FolderError, match="is a link or no folder"):
        make(place)
    assert "is a link or no folder" in remove(place, "zookeeper_data_dir", "zk1", check=False)
    assert other.stat().st_mode & 0o777 == 0o700
    assert not list(other.iterdir())


def test_only_a_marker_of_the_same_member_counts_and_no_link_to_one(tmp_path: Path) -> None:
    for name, content in {"own": "zk1\n", "other": "zk2\n", "empty": ""}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / MARKER).write_text(content)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / MARKER).symlink_to(tmp_path / "own" / MARKER)
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / MARKER)
    found = set()
    for path in tmp_path.iterdir():
        with opened(path, "") as folder:
            found |= {path.name} if carries_marker(folder, "zk1") else set()
    assert found == {"own"}


def test_removing_follows_no_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    make(tmp_path / "zk1")
    (tmp_path / "zk1" / "version-2").symlink_to(precious)
    assert remove(tmp_path / "zk1", "zookeeper_data_dir", "zk1", check=False) == ""
    assert not (tmp_path / "zk1").exists()
    assert (precious / "file").exists()


def test_a_way_that_another_user_can_replace_is_found(tmp_path: Path) -> None:
    safe = tmp_path / "safe" / "zk1"
    safe.parent.mkdir()
    assert replaceable(safe) == ""
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    assert replaceable(open_to_all / "deep" / "zk1") == str(open_to_all)
    # Also where only the target of a link on the way is open.
    (tmp_path / "safe" / "link").symlink_to(open_to_all)
    assert replaceable(tmp_path / "safe" / "link" / "zk1") == str(open_to_all)
    # As in /tmp nobody renames what is another's.
    open_to_all.chmod(0o1777)
    assert replaceable(open_to_all / "zk1") == ""


def test_a_folder_of_the_service_user_on_the_way_is_found(tmp_path: Path) -> None:
    require_root("only root can give a folder away")
    os.chown(tmp_path, 65534, 65534)
    assert replaceable(tmp_path / "zk1") == str(tmp_path)
    with pytest.raises(FolderError, match="could replace"):
        make(tmp_path / "zk1")


def test_the_state_of_a_member(tmp_path: Path) -> None:
    def state(ensemble: str = "e1", differs: bool = False) -> str:
        return member_state(tmp_path, ensemble, differs)

    assert state() == "stopped"
    ticks = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19]
    (tmp_path / "zookeeper.pid").write_text(f"{os.getpid()} {ticks}\n")
    assert state() == "regrouped", "a member of an older release, which noted nothing"
    for file in ("started-with", "configuration-id"):
        (tmp_path / file).write_text("c1\ne1\n")
    assert state() == "current"
    assert state(differs=True) == "outdated"
    assert state("e2") == "regrouped"
    (tmp_path / "configuration-id").write_text("c2\ne1\n")
    assert state() == "outdated"
    (tmp_path / "zookeeper.pid").write_text(f"{os.getpid()} 1\n")
    assert state() == "stopped", "another process has that id"


def test_data_that_is_left_is_named(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    assert moved_from(tmp_path, [new]) == []
    (tmp_path / "data-folders").write_text(f"{old}\n{tmp_path}/gone\n")
    assert moved_from(tmp_path, [new]) == [str(old)]
    assert moved_from(tmp_path, [old]) == []


def test_the_module_makes_removes_and_prunes(tmp_path: Path) -> None:
    member, data = tmp_path / "state" / "zookeeper" / "zk1", tmp_path / "srv" / "zk1"
    folders = [{"path": str(data), "variable": "zookeeper_data_dir"}, {"path": str(member / "log")}]
    common = {"member_dir": str(member), "folders": folders}
    member.mkdir(parents=True)
    (member / MARKER).write_text("zk1\n")
    checked = run(**common, owner="nobody", _ansible_check_mode=True)
    assert (checked["changed"], data.exists()) == (True, False)
    if os.geteuid() == 0:
        made = run(**common, owner="nobody")
        assert made["done"] == [str(data), str(member / "log")]
        assert data.stat().st_uid == 65534
        assert not run(**common, owner="nobody")["changed"]
        assert "zookeeper_user [nobody-at-all] does not exist" in run(**common, owner="nobody-at-all")["msg"]
    removed = run(**common, state="removed")
    assert removed["left"] == []
    assert not member.exists()
    assert not data.exists()
    assert not run(**common, state="removed")["changed"]
    prune = {"state": "pruned", "folders": [{"path": str(member.parent)}, {"path": str(tmp_path / "state")}]}
    (tmp_path / "state" / "keep").touch()
    assert run(**prune)["done"] == [str(member.parent)]
    (tmp_path / "state" / "keep").unlink()
    assert run(**prune)["done"] == [str(tmp_path / "state")]


def test_emptied_folders_keep_their_marker_and_the_member_its_configuration(tmp_path: Path) -> None:
    member, data = tmp_path / "zookeeper" / "zk1", tmp_path / "srv" / "zk1"
    arguments = {
        "state": "emptied", "member_dir": str(member),
        "folders": [{"path": str(data), "variable": "zookeeper_data_dir"}, {"path": str(member / "log")}],
    }  # fmt: skip
    assert not run(**arguments)["changed"]  # nothing was provisioned
    for folder in (data / "version-2", member / "conf", member / "log"):
        folder.mkdir(parents=True)
    (data / MARKER).write_text("zk1\n")
    (data / "version-2" / "log.1").touch()
    outside = tmp_path / "outside"
    (outside / "deeper").mkdir(parents=True)
    (data / "link").symlink_to(outside)
    (member / "log" / "zookeeper.log").touch()
    assert run(**arguments, _ansible_check_mode=True)["done"] == [str(data), str(member / "log")]
    assert (data / "version-2" / "log.1").exists()
    assert run(**arguments)["done"] == [str(data), str(member / "log")]
    assert [path.name for path in data.iterdir()] == [MARKER]
    assert sorted(path.name for path in member.iterdir()) == ["conf", "log"]
    assert (outside / "deeper").is_dir()
    assert not run(**arguments)["changed"]


@pytest.mark.parametrize("marker", ["", "zk2\n"])
def test_data_without_the_members_marker_is_not_removed(tmp_path: Path, marker: str) -> None:
    data = tmp_path / "srv" / "zk1"
    (data / "version-2").mkdir(parents=True)
    (data / MARKER).write_text(marker)
    folders = [{"path": str(data), "variable": "zookeeper_data_dir"}]
    said = run(state="emptied", member_dir=str(tmp_path / "zk1"), folders=folders)["msg"]
    assert f"zookeeper_data_dir [{data.parent}]: {data} carries no marker of zk-locust" in said
    assert (data / "version-2").is_dir()


def test_data_of_a_member_that_runs_is_not_removed(tmp_path: Path) -> None:
    ticks = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19]
    (tmp_path / "zookeeper.pid").write_text(f"{os.getpid()} {ticks}\n")
    (tmp_path / "data" / "version-2").mkdir(parents=True)
    said = run(state="emptied", member_dir=str(tmp_path), folders=[{"path": str(tmp_path / "data")}])["msg"]
    assert said == "zk1: it still runs, so its data is not removed; stop it first"
    assert (tmp_path / "data" / "version-2").is_dir()


def test_a_load_hosts_folder_is_marked_where_only_ours_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "state/load"
    arguments: dict[str, Any] = {"member": "load host", "folders": [{"path": str(folder)}], "known": ["runs"]}
    assert run(state="marked", _ansible_check_mode=True, **arguments)["changed"]
    assert not folder.exists()
    assert run(state="marked", **arguments)["changed"]
    assert (folder / MARKER).read_text() == "load host\n"
    (folder / "thesis.tex").touch()
    assert not run(state="marked", **arguments)["changed"]
    (folder / MARKER).unlink()
    assert "holds files of others; choose another folder" in run(state="marked", **arguments)["msg"]
    assert not (folder / MARKER).exists()


def test_a_load_hosts_folder_is_removed_by_its_marker_or_the_command_of_an_older_release(tmp_path: Path) -> None:
    folder = tmp_path / "load"
    (folder / "runs").mkdir(parents=True)
    arguments: dict[str, Any] = {"state": "removed", "member": "load host", "folders": [{"path": str(folder)}]}
    (folder / "host-run").write_text("#!/bin/sh\n# Controls the ZooKeeper member load host:\n")
    assert "it carries no marker of zk-locust" in run(**arguments)["left"][0]
    assert folder.exists()
    (folder / "host-run").write_text(
        "#!/bin/sh\n# Made by Ansible. Starts, asks and ends runs on this host: host-run\n"
    )
    assert run(_ansible_check_mode=True, **arguments)["done"] == [str(folder)]
    assert folder.exists()
    assert run(**arguments)["done"] == [str(folder)]
    assert not folder.exists()
    assert tmp_path.exists()


def test_two_names_of_a_machine_mark_and_remove_one_folder_at_the_same_time(tmp_path: Path) -> None:
    folder = tmp_path / "load"
    with ThreadPoolExecutor(8) as pool:
        marked = list(
            pool.map(lambda _: mark(folder, "load_host_state_dir", "load host", set(), check=False), range(8))
        )
        assert marked.count(True) == 1
        for number in range(500):
            (folder / f"{number}").touch()
        removed = list(pool.map(lambda _: _remove_if_there(folder), range(8)))
    assert removed == [""] * 8
    assert not folder.exists()


def _remove_if_there(folder: Path) -> str:
    try:
        return remove(folder, "load_host_state_dir", "load host", check=False)
    except OSError as error:
        return str(error)


def test_the_launchers_comment_is_the_one_that_teardown_knows() -> None:
    role = Path(member_folders.__file__).parents[2] / "roles/load_host/tasks/launcher.yml"
    assert member_folders._LAUNCHER in role.read_text()


def test_a_check_writes_nothing_and_says_what_the_member_runs_with(tmp_path: Path) -> None:
    member_dir = tmp_path / "zookeeper/zk1"
    folders = [{"path": str(member_dir / "data")}]
    found = run(state="checked", member_dir=str(member_dir), folders=folders, ensemble="e1")
    assert (found["changed"], found["member_state"], found["listed"]) == (False, "stopped", False)
    assert not list(tmp_path.iterdir())
    member_dir.mkdir(parents=True)
    (member_dir / "configuration-id").write_text("id\ne1\n")
    assert run(state="checked", member_dir=str(member_dir), ensemble="e1")["listed"]
    assert not run(state="checked", member_dir=str(member_dir), ensemble="e2")["listed"]
    (member_dir / "data").symlink_to(tmp_path)
    assert "is a link or no folder" in run(state="checked", member_dir=str(member_dir), folders=folders)["msg"]


def test_a_check_refuses_a_control_script_that_another_user_could_have_written(tmp_path: Path) -> None:
    require_root("only root has to fear other users")
    member_dir = tmp_path / "zookeeper/zk1"
    member_dir.mkdir(parents=True)
    for folder in (member_dir, member_dir.parent):
        os.chown(folder, 65534, 65534)
        said = run(state="checked", member_dir=str(member_dir))["msg"]
        assert f"{folder} can be written by another user than root, who could replace {member_dir}/control" in said
        os.chown(folder, 0, 0)
    assert not run(state="checked", member_dir=str(member_dir))["changed"]


def test_the_module_runs_with_the_python_of_old_hosts() -> None:
    ast.parse(Path(str(member_folders.__file__)).read_text(), feature_version=(3, 9))


@pytest.mark.parametrize("state", ["made", "checked", "emptied"])
def test_a_member_without_a_folder_is_refused(state: str) -> None:
    assert run(state=state, member_dir="")["msg"] == "member_dir is empty; name the own folder of zk1"
