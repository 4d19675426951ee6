#!/usr/bin/python
"""The module `write_files`: bring small files, and the folders they lie in, to a host, all in one call.

A loop over `ansible.builtin.template` or `copy` takes several calls for each file. A file is replaced at once, and only
if its content, mode or owner differs: no reader sees a part of it, or another mode. All commands that validate
are run before the first file is replaced.

Returns `written`: the paths that were not as they are to be; `held`: whether nothing was written because the process of
`hold_for` runs; `kept`: whether `keep` has a copy of what was there.
"""

from __future__ import annotations

import base64
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.process_identity import is_running, named_in_pid_file


class Wanted(NamedTuple):
    """A file, or a folder if `content` is None, as it is to be; `owner`, `group_of`: empty where it does not matter."""

    path: Path
    mode: int
    owner: str = ""
    content: bytes | None = None
    validate: str = ""
    group_of: str = ""


class Difference(NamedTuple):
    """What differs: the content before (None if there was nothing), and the mode and owner before and after."""

    before: bytes | None
    content: bool
    attributes: tuple[str, str]


def difference(wanted: Wanted) -> Difference | None:
    """Return how what is there differs from `wanted`, None if it does not. Raises OSError."""
    is_folder = wanted.content is None
    group = f" group of {wanted.group_of}" if wanted.group_of else ""
    after = f"{wanted.mode:04o} {wanted.owner}".rstrip() + group
    if not is_folder and wanted.path.is_dir():
        raise OSError(f"{wanted.path} is a folder, and is to be a file")
    if not os.path.lexists(wanted.path):
        return Difference(None, not is_folder, ("", after))
    if is_folder and not wanted.path.is_dir():
        raise OSError(f"{wanted.path} is not a folder")
    # A link is replaced by the file; a folder may be reached by one.
    found = wanted.path.stat() if is_folder else wanted.path.lstat()
    content = None if is_folder or wanted.path.is_symlink() else wanted.path.read_bytes()
    if group and not _has_group(found.st_gid, wanted.group_of):
        group = f" group {found.st_gid}"
    before = f"{found.st_mode & 0o7777:04o} {_name_of(found.st_uid) if wanted.owner else ''}".rstrip() + group
    if content == wanted.content and before == after:
        return None
    return Difference(content, content != wanted.content, (before, after))


