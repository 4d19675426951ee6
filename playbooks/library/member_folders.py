#!/usr/bin/python
"""The module `member_folders`: make, judge and remove the folders of a ZooKeeper member, or of a load host.

The folders for data and logs belong to the user that runs ZooKeeper. Nothing in them is followed or opened but the
marker, and that never through a link. A folder that another user could replace is refused. A folder outside of the
member's own gets a marker when it is made; without it `removed` leaves the folder alone.

    made     makes the folders for data and logs
    marked   makes a folder of another kind with a marker; refuses one without a marker that has files besides `known`
    checked  writes nothing; refuses folders and a control script that another user could replace
    emptied  removes what a member that is stopped has in the folders; refuses a folder without its marker
    removed  removes the folders
    pruned   removes those folders that are empty, in their order

Returns `done`: folders that were made, emptied or removed; `left`: folders that stay where they are. For made and
checked also `member_state`: stopped, current, outdated (runs with another configuration) or regrouped (with another
list of members). For checked also `listed`: whether the files on the host have the list of members `ensemble`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pwd
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.process_identity import is_running, named_in_pid_file

STATES = ("made", "marked", "checked", "emptied", "removed", "pruned")
MARKER = ".zk-locust"
MODE = 0o750
# What stands in the marker of a load host's folder, which all names of a machine share; and in its command.
LOAD_HOST = "load host"
_LAUNCHER = "# Made by Ansible. Starts, asks and ends runs on this host"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# What ZooKeeper itself has in a data folder; the last is an ext4 file system's own.
_OF_ZOOKEEPER = {"myid", "version-2", "zookeeper_server.pid", "lost+found"}


class FolderError(Exception):
    """A folder cannot be used; the message says why."""


def replaceable(path: Path) -> str:
    """Return the first folder above `path` that lets another user than root replace what is on the way; else ''."""
    parent = path.parent
    real = Path(os.path.realpath(parent))
    # The way as it is written may lead over links; those, too, must be root's.
    for folder in sorted({parent, *parent.parents, real, *real.parents}):
        try:
            found = folder.lstat()
        except OSError:
            continue
        writable = found.st_mode & (stat.S_IWGRP if found.st_gid else 0) or found.st_mode & stat.S_IWOTH
        open_to_others = writable and not found.st_mode & stat.S_ISVTX and not stat.S_ISLNK(found.st_mode)
        if found.st_uid not in (0, os.geteuid()) or open_to_others:
            return str(folder)
    return ""


def read_file(name: str, folder: int) -> str | None:
    """Return the beginning of a plain file in an open folder, or None."""
    try:
        handle = os.open(name, _FILE, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        return file.read(4096).decode("utf-8", "replace")


@contextlib.contextmanager
def opened(path: Path, variable: str) -> Iterator[int]:
    """Open a folder, which must not be a link. Raises FolderError."""
    try:
        folder = os.open(path, _FOLDER)
    except OSError as error:
        why = "is a link or no folder" if error.errno in (errno.ELOOP, errno.ENOTDIR) else f"({error.strerror})"
        raise FolderError(f"{variable} [{path.parent}]: {path} {why}; name a folder") from None
    try:
        yield folder
    finally:
        os.close(folder)


def require_safe(path: Path, variable: str) -> None:
    """Raise FolderError where another user could replace the folder while root works on it."""
    if os.geteuid() == 0 and (by := replaceable(path)):
        raise FolderError(
            f"{variable} [{path.parent}]: {by} can be written by another user than root, who could replace {path};"
            f" run `chown root:root {by} && chmod go-w {by}`, or choose another folder"
        )


def check_folders(member_dir: Path, folders: list[tuple[Path, str]]) -> None:
    """Raise FolderError where root must not work: on a file of the member's folder, or on one of its other folders."""
    require_safe(member_dir / "control", "zookeeper_state_dir")
    for path, variable in folders:
        require_safe(path, variable)
        if os.path.lexists(path):
            with opened(path, variable):
                pass


def write_marker(folder: int, member: str) -> None:
    """Put the marker into an open folder. Raises FileExistsError where there is one."""
    marker = os.open(MARKER, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=folder)
    with os.fdopen(marker, "w") as file:
        file.write(f"{member}\n")


