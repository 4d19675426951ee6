"""Secret and structured values: kept as given, or refused without showing them."""

import json
from collections.abc import Callable

import pytest

from zk_locust.contract import parameter_values
from zk_locust.contract.parameter_values import SafeValueError

SASL = json.dumps({"mechanism": "DIGEST-MD5", "username": "u", "password": "p"})


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (parameter_values.sasl_options, SASL),
        (parameter_values.sasl_options, '{"mechanism": "GSSAPI"}'),
        (parameter_values.digest_credential, "user:pass:word"),
        (parameter_values.digest_credential, "user:"),
        (parameter_values.create_client, "package.module:make"),
        (parameter_values.create_client, "\n  client = kwargs\n"),
    ],
)
def test_a_sound_value_is_kept_as_it_was_given(check: Callable[[str], str], text: str) -> None:
    assert check(text) == text


@pytest.mark.parametrize("text", ["zk1=a:1,,zk2=b:2", "zk1=a:1,", ","])
def test_an_empty_item_is_no_admin_address(text: str) -> None:
    with pytest.raises(ValueError, match="is no list of admin addresses"):
        parameter_values.admin_addresses(text)


@pytest.mark.parametrize(
    ("check", "text", "message"),
    [
        (parameter_values.sasl_options, "hush", "is no JSON object with a mechanism"),
        (parameter_values.sasl_options, '["hush"]', "is no JSON object with a mechanism"),
        (parameter_values.sasl_options, '{"mechanism": "DIGEST-MD5", "username": "hush"}', "has no password for"),
        (parameter_values.sasl_options, '{"mechanism": "DIGEST-MD5"}', "has no username and no password for"),
        (parameter_values.digest_credential, "hush", "write user:password"),
        (parameter_values.digest_credential, ":hush", "write user:password"),
        (parameter_values.create_client, "hush = (", "nor Python (line 1: "),
    ],
)
def test_a_value_without_sense_is_refused_without_showing_it(
    check: Callable[[str], str], text: str, message: str
) -> None:
    with pytest.raises(SafeValueError) as caught:
        check(text)
    assert message in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_step_takes_time() -> None:
    assert parameter_values.step_duration("15") == 15.0
    assert parameter_values.step_duration("500ms") == 0.5
    for text in ("0", "soon"):
        with pytest.raises(ValueError, match=rf"\[{text}\]"):
            parameter_values.step_duration(text)
