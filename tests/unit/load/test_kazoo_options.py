"""What is particular to kazoo: SASL, TLS, and who makes the client."""

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.sasl_options import KazooOptions, client_code, is_dotted_path

SASL = {"mechanism": "DIGEST-MD5", "username": "mandrel", "password": "hush-7"}


def test_without_options_it_is_kazoo_as_it_is() -> None:
    assert KazooOptions().arguments() == {}
    client = KazooOptions().maker()({"hosts": "127.0.0.1:1"})
    assert type(client) is KazooClient
    assert client.hosts == [("127.0.0.1", 1)]


def test_sasl_and_tls_become_kazoos_arguments_and_no_repr_shows_the_secrets(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text("")
    files: dict[str, Any] = {f"tls_{name}": str(tmp_path / name) for name in ("ca", "cert", "key")}
    options = KazooOptions(sasl=json.dumps(SASL), tls_key_password="hush-8", create_client="hush-9", **files)
    assert options.arguments() == {
        "sasl_options": SASL,
        "use_ssl": True,
        "ca": files["tls_ca"],
        "certfile": files["tls_cert"],
        "keyfile": files["tls_key"],
        "keyfile_password": "hush-8",
    }
    assert "hush" not in repr(options)


def test_sasl_without_its_package_says_which_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"--kazoo-sasl-options .*install the package pure-sasl"):
        KazooOptions(sasl=json.dumps(SASL)).arguments()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tls": True, "handler": "gevent-fast"}, r"--kazoo-handler \[gevent-fast\]: it speaks no TLS"),
        ({"tls_ca": "/absent.pem"}, r"--kazoo-tls-ca \[/absent.pem\]: there is no such file"),
        ({"tls_cert": ssl.__file__}, "it needs --kazoo-tls-key; give both, or none"),
        ({"tls_key": ssl.__file__}, "it needs --kazoo-tls-cert; give both, or none"),
    ],
)
def test_tls_that_cannot_work_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        KazooOptions(**given).arguments()


@pytest.mark.parametrize(
    ("text", "is_path"),
    [
        ("package.module:callable", True),
        (" package.make ", True),
        ("package:Class.make", True),
        ("make", False),
        ("client = kazoo.client.KazooClient(**kwargs)", False),
        ("package.make()", False),
    ],
)
def test_a_dotted_path_is_told_from_code(text: str, is_path: bool) -> None:
    assert is_dotted_path(text) == is_path


def test_code_may_be_indented_as_a_whole() -> None:
    names: dict[str, Any] = {"kwargs": 3}
    exec(client_code("\n    if kwargs:\n        client = kwargs\n"), names)
    assert names["client"] == 3


@pytest.mark.parametrize(
    "maker",
    ["kazoo.client.KazooClient", "kazoo.client:KazooClient", "client = kazoo.client.KazooClient(**kwargs)"],
)
def test_each_form_of_maker_gets_the_arguments(maker: str) -> None:
    client = KazooOptions(create_client=maker).maker()({"hosts": "127.0.0.1:7"})
    assert client.hosts == [("127.0.0.1", 7)]


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        ("raise ValueError(kwargs['hosts'])", "it raises ValueError; it gets the arguments of KazooClient"),
        ("client = kwargs", "it makes no kazoo client but a dict"),
        ("x = 1", "it assigns no client"),
    ],
)
def test_a_maker_that_fails_says_so_without_its_arguments(maker: str, message: str) -> None:
    make = KazooOptions(create_client=maker).maker()
    with pytest.raises(ConfigurationError, match=message) as caught:
        make({"hosts": "hush-7"})
    assert "hush-7" not in str(caught.value)
