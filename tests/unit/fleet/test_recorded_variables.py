"""What the manifest records of an inventory, and no secret of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fleet.recorded_variables import contract_variables
from playbooks.filter_plugins.plays import FilterModule
from zk_locust.contract.parameters import PARAMETERS
from zk_locust.contract.secrets import without_user_info


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("zookeeper_id", 1, True),
        ("zookeeper_properties", {"tickTime": 500}, True),
        ("benchmark_users", 3, True),
        ("benchmark_parameters", {"key-size": 8, "val-size": 8}, True),
        ("ansible_host", "h", True),
        ("load_host_folder", "/x", False),
        ("benchmark_run_time", "5s", True),
        ("benchmark_run_failure", "x", False),
        ("load_host_run_command", ["/x"], False),
        ("load_host_probe", {"machine": "x"}, False),
        ("zookeeper_host_probe", {"machine": "x"}, False),
        ("zookeeper_compared", {"member_state": "current"}, False),
        ("benchmark_plan", {"users": 1}, False),
        ("ansible_facts", {}, False),
        ("groups", {}, False),
        ("my_own", 1, False),
    ],
)
def test_the_manifest_has_the_variables_of_the_contract_as_they_are(key: str, value: object, kept: bool) -> None:
    assert contract_variables({"h": {key: value}}) == {"h": {key: value} if kept else {}}


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_password": "swordfish"},
        {"zookeeper_admin_password": "swordfish"},
        {"benchmark_parameters": {"kazoo-sasl-options": {"username": "u", "password": "swordfish"}}},
        {"benchmark_parameters": {"kazoo-sasl-options": '{"password": "swordfish"}'}},
        {"zookeeper_properties": {"ssl.keyStore.password": "swordfish", "secretKey": "swordfish"}},
        {"zookeeper_users": [{"name": "u", "password": "swordfish"}]},
        {"zookeeper_java_options": ["-Dzookeeper.DigestAuthenticationProvider.superDigest=super:swordfish"]},
        {"zookeeper_properties": {"DigestAuthenticationProvider.superDigest": "super:swordfish"}},
        {"zookeeper_archive_url": "https://ci:swordfish@mirror.example.org/apache-zookeeper-3.9.3-bin.tar.gz"},
        {"zookeeper_archive_checksum": "sha512:https://ci:sword@swordfish@mirror.example.org/sums"},
        {"zookeeper_java_options": ["-Dproxy=http://swordfish@proxy:3128"]},
        {"benchmark_api_token": "swordfish", "locust_private_key": "swordfish", "zookeeper_key": "swordfish"},
    ],
)
def test_no_secret_reaches_the_manifest(variables: dict[str, object]) -> None:
    shown = json.dumps(contract_variables({"h": variables}))
    assert "swordfish" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ci:s3cret@mirror.example.org:8443/a@b.tar.gz?x=@", "https://mirror.example.org:8443/a@b.tar.gz?x=@"),
        ("https://ci:p@ss@h/x, and http://u@[::1]:80", "https://h/x, and http://[::1]:80"),
        ("https://h/x ada@example.org", "https://h/x ada@example.org"),
    ],
)
def test_the_user_of_a_url_is_taken_out_and_nothing_else(text: str, shown: str) -> None:
    assert without_user_info(text) == shown


def test_options_that_only_sound_like_the_super_users_digest_are_shown() -> None:
    variables = {"zookeeper_java_options": ["-Dzookeeper.digest.enabled=false"]}
    assert contract_variables({"h": variables}) == {"h": variables}


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_a_parameter_is_hidden_where_it_is_a_secret_and_only_there(parameter: Any) -> None:
    shown = contract_variables({"h": {"benchmark_parameters": {parameter.name: "value"}}})
    assert (shown["h"]["benchmark_parameters"][parameter.name] == "value") == (not parameter.secret)


def test_every_filter_is_used_somewhere() -> None:
    root = Path(__file__).parents[3]
    files = [*root.glob("roles/**/*.yml"), *root.glob("roles/**/*.j2"), *root.glob("playbooks/*.yml"),
             *root.glob("inventory/**/*.yml")]  # fmt: skip
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    for name in FilterModule().filters():
        assert re.search(rf"\b{name}\b", text), name
