#!/usr/bin/python
"""Make a Python environment from wheels that lie on the host: no index, no compiler, no `ensurepip` needed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: python_environment
short_description: Make a Python environment from wheels on the host
description:
  - The environment is made by the Python that runs this module, with the pip that is among the wheels.
  - Its name says what is in it, so an environment that is complete is never touched again.
  - Of the environments beside it, and of the files beside the pack and the wheel, the newest are kept.
options:
  folder: {description: Where the environment is to be., type: path, required: true}
  pack: {description: 'A tar file with the wheels, pip among them.', type: path, required: true}
  wheel: {description: The project's own wheel., type: path, required: true}
  keep: {description: 'How many environments are kept, and how many packs and wheels.', type: int, default: 3}
author: [zk-locust]
"""

EXAMPLES = """
- name: Install the project
  python_environment:
    folder: /var/lib/zk-locust/load/environments/py3.13-x86_64-4fbcef4e22d42d0f
    pack: /var/lib/zk-locust/load/wheels/wheels-3.13-x86_64-1be712f7190be3bb.tar
    wheel: /var/lib/zk-locust/load/wheels/zk_locust-1.0.0-py3-none-any.whl
"""

RETURN = """
removed: {description: 'Older environments, packs and wheels that were removed.', type: list, returned: always}
"""

COMPLETE = ".complete"


def make_environment(folder: Path, pack: Path, wheel: Path) -> None:
    """Make the environment. Raises OSError, tarfile.TarError or subprocess.CalledProcessError."""
    shutil.rmtree(folder, ignore_errors=True)
    _make_empty(folder)
    wheels = folder / "wheels"
    wheels.mkdir()
    _unpack(pack, wheels)
    shutil.copy(wheel, wheels)
    (pip,) = wheels.glob("pip-*.whl")
    # A wheel is a zip file, and Python runs what lies in one.
    options = ["--no-index", "--no-deps", "--no-input", "--quiet", "--disable-pip-version-check"]
    files = [str(file) for file in sorted(wheels.iterdir())]
    _run([str(folder / "bin" / "python"), f"{pip}/pip", "install", *options, *files])
    shutil.rmtree(wheels)
    (folder / COMPLETE).touch()


def _unpack(pack: Path, folder: Path) -> None:
    """Unpack plain files only: early releases of Python 3.11 have no filter for what else an archive may do."""
    with tarfile.open(pack) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is None or Path(member.name).name != member.name:
                raise ValueError(f"{pack} holds something that is no wheel: {member.name}")
            with (folder / member.name).open("wb") as file:
                shutil.copyfileobj(content, file)


def _make_empty(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        import venv
    except ImportError:
        # Some distributions split `venv` off. This is what makes a folder an environment (PEP 405).
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(sys.executable)
        (folder / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).parent}\n")
        (folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages").mkdir(parents=True)
    else:
        venv.create(folder, symlinks=True, with_pip=False)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def remove_old(current: Path, keep: int) -> list[str]:
    """Remove what lies beside `current` and is of its kind, all but the `keep` newest; return the names."""

    def age(path: Path) -> float:
        # Of an environment that was not completed nothing is of use.
        mark = path / COMPLETE if path.is_dir() else path
        return mark.stat().st_mtime if mark.exists() else 0.0

    alike = (other for other in current.parent.iterdir() if current.is_dir() or other.suffix == current.suffix)
    removed = sorted((other for other in alike if other != current), key=age, reverse=True)[max(keep - 1, 0) :]
    for path in removed:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return [path.name for path in removed]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "pack": {"type": "path", "required": True},
            "wheel": {"type": "path", "required": True},
            "keep": {"type": "int", "default": 3},
        },
        supports_check_mode=True,
    )
    folder = Path(module.params["folder"])
    if (folder / COMPLETE).exists():
        module.exit_json(changed=False, removed=[])
    if module.check_mode:
        module.exit_json(changed=True, removed=[])
    pack, wheel = Path(module.params["pack"]), Path(module.params["wheel"])
    try:
        make_environment(folder, pack, wheel)
        removed = [name for current in (folder, pack, wheel) for name in remove_old(current, module.params["keep"])]
    except subprocess.CalledProcessError as error:
        shutil.rmtree(folder, ignore_errors=True)
        module.fail_json(msg=f"pip could not install into {folder}: {(error.stderr or error.stdout).strip()[-2000:]}")
    except (OSError, tarfile.TarError, ValueError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        module.fail_json(msg=f"the environment {folder} could not be made: {error}")
    module.exit_json(changed=True, removed=removed)


if __name__ == "__main__":
    main()
