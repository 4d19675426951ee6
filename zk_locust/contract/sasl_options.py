"""What is particular to kazoo: its handler, SASL, TLS, and who makes the client."""

import importlib
import importlib.util
import json
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any, Final

from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.protection import PROTECTING_PARAMETERS
from zk_locust.contract.secrets import REDACTED

_CREATE_CLIENT: Final = "KAZOO_LOCUST_CREATE_CLIENT"
_DOTTED_PATH: Final = re.compile(r"\s*[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*[.:][A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\s*")


def is_dotted_path(text: str) -> bool:
    """Whether the text names a callable (`package.module:callable` or with a dot for the colon), and is no code."""
    return _DOTTED_PATH.fullmatch(text) is not None


def client_code(text: str) -> CodeType:
    """Compile code that gets `kwargs` and assigns `client`. Raises SyntaxError."""
    # In a shell's quotes, all of its lines are often indented.
    return compile(textwrap.dedent(text).strip(), f"<{_CREATE_CLIENT}>", "exec")


@dataclass(frozen=True, slots=True)
class KazooOptions:
    """The parameters `--kazoo-*`. `sasl` is a JSON object, `create_client` a dotted path or code; both are secret."""

    handler: str = "gevent"
    sasl: str | None = field(default=None, repr=False)
    tls: bool = False
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_key_password: str | None = field(default=None, repr=False)
    create_client: str | None = field(default=None, repr=False)

    def protecting(self) -> list[str]:
        """Return the names, without dashes, of the parameters that are set and ask for TLS or SASL."""
        return [name for name, attribute in PROTECTING_PARAMETERS.items() if getattr(self, attribute)]

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of KazooClient that say how to authenticate and encrypt.

        Raises ConfigurationError where a file or a package that they need is not there.
        """
        return self._sasl_arguments() | self._tls_arguments()

    def maker(self) -> Callable[[dict[str, Any]], Any]:
        """Return what makes a client from KazooClient's arguments. Raises ConfigurationError, as the maker does."""
        if not self.create_client or not self.create_client.strip():
            from kazoo.client import KazooClient

            return lambda kwargs: KazooClient(**kwargs)
        make = _from_path(self.create_client.strip()) if is_dotted_path(self.create_client) else self._run_code
        return lambda kwargs: _checked(make, kwargs)

    def _sasl_arguments(self) -> dict[str, Any]:
        if not self.sasl:
            return {}
        if importlib.util.find_spec("puresasl") is None:
            raise ConfigurationError(
                "--kazoo-sasl-options", REDACTED, "kazoo needs pure-sasl for SASL", "install the package pure-sasl"
            )
        return {"sasl_options": json.loads(self.sasl)}

    def _tls_arguments(self) -> dict[str, Any]:
        files = {"ca": self.tls_ca, "cert": self.tls_cert, "key": self.tls_key}
        if not self.tls and not any(files.values()):
            return {}
        if self.handler == "gevent-fast":
            raise ConfigurationError(
                "--kazoo-handler", self.handler, "it speaks no TLS", "choose gevent or threading for TLS"
            )
        for name, path in files.items():
            if path and not Path(path).is_file():
                raise ConfigurationError(
                    f"--kazoo-tls-{name}", path, "there is no such file on this machine", "give the path of a PEM file"
                )
        for given, other in (("cert", "key"), ("key", "cert")):
            if files[given] and not files[other]:
                raise ConfigurationError(
                    f"--kazoo-tls-{given}", files[given], f"it needs --kazoo-tls-{other}", "give both, or none"
                )
        return {
            "use_ssl": True,
            "ca": self.tls_ca,
            "certfile": self.tls_cert,
            "keyfile": self.tls_key,
            "keyfile_password": self.tls_key_password,
        }

    def _run_code(self, **kwargs: Any) -> Any:
        import kazoo.client

        names: dict[str, Any] = {"kazoo": kazoo, "kwargs": kwargs}
        exec(client_code(self.create_client or ""), names)  # it is the user's own, from the user's own command line
        if "client" not in names:
            raise ConfigurationError(_CREATE_CLIENT, "(code)", "it assigns no client", "end with client = …")
        return names["client"]


def _from_path(path: str) -> Callable[..., Any]:
    module_name, _, names = path.partition(":") if ":" in path else path.rpartition(".")
    try:
        found: Any = importlib.import_module(module_name)
        for name in names.split("."):
            found = getattr(found, name)
    except Exception as error:
        raise ConfigurationError(
            _CREATE_CLIENT, path, f"it cannot be imported ({type(error).__name__}: {error})",
            "give package.module:callable, of a package that PYTHONPATH or the environment has",
        ) from error  # fmt: skip
    if not callable(found):
        raise ConfigurationError(_CREATE_CLIENT, path, "it cannot be called", "name a class or a function")
    return found  # type: ignore[no-any-return]


def _checked(make: Callable[..., Any], kwargs: dict[str, Any]) -> Any:
    try:
        client = make(**kwargs)
    except ConfigurationError:
        raise
    except Exception as error:
        # Without the error's text: it may quote the arguments, with secrets in them.
        raise ConfigurationError(
            _CREATE_CLIENT, REDACTED, f"it raises {type(error).__name__}", "it gets the arguments of KazooClient"
        ) from None
    if not all(hasattr(client, name) for name in ("start", "stop", "get_async", "create_async")):
        raise ConfigurationError(
            _CREATE_CLIENT, REDACTED, f"it makes no kazoo client but a {type(client).__name__}",
            "return a KazooClient, or something with its methods",
        )  # fmt: skip
    return client
