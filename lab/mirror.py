"""The Debian mirror of the lab: the one that this machine's own apt uses."""

from lab.commands import LabError, run

_SUITES = {
    *("bullseye", "bookworm", "trixie", "forky", "sid"),
    *("unstable", "testing", "stable", "oldstable", "oldoldstable"),
}
_PROXIES = ("Acquire::http::Proxy", "Acquire::https::Proxy")


def mirror_among(targets: str) -> str | None:
    """Return the address of the first Debian archive among apt's targets, one a line: address, suite, component."""
    for line in targets.splitlines():
        words = line.split()
        if len(words) == 3 and words[1] in _SUITES and words[2] == "main":
            return words[0].rstrip("/")
    return None


def own_mirror() -> str:
    """Return the Debian mirror of this machine's apt. Raises LabError if apt has none."""
    form = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    found = mirror_among(run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"]).stdout)
    if found is None:
        raise LabError("apt on this machine has no Debian archive; give one with --mirror ADDRESS")
    return found


def own_proxies() -> list[str]:
    """Return apt's proxy settings, as options that mmdebstrap passes on to its own apt."""
    options = []
    for name in _PROXIES:
        value = run(["apt-config", "dump", "--format", "%v", name]).stdout.strip()
        if value:
            options.append(f'--aptopt={name} "{value}"')
    return options
