"""Turns ssh's log of a failed connection into one line with a remedy."""

import re
from typing import Final

from fleet.endpoints import Endpoint
from zk_locust.contract.plain_text import plain_line

_SHOWN: Final = 200
_KEY: Final = re.compile(r"^debug1: Server host key: (\S+ SHA256:\S+)", re.MULTILINE)
_CHANGED: Final = re.compile(r"REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY")
_UNKNOWN: Final = "Host key verification failed"
_PASSPHRASE: Final = re.compile(
    r"^debug1: Server accepts key: .*\n(?:debug1: .*\n)*debug1: read_passphrase", re.MULTILINE
)
_REFUSED: Final = re.compile(r"connect to (?:host|address) \S+ port \d+: (.+)")
_NAME: Final = re.compile(r"Could not resolve hostname (\S+): ")
_NO_ANSWER: Final = re.compile(r"timed out|not responding")
_DEBUG: Final = re.compile(r"debug\d: ")
_BY_PROXY: Final = "UNKNOWN port 65535"


def reason(endpoint: Endpoint, route: str, log: str, said: str) -> str:
    """Why the connection failed. `log` is what ssh itself has logged, `said` its standard error.

    `route` is what `Ssh.route` returns: errors of a jump host's ssh and of a ProxyCommand are in `said`.
    """
    text = "\n".join(_messages(log))
    last = last_message(log) or last_message(said)
    if _CHANGED.search(text):
        return (
            f"its host key{_key(log)} is not the one that is known: another machine may answer, or the host was "
            "reinstalled; in that case, remove the old key with ssh-keygen -R"
        )
    if _UNKNOWN in text:
        return (
            f"its host key{_key(log)} is not in any file of known hosts: connect once with ssh and compare it, or set "
            "StrictHostKeyChecking=accept-new in ansible_ssh_common_args"
        )
    if route and _BY_PROXY in text:
        if _UNKNOWN in said:
            changed = "is not the one that is known" if _CHANGED.search(said) else "is not in any file of known hosts"
            return f"the host key of its {route} {changed}: connect once with ssh and compare it"
        return f"its {route} fails: {last_message(said) or last}"
    if "Permission denied (" in text:
        if _PASSPHRASE.search(log):
            return "its private key needs a passphrase: give it to ssh-agent with ssh-add"
        refused = "the password" if endpoint.ssh and endpoint.ssh.has_password else "none of the keys"
        takes = "does not take" if endpoint.ssh and endpoint.ssh.has_password else "takes"
        return f"{endpoint.shown} {takes} {refused}: see that `ssh` and `ansible -m ping` work"
    if found := _NAME.search(text):
        return f"name [{plain_line(found[1], _SHOWN)}] is not known; correct ansible_host"
    if _NO_ANSWER.search(text):
        return f"{endpoint.shown} does not answer in time"
    if found := _REFUSED.search(text):
        return f"cannot connect to {endpoint.shown} ({plain_line(found[1], _SHOWN)})"
    return f"{endpoint.shown}: {last or 'ssh ended with exit code 255'}"


def _key(log: str) -> str:
    found = _KEY.search(log)
    return f" ({plain_line(found[1], _SHOWN)})" if found else ""


def last_message(log: str) -> str:
    """The last message in ssh's log, or in its error output; empty where there is none."""
    # The last line of a jump host's ssh names no host.
    lines = [line for line in _messages(log) if _BY_PROXY not in line] or _messages(log)
    return plain_line(lines[-1], _SHOWN) if lines else ""


def _messages(log: str) -> list[str]:
    return [line for line in log.splitlines() if line.strip() and not _DEBUG.match(line)]
