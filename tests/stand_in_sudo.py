"""A sudo that asks for a password like the real one, for any user on any machine."""

from pathlib import Path

PASSWORD = "sea $horse"


def make(folder: Path) -> Path:
    """Write this sudo into the folder; it records its arguments in `sudo.calls` beside it."""
    file = folder / "sudo"
    file.write_text(
        f"""#!/bin/sh
        echo "$@" >> "$0.calls"
        while [ "${{1##*/}}" != sh ]; do [ "$1" = -p ] && prompt=$2; shift; done
        for try in 1 2 3; do
            printf %s "$prompt" >&2
            IFS= read -r answer || break
            [ "$answer" = '{PASSWORD}' ] && exec "$@"
            echo 'Sorry, try again.' >&2
        done
        echo "sudo: $try incorrect password attempts" >&2
        exit 1
        """
    )
    file.chmod(0o755)
    return file
