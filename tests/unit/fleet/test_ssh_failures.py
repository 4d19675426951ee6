"""What ssh logs when it cannot reach a host, as one line with a remedy."""

import pytest

from fleet.endpoints import Endpoint, endpoint
from fleet.inventory import HostVariables
from fleet.ssh_failures import reason

pytestmark = pytest.mark.usefixtures("home")

KEY = "debug1: Server host key: ssh-ed25519 SHA256:FsZKnD8dsmYQd7vM7o9\n"
PROXY = "kex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535\n"
CHANGED = "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n"
UNKNOWN = "Host key verification failed.\n"
DENIED = "ada@192.0.2.7: Permission denied (publickey,password).\n"
ASKED = "debug1: Server accepts key: k ED25519 SHA256:x explicit\ndebug1: read_passphrase: can't open /dev/tty\n"


def box(**variables: str) -> Endpoint:
    return endpoint(HostVariables("box", {"ansible_host": "192.0.2.7", "ansible_user": "ada"} | variables))


@pytest.mark.parametrize(
    ("route", "log", "said", "found"),
    [
        ("", KEY + CHANGED + UNKNOWN, "", "its host key (ssh-ed25519 SHA256:FsZKnD8dsmYQd7vM7o9) is not the one that"),
        ("", KEY + UNKNOWN, "", "its host key (ssh-ed25519 SHA256:FsZKnD8dsmYQd7vM7o9) is not in any file of known"),
        ("jump host", PROXY, UNKNOWN + PROXY, "the host key of its jump host is not in any file of known hosts: "),
        ("jump host", PROXY, CHANGED + UNKNOWN + PROXY, "the host key of its jump host is not the one that is known"),
        ("ProxyCommand", PROXY, "nc: no way\n", "its ProxyCommand fails: nc: no way"),
        ("ProxyCommand", PROXY, "", "its ProxyCommand fails: kex_exchange_identification: Connection closed by remote"),
        ("", DENIED, "", "ada@192.0.2.7 takes none of the keys: see that `ssh` and `ansible -m ping` work"),
        ("", ASKED + DENIED, "", "its private key needs a passphrase: give it to ssh-agent with ssh-add"),
        ("", "ssh: Could not resolve hostname box: Name or service not known\n", "", "name [box] is not known; "),
        ("", "ssh: connect to host 192.0.2.7 port 22: Connection refused\n", "", "cannot connect to ada@192.0.2.7 (C"),
        ("", "ssh: connect to host 192.0.2.7 port 22: Connection timed out\n", "", "ada@192.0.2.7 does not answer"),
        ("", "Connection timed out during banner exchange\n", "", "ada@192.0.2.7 does not answer in time"),
        ("", "debug2: more\nTimeout, server 192.0.2.7 not responding.\n", "", "ada@192.0.2.7 does not answer in time"),
        ("", "Unable to negotiate: no matching cipher\ndebug1: x\n", "", "ada@192.0.2.7: Unable to negotiate: no"),
        ("", "", "", "ada@192.0.2.7: ssh ended with exit code 255"),
    ],
)  # fmt: skip
def test_reasons(route: str, log: str, said: str, found: str) -> None:
    assert reason(box(), route, log, said).startswith(found)


def test_a_refused_password_is_named_as_such() -> None:
    assert reason(box(ansible_password="swordfish"), "", DENIED, "").startswith(
        "ada@192.0.2.7 does not take the password"
    )


def test_a_hosts_own_words_are_plain_and_short() -> None:
    hostile = "\x1b]0;owned\x07" * 1000
    for log, said in ((hostile, ""), (PROXY, hostile), (f"ssh: connect to host h port 1: {hostile}", "")):
        line = reason(box(), "jump host", log, said)
        assert line.isprintable()
        assert len(line) < 300
