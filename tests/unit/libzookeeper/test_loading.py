"""Finding the library: what the user is told where there is none of use."""

import ctypes.util

import pytest

from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.libzookeeper import LibZooKeeperClient, library
from zk_locust.contract.errors import ConfigurationError


def test_a_missing_library_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "NAMES", ("libnowhere_st.so.2", "libnowhere_st.so"))
    with pytest.raises(ConfigurationError) as caught:
        LibZooKeeperClient(ClientSettings("localhost:2181"))
    message = str(caught.value)
    assert message.startswith("--client [libzookeeper]: ")
    assert "libnowhere_st.so.2 and libnowhere_st.so" in message
    assert "apt install libzookeeper-st2" in message
    assert "cannot open shared object file" in message


def test_a_library_without_what_is_needed_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    some_library = ctypes.util.find_library("c")
    assert some_library
    monkeypatch.setattr(library, "NAMES", (some_library,))
    with pytest.raises(ConfigurationError, match=r"too old: it lacks zookeeper_init2.*apt install libzookeeper-st2"):
        LibZooKeeperClient(ClientSettings("localhost:2181"))


def test_a_connect_string_is_refused_before_the_library_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "NAMES", ("libnowhere_st.so",))
    with pytest.raises(ConfigurationError, match=r"--hosts \[zk1:port\]"):
        LibZooKeeperClient(ClientSettings("zk1:port"))