def make(wanted: Wanted) -> None:
    """Bring the file or folder to its state. Raises OSError, and KeyError if there is no such user."""
    uid, gid = pwd.getpwnam(wanted.owner).pw_uid if wanted.owner else -1, -1
    if wanted.content is None:
        missing = [folder for folder in (wanted.path, *wanted.path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir()
        for folder in missing or [wanted.path]:
            os.chown(folder, uid, gid)
            folder.chmod(wanted.mode)
        return
    if not wanted.path.is_symlink() and wanted.path.exists():
        before = wanted.path.stat()
        uid, gid = before.st_uid if uid < 0 else uid, before.st_gid
    if wanted.group_of:
        gid = pwd.getpwnam(wanted.group_of).pw_gid
    handle, name = tempfile.mkstemp(prefix=".", suffix=".new", dir=wanted.path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(wanted.content)
            file.flush()
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), wanted.mode)
            os.fsync(file.fileno())
        Path(name).replace(wanted.path)
    except BaseException:
        Path(name).unlink()
        raise
    # A name that is not on the disk is not there after a power loss.
    names = os.open(wanted.path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(names)
    finally:
        os.close(names)


def complaint(wanted: Wanted) -> str:
    """Run the command that validates a file; return what it complains about, empty if it accepts the file."""
    if not wanted.validate or wanted.content is None:
        return ""
    with tempfile.NamedTemporaryFile() as file:
        file.write(wanted.content)
        file.flush()
        command = [file.name if word == "%s" else word for word in shlex.split(wanted.validate)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    return "" if done.returncode == 0 else (done.stderr + done.stdout).strip() or f"exit code {done.returncode}"


def keep_copies(folder: Path, files: list[Path]) -> bool:
    """Copy those of the files that exist, with mode and owner, into a new folder; return whether there are any."""
    if folder.is_dir():
        shutil.rmtree(folder)
    found = [path for path in files if path.is_file() and not path.is_symlink()]
    if found:
        folder.mkdir(0o700)
    for path in found:
        copy = folder / path.name
        shutil.copy2(path, copy)
        os.chown(copy, path.stat().st_uid, path.stat().st_gid)
    return bool(found)


def shown(wanted: Wanted, found: Difference) -> list[dict[str, str]]:
    """Return the difference as Ansible shows it."""
    shown = []
    if found.content:
        before, after = ((text or b"").decode("utf-8", "replace") for text in (found.before, wanted.content))
        header = str(wanted.path)
        shown.append({"before": before, "after": after, "before_header": header, "after_header": header})
    if found.attributes[0] not in ("", found.attributes[1]):
        before, after = (f"{wanted.path} {text}\n" for text in found.attributes)
        shown.append({"before": before, "after": after})
    return shown


def _has_group(gid: int, user: str) -> bool:
    try:
        return pwd.getpwnam(user).pw_gid == gid
    except KeyError:
        return False  # check mode, before the user is made


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def main() -> None:
    """Run the module."""
    common: dict[str, Any] = {
        "path": {"type": "path", "required": True},
        "mode": {"type": "str", "required": True},  # octal
        "owner": {"type": "str", "default": ""},  # empty leaves it as it is
    }
    file: dict[str, Any] = {
        # In base64, so that no log shows it. The difference on the screen does: secrets need `diff: false`.
        "content": {"type": "str", "required": True, "no_log": True},
        "validate": {"type": "str", "default": ""},  # a command that must accept the file `%s`
        "group_of": {"type": "str", "default": ""},  # the user whose primary group it gets
    }
    module = AnsibleModule(
        argument_spec={
            # Missing parents are made with the same mode and owner.
            "folders": {"type": "list", "elements": "dict", "default": [], "options": common},
            "files": {"type": "list", "elements": "dict", "default": [], "options": common | file},
            "hold_for": {"type": "path"},  # a pid file: while its process runs nothing is written
            "keep": {"type": "path"},  # a folder for copies of the files that are replaced; what was in it goes
        },
        supports_check_mode=True,
    )
    given = module.params
    written: list[str] = []
    diff: list[dict[str, str]] = []
    subject = ""
    held = bool(given["hold_for"]) and is_running(named_in_pid_file(Path(given["hold_for"])))
    writes = not held and not module.check_mode
    kept = False
    try:
        wanted = [Wanted(Path(one["path"]), int(one["mode"], 8), one["owner"]) for one in given["folders"]]
        for one in given["files"]:
            content = base64.b64decode(one["content"], validate=True)
            place, mode = Path(one["path"]), int(one["mode"], 8)
            wanted.append(Wanted(place, mode, one["owner"], content, one["validate"], one["group_of"]))
        todo = [(one, found) for one in wanted if (found := difference(one)) is not None]
        for one, found in todo:
            said = complaint(one) if found.content else ""
            if said:
                module.fail_json(msg=f"{one.path} is not replaced: `{one.validate}` says: {said}")
        if given["keep"] and todo and writes:
            subject = given["keep"]
            kept = keep_copies(Path(subject), [one.path for one in wanted if one.content is not None])
        for one, found in todo:
            subject = str(one.path)
            if writes:
                make(one)
            written.append(subject)
            diff += shown(one, found) if module._diff and not held else []
    except KeyError as error:
        module.fail_json(msg=f"{subject}: there is no user {error}")
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"{subject} cannot be written: {error}" if subject else str(error))
    # What is held is written, counted and shown by a later call.
    module.exit_json(changed=bool(written) and not held, written=written, held=held, kept=kept, diff=diff)


if __name__ == "__main__":
    main()
