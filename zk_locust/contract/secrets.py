"""Which names are secret, and how their values are hidden.

Parameters of the load say themselves whether they are secret (`zk_locust.contract.parameters`). This module is for
names that no table holds: variables of an inventory, keys of `zoo.cfg`, options of a JVM, whatever a manifest holds. It
needs the standard library only.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

REDACTED: Final = "(secret)"

_SECRET_NAME: Final = re.compile(
    r"pass(w|phrase|code)|(^|[-_.]|key|store|db|user|admin|root|ldap)pass([-_.]|$)|secret|token|credential|superdigest"
    r"|private|(^|[-_.])(pwd?|bearer|cookies?)$|(?-i:[a-z](Pass|Pw|Pwd|Bearer|Cookie)$)"
    r"|sasl[-_.]?(options|jaas|config)|create[-_]client|(^|[-_])auth([-_]|$)|authorization"
    r"|((^|[-_.])key|(api|access|encryption|signing)[-_.]?keys?([-_.]?id)?)$",
    re.IGNORECASE,
)
# The name of a file.
_PLAIN_NAME: Final = re.compile(r"(--)?kazoo[-_](locust[-_])?tls[-_]key", re.IGNORECASE)
_USER_INFO: Final = re.compile(r"(?<=://)[^\s/?#]*@")
# `name=` in a text; from the beginning of the name only, else a long word takes time with the square of its length.
_NAME_IN_TEXT: Final = re.compile(r"(?<![^\s=?&\"'(){}\[\],;])([^\s=?&\"'(){}\[\],;]+)=")
_VALUE_IN_TEXT: Final = re.compile(r"\"[^\"]*\"|'[^']*'|\S*")
_VALUE_IN_QUERY: Final = re.compile(r"[^\s&#\"']*")
_OPTION_IN_TEXT: Final = re.compile(r"(?<!\S)(--?[^\s=-][^\s=]*)(\s+)(?!-)(\"[^\"]*\"|'[^']*'|\S+)")
_SIGNATURES: Final = ("sig", "signature", "x-amz-signature", "x-goog-signature")  # who has one may fetch the file
_KINDS: Final = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (Mapping, "a dictionary"),
    ((list, tuple, set), "a list"),
    (type(None), "empty"),
)


def is_secret(name: object) -> bool:
    """Whether something of that name is to be hidden."""
    text = str(name)
    return _SECRET_NAME.search(text) is not None and _PLAIN_NAME.fullmatch(text) is None


def secret_names(names: Iterable[object]) -> list[str]:
    """Return those of the names that are secret, sorted."""
    return sorted(str(name) for name in names if is_secret(name))


def redacted(name: object, value: Any) -> Any:
    """Return the value as it may be shown under that name: hidden, or without what is secret inside it.

    Dictionaries and lists are searched to their ends. An item of a list that says `name=value`, such as an option of a
    JVM, is judged by its own name, and one after `--name` by that. Inside a text the values of `name=value`, of
    `--name value` and of a URL's query are hidden, and user and password are taken out of URLs. What comes out of a
    vault is hidden under any name.
    """
    if _is_vaulted(value):  # first: to compare it would decrypt it
        return REDACTED
    if is_secret(name):
        return REDACTED if value not in (None, "") else value
    if isinstance(value, Mapping):
        return {str(inner): redacted(inner, content) for inner, content in value.items()}
    if isinstance(value, list | tuple):
        before = ["", *value][: len(value)]
        return [redacted(_name_of(item, option), item) for option, item in zip(before, value, strict=True)]
    return _without_secrets(value) if isinstance(value, str) else value


def without_user_info(text: str) -> str:
    """Return `text` with what is secret taken out of its URLs: `https://ci:s3cret@host/x?token=t` has both kinds."""
    return _values_hidden(_USER_INFO.sub("", text), in_queries_only=True)


def kind_of(value: object) -> str:
    """Return what sort of value this is, for a message that must not show it."""
    if _is_vaulted(value):
        return "a vaulted value"
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "of another kind")


def _is_vaulted(value: object) -> bool:
    """Whether Ansible has the value from a vault, decrypted or not; told by names, for Ansible may not be here."""
    tags = getattr(value, "_ansible_tags_mapping", None) or ()
    return "Encrypted" in type(value).__name__ or any(tag.__name__ == "VaultedValue" for tag in tags)


def _without_secrets(text: str) -> str:
    hidden = _values_hidden(_USER_INFO.sub("", text))
    return _OPTION_IN_TEXT.sub(
        lambda found: f"{found[1]}{found[2]}{REDACTED}" if is_secret(found[1]) else found[0], hidden
    )


def _values_hidden(text: str, *, in_queries_only: bool = False) -> str:
    """Return `text` with the values of its `name=value` hidden where the name is a secret's."""
    parts, place = [], 0
    while found := _NAME_IN_TEXT.search(text, place):
        parts.append(text[place : found.end()])
        place = found.end()
        in_query = text[found.start() - 1 : found.start()] in ("?", "&")
        name = found[1].removeprefix("-D")
        if (is_secret(name) and (in_query or not in_queries_only)) or (in_query and name.lower() in _SIGNATURES):
            value = (_VALUE_IN_QUERY if in_query else _VALUE_IN_TEXT).match(text, place)
            if value and value[0]:
                parts.append(REDACTED)
                place = value.end()
    return "".join([*parts, text[place:]])


def _name_of(item: Any, before: Any) -> str:
    """Return the name of an item of a list: its own, else that of the option before it, else none."""
    text = item if isinstance(item, str) else ""
    name, equals, _ = text.partition("=")
    if equals:
        return name
    is_option = isinstance(before, str) and before.startswith("-") and "=" not in before
    return before if is_option and not text.startswith("-") else ""
