"""What counts as a secret: one rule, which every part that shows names and values asks."""

import pytest

from zk_locust.parameter import Parameter
from zk_locust.parameters import PARAMETERS
from zk_locust.secrets import REDACTED, is_secret, kind_of, redacted, secret_names


@pytest.mark.parametrize(
    "name",
    [
        "api_key", "api-key", "apiKey", "access_key", "secretKey", "zookeeper_key", "key", "private_key",
        "ssl.keyStore.password", "ssl.trustStore.password", "passwd", "ansible_become_pass", "passphrase", "db_pwd",
        "DigestAuthenticationProvider.superDigest", "token", "ZK_LOCUST_RUN_TOKEN", "benchmark_api_token", "auth",
        "auth_data", "x-auth-header", "Authorization", "credentials", "kazoo-sasl-options", "KAZOO_LOCUST_SASL_OPTIONS",
        "KAZOO_LOCUST_CREATE_CLIENT", "kazoo_create_client", "sasl.jaas.config", "-Djavax.net.ssl.keyStorePassword",
    ],
)  # fmt: skip
def test_a_secret_by_its_name(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "key-size", "val-size", "keys", "kazoo-tls-key-file", "zookeeper_client_port", "digest.enabled", "tickTime",
        "authProvider.1", "enforce.auth.enabled", "quorum.auth.enableSasl", "sessionRequireClientSASLAuth", "compass",
        "ssl.keyStore.location", "java.security.auth.login.config", "benchmark_label", "bypass.cache", "monkey",
    ],
)  # fmt: skip
def test_no_secret_by_its_name(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_the_rule_and_the_table_of_parameters_agree(parameter: Parameter) -> None:
    names = (parameter.name, parameter.flag, parameter.destination, parameter.environment)
    assert {is_secret(name) for name in names} == {parameter.secret}


def test_what_is_hidden_is_hidden_at_any_depth_and_the_rest_is_kept() -> None:
    given = {
        "tickTime": 2000,
        "empty_password": "",
        "list": [{"name": "u", "password": "swordfish"}, ["-Dapi_key=swordfish", "-Dx=https://u:swordfish@h/"]],
        "deep": {"er": {"api_key": "swordfish", "ssl.keyStore.password": {"in": "swordfish"}}},
    }
    assert redacted("zookeeper_properties", given) == {
        "tickTime": 2000,
        "empty_password": "",
        "list": [{"name": "u", "password": REDACTED}, [REDACTED, "-Dx=https://h/"]],
        "deep": {"er": {"api_key": REDACTED, "ssl.keyStore.password": REDACTED}},
    }


def test_names_of_secrets_are_sorted_text() -> None:
    assert secret_names(["tickTime", "b.password", 3, "a.password"]) == ["a.password", "b.password"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [(True, "true or false"), (1, "a number"), (0.5, "a number"), ("x", "text"), ({}, "a dictionary"), ([], "a list")],
)
def test_a_value_is_named_by_its_kind(value: object, kind: str) -> None:
    assert kind_of(value) == kind