def make_folder(path: Path, variable: str, owner: str, inside: bool, member: str, check: bool) -> bool:
    """Bring a folder to its state, return whether it was not. `inside` is one in the member's own folder."""
    require_safe(path, variable)
    made = not os.path.lexists(path)
    if made and check:
        return True
    user = pwd.getpwnam(owner) if os.geteuid() == 0 and owner else None
    if made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(0o700)
    with opened(path, variable) as folder:
        there = set(os.listdir(folder))  # noqa: PTH208 - pathlib knows no descriptors
        if not inside and MARKER not in there and not there <= _OF_ZOOKEEPER:
            raise FolderError(
                f"{variable} [{path.parent}]: {path} holds files that are not ZooKeeper's; choose another folder"
            )
        found = os.fstat(folder)
        right = stat.S_IMODE(found.st_mode) == MODE and (user is None or found.st_uid == user.pw_uid)
        marks = not inside and not there - {"lost+found"}
        if not check:
            if marks:
                write_marker(folder, member)
            if user is not None and found.st_uid != user.pw_uid:
                os.fchown(folder, user.pw_uid, user.pw_gid)
            if not right:
                os.fchmod(folder, MODE)
        return made or marks or not right


def mark(path: Path, variable: str, member: str, known: set[str], check: bool) -> bool:
    """Make a folder with a marker; return whether there was none. Raises FolderError where others have files in it."""
    if not os.path.lexists(path):
        if check:
            return True
        path.mkdir(parents=True, exist_ok=True)
    with opened(path, variable) as folder:
        there = set(os.listdir(folder))  # noqa: PTH208 - pathlib knows no descriptors
        if MARKER in there:
            return False
        if there - known:
            raise FolderError(f"{variable} [{path.parent}]: {path} holds files of others; choose another folder")
        if not check:
            try:
                write_marker(folder, member)
            except FileExistsError:
                return False  # another name of this machine was quicker
        return True


def carries_marker(folder: int, member: str) -> bool:
    """Whether an open folder was made for the member (or the load host), by its marker or an older release's script."""
    marker = read_file(MARKER, folder)
    if marker is not None:
        return marker.strip() == member
    if member == LOAD_HOST:
        return _LAUNCHER in (read_file("host-run", folder) or "")
    return f"# Controls the ZooKeeper member {member}:" in (read_file("control", folder) or "")


def remove(path: Path, variable: str, member: str, check: bool) -> str:
    """Remove a folder; return why it is left, empty if it is gone."""
    try:
        require_safe(path, variable)
        with opened(path, variable) as folder:
            wait_for_lock(folder)
            if not os.path.lexists(path):
                return ""  # another name of this machine has removed it
            if not carries_marker(folder, member):
                what = "these words: load host" if member == LOAD_HOST else "the member's name"
                return f"it carries no marker of zk-locust (a file .zk-locust with {what})"
            if not check:
                shutil.rmtree(path)  # follows no link, also where one is planted meanwhile
    except FolderError as error:
        return str(error) if os.path.lexists(path) else ""
    return ""


def empty(path: Path, variable: str, member: str, inside: bool, check: bool) -> bool:
    """Remove what is in a folder, but not its marker; return whether there was anything. Raises FolderError."""
    if not os.path.lexists(path):
        return False
    require_safe(path, variable)
    with opened(path, variable) as folder:
        if not inside and not carries_marker(folder, member):
            raise FolderError(
                f"{variable} [{path.parent}]: {path} carries no marker of zk-locust (a file .zk-locust with the "
                "member's name), so its data is not removed; name another folder, or keep the data"
            )
        there = set(os.listdir(folder)) - {MARKER, "lost+found"}  # noqa: PTH208 - pathlib knows no descriptors
        for name in there if not check else ():
            if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
                shutil.rmtree(path / name)  # follows no link, also where one is planted meanwhile
            else:
                os.unlink(name, dir_fd=folder)
        return bool(there)


def wait_for_lock(folder: int) -> None:
    """Wait until no other process removes the folder, at most 20 s. Every reader can hold the lock."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.05)
        else:
            return


def words_of(path: Path) -> list[str]:
    """Return the words of a small file of root's; none where it cannot be read."""
    try:
        return path.read_text().split()
    except (OSError, ValueError):
        return []


