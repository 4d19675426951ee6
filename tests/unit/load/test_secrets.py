"""What counts as a secret: one rule, which every stage that shows names and values asks."""

import pytest
from ansible._internal._datatag._tags import Origin, VaultedValue
from ansible.parsing.vault import EncryptedString

from zk_locust.contract.parameter import Parameter
from zk_locust.contract.parameters import PARAMETERS
from zk_locust.contract.secrets import REDACTED, is_secret, kind_of, redacted, secret_names, without_user_info


@pytest.mark.parametrize(
    "name",
    [
        "api_key", "api-key", "apiKey", "access_key", "secretKey", "zookeeper_key", "key", "private_key",
        "ssl.keyStore.password", "ssl.trustStore.password", "passwd", "ansible_become_pass", "passphrase", "db_pwd",
        "DigestAuthenticationProvider.superDigest", "token", "ZK_LOCUST_RUN_TOKEN", "benchmark_api_token", "auth",
        "auth_data", "x-auth-header", "Authorization", "credentials", "kazoo-sasl-options", "KAZOO_LOCUST_SASL_OPTIONS",
        "KAZOO_LOCUST_CREATE_CLIENT", "kazoo_create_client", "sasl.jaas.config", "-Djavax.net.ssl.keyStorePassword",
        "userPass", "dbpass", "DB_PASS", "accessKeyId", "access_key_id", "bench-pw", "bench-bearer", "cookie",
        "session_cookies", "sessionCookie", "benchmark_pw", "--password",
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
        "bypass", "overpass", "--keys", "keyset", "monkeys", "hotkeys", "bench-keys", "passes", "cookiecutter", "http2",
        "forbearer",
        "key-distribution", "spawn", "pw-length",
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


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("-Dpassword=swordfish -Xmx1g", f"-Dpassword={REDACTED} -Xmx1g"),
        ("-Xmx1g -Dkey='sword swordfish' -Dx=1", f"-Xmx1g -Dkey={REDACTED} -Dx=1"),
        ('opts="-Da=1 -Dtoken=swordfish" b', f'opts="-Da=1 -Dtoken={REDACTED} b'),
        ("https://h/x?token=swordfish", f"https://h/x?token={REDACTED}"),
        ("see https://h/x?a=1&api_key=swordfish&b=2#c.", f"see https://h/x?a=1&api_key={REDACTED}&b=2#c."),
        ("https://u:swordfish@h/x?X-Amz-Signature=swordfish", f"https://h/x?X-Amz-Signature={REDACTED}"),
        ("password=sword&swordfish,swordfish;swordfish", f"password={REDACTED}"),
        ("run --password swordfish --verbose", f"run --password {REDACTED} --verbose"),
        ("password= -Dtoken= --password --verbose", "password= -Dtoken= --password --verbose"),
        (
            "-Dbypass.cache=true -Dmonkey=2 -Xmx1g --keys 7 a=b=c",
            "-Dbypass.cache=true -Dmonkey=2 -Xmx1g --keys 7 a=b=c",
        ),
        (["--password", "swordfish", "--keys", "7"], ["--password", REDACTED, "--keys", "7"]),
        (["-password", ["swordfish"], "x"], ["-password", REDACTED, "x"]),
        (["--token", "--verbose", "--token=swordfish", "--token"], ["--token", "--verbose", REDACTED, "--token"]),
        (["password", "x", "--kazoo-tls-key", "/f"], ["password", "x", "--kazoo-tls-key", "/f"]),
    ],
)
def test_what_is_secret_inside_a_text_or_a_list_is_hidden_and_the_rest_is_kept(given: object, shown: object) -> None:
    assert redacted("zookeeper_java_options", given) == shown


def test_a_url_to_show_has_neither_user_nor_secrets_in_its_query() -> None:
    assert without_user_info("https://u:p@h/x?token=t&a=1") == f"https://h/x?token={REDACTED}&a=1"
    assert without_user_info("-Dpassword=kept, for it is in no URL") == "-Dpassword=kept, for it is in no URL"


def test_a_long_text_is_searched_once() -> None:
    assert redacted("x", "a" * 1_000_000) == "a" * 1_000_000
    assert redacted("x", "a=" * 200_000) == "a=" * 200_000


def test_what_comes_out_of_a_vault_is_hidden_under_any_name() -> None:
    vaulted = EncryptedString(ciphertext="$ANSIBLE_VAULT;1.1;AES256\n00")
    decrypted = VaultedValue(ciphertext="$ANSIBLE_VAULT;1.1;AES256\n00").tag("swordfish")
    assert redacted("a", {"b": [vaulted, decrypted]}) == {"b": [REDACTED, REDACTED]}
    assert kind_of(vaulted) == kind_of(decrypted) == "a vaulted value"
    assert kind_of(Origin(path="/hosts.yml").tag("x")) == "text"


def test_names_of_secrets_are_sorted_text() -> None:
    assert secret_names(["tickTime", "b.password", 3, "a.password"]) == ["a.password", "b.password"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "true or false"),
        (1, "a number"),
        (0.5, "a number"),
        ("x", "text"),
        ({}, "a dictionary"),
        ([], "a list"),
        ((), "a list"),
        (None, "empty"),
        (object(), "of another kind"),
    ],
)
def test_a_value_is_named_by_its_kind(value: object, kind: str) -> None:
    assert kind_of(value) == kind
