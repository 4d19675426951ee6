"""What counts as a secret by its name, and how one is hidden: the only place that says so.

Parameters of the load say themselves whether they are secret (`zk_locust.parameters`). This module is for names that no
table holds: variables of an inventory, keys of `zoo.cfg`, options of a JVM, whatever a manifest holds. It needs the
standard library only.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

REDACTED: Final = "(secret)"

_SECRET_NAME: Final = re.compile(
    r"pass(w|phrase|code)|(^|[-_.]|key|store)pass([-_.]|$)|(^|[-_.])pwd$|secret|token|credential|superdigest|private"
    r"|sasl[-_.]?(options|jaas|config)|create[-_]client|(^|[-_])auth([-_]|$)|authorization"
    r"|((^|[-_.])key|(api|access|encryption|signing)[-_.]?keys?)$",
    re.IGNORECASE,
)
# The name of a file.
_PLAIN_NAME: Final = re.compile(r"(--)?kazoo[-_](locust[-_])?tls[-_]key", re.IGNORECASE)
_USER_INFO: Final = re.compile(r"(?<=://)[^\s/?#]*@")
_KINDS: Final = ((bool, "true or false"), ((int, float), "a number"), (str, "text"), (Mapping, "a dictionary"))


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
    JVM, is judged by its own name. User and password are taken out of URLs.
    """
    if is_secret(name):
        return REDACTED if value not in (None, "") else value
    if isinstance(value, Mapping):
        return {str(inner): redacted(inner, content) for inner, content in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(_name_of(item), item) for item in value]
    return without_user_info(value) if isinstance(value, str) else value


def without_user_info(text: str) -> str:
    """Return `text` with the user and the password taken out of its URLs: `https://ci:s3cret@host/` has both."""
    return _USER_INFO.sub("", text)


def kind_of(value: object) -> str:
    """Return what sort of value this is, for a message that must not show it."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "a list")


def _name_of(item: Any) -> str:
    name, equals, _ = str(item).partition("=") if isinstance(item, str) else ("", "", "")
    return name if equals else ""
