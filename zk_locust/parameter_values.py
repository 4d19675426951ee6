"""What a secret or structured parameter may look like."""

import json


class SafeValueError(ValueError):
    """A problem with a value that says nothing of the value, so that it may be shown for a secret too."""


def sasl_options(text: str) -> str:
    """Return kazoo's SASL options, a JSON object, as they were given. Raises SafeValueError."""
    try:
        options = json.loads(text)
    except ValueError:
        options = None
    if not isinstance(options, dict) or not isinstance(options.get("mechanism"), str):
        raise SafeValueError(
            'is no JSON object with a mechanism; write {"mechanism": "DIGEST-MD5", "username": "…", "password": "…"}'
        )
    missing = [key for key in ("username", "password") if not isinstance(options.get(key), str)]
    if options["mechanism"] == "DIGEST-MD5" and missing:
        raise SafeValueError(f"has no {' and no '.join(missing)} for DIGEST-MD5; add them to the JSON object")
    return text


def digest_credential(text: str) -> str:
    """Return `user:password` as it was given. Raises SafeValueError."""
    user, colon, _ = text.partition(":")
    if not user or not colon:
        raise SafeValueError("is no credential of the scheme digest; write user:password")
    return text


def create_client(text: str) -> str:
    """Return the dotted path, or the code, as it was given. Raises SafeValueError for what is neither."""
    from zk_locust.clients.kazoo_options import client_code, is_dotted_path

    if not is_dotted_path(text):
        try:
            client_code(text)
        except SyntaxError as error:
            raise SafeValueError(
                f"is neither the dotted path of a callable nor Python (line {error.lineno}: {error.msg}); "
                "write package.module:callable, or code that assigns client"
            ) from None
    return text


def step_duration(text: str) -> float:
    """Return seconds above 0."""
    from zk_locust.units import parse_duration_ms

    seconds = parse_duration_ms(text, "s") / 1000
    if seconds <= 0:
        raise ValueError(f"[{text}] is no time to run a step for; write e.g. 15 or 15s")
    return seconds