def member_state(member_dir: Path, ensemble: str, differs: bool) -> str:
    """Compare the running member with its files, and those, where they differ, with the rendered ones."""
    if not is_running(named_in_pid_file(member_dir / "zookeeper.pid")):
        return "stopped"
    running = words_of(member_dir / "started-with")
    if running[1:2] != [ensemble]:
        return "regrouped"
    return "outdated" if differs or running != words_of(member_dir / "configuration-id") else "current"


def moved_from(member_dir: Path, folders: list[Path]) -> list[str]:
    """Return the data folders that the member had when it was last started and that it is to leave."""
    try:
        recorded = (member_dir / "data-folders").read_text().splitlines()
    except OSError:
        return []
    return [path for path in recorded if Path(path) not in folders and Path(path).is_dir()]


def main() -> None:
    """Run the module."""
    folder: dict[str, Any] = {
        "path": {"type": "path", "required": True},
        "variable": {"type": "str", "default": "zookeeper_state_dir"},  # what names it in the inventory
    }
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "default": "made", "choices": [*STATES]},
            "member": {"type": "str", "required": True},
            "member_dir": {"type": "path", "default": ""},  # the member's own folder
            "folders": {"type": "list", "elements": "dict", "default": [], "options": folder},
            "known": {"type": "list", "elements": "str", "default": []},
            "owner": {"type": "str", "default": ""},  # of folders for data and logs
            "ensemble": {"type": "str", "default": ""},  # the rendered id of the list of members
            "differs": {"type": "bool", "default": False},  # the files on the host, from the rendered ones
        },
        supports_check_mode=True,
    )
    given = module.params
    if given["state"] in ("made", "checked", "emptied") and not given["member_dir"]:
        module.fail_json(msg=f"member_dir is empty; name the own folder of {given['member']}")
    member, member_dir, check = given["member"], Path(given["member_dir"]), module.check_mode
    folders = [(Path(one["path"]), str(one["variable"])) for one in given["folders"]]
    done: list[str] = []
    left: list[str] = []
    extra: dict[str, Any] = {}
    try:
        if given["state"] == "made":
            extra["member_state"] = member_state(member_dir, given["ensemble"], given["differs"])
            left = moved_from(member_dir, [path for path, _ in folders])
            for path, variable in folders:
                if make_folder(path, variable, given["owner"], member_dir in path.parents, member, check):
                    done.append(str(path))
        elif given["state"] == "marked":
            done = [str(path) for path, variable in folders if mark(path, variable, member, set(given["known"]), check)]
        elif given["state"] == "checked":
            check_folders(member_dir, folders)
            extra["member_state"] = member_state(member_dir, given["ensemble"], differs=False)
            extra["listed"] = words_of(member_dir / "configuration-id")[1:2] == [given["ensemble"]]
        elif given["state"] == "emptied":
            if is_running(named_in_pid_file(member_dir / "zookeeper.pid")):
                raise FolderError("it still runs, so its data is not removed; stop it first")
            for path, variable in folders:
                if empty(path, variable, member, member_dir in path.parents, check):
                    done.append(str(path))
        elif given["state"] == "removed":
            paths = [path for path, _ in folders]
            # First what is outside: that the member's own folder names it.
            todo = list(folders)
            if given["member_dir"]:
                todo += [(Path(path), "zookeeper_data_dir") for path in moved_from(member_dir, paths)]
                todo.append((member_dir, "zookeeper_state_dir"))
            for path, variable in todo:
                if (member_dir in path.parents and path != member_dir) or not os.path.lexists(path):
                    continue
                why = remove(path, variable, member, check)
                (left if why else done).append(f"{path}: {why}" if why else str(path))
        else:
            for path, _ in folders:
                if path.is_dir() and not any(path.iterdir()):
                    if not check:
                        path.rmdir()
                    done.append(str(path))
    except FolderError as error:
        module.fail_json(msg=f"{member}: {error}")
    except KeyError:
        module.fail_json(msg=f"{member}: zookeeper_user [{given['owner']}] does not exist; create it, or name another")
    except OSError as error:
        if given["state"] != "pruned":
            module.fail_json(msg=f"{member}: {error.filename or member_dir}: {error.strerror}")
    module.exit_json(changed=bool(done), done=done, left=left, **extra)


if __name__ == "__main__":
    main()
