"""Reading variables: values as Ansible gives them, checked against a model, with messages of our own."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

Groups = Mapping[str, Iterable[str]]
HostVars = Mapping[str, Mapping[str, Any]]
Model = TypeVar("Model", bound=BaseModel)

CONFIG: Final = ConfigDict(coerce_numbers_to_str=True, extra="ignore", regex_engine="python-re")
_MAY_HOLD_SECRETS: Final = ("zookeeper_properties", "zookeeper_java_options", "benchmark_parameters")


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a truth value is not a number")
    return value


Whole = Annotated[int, BeforeValidator(_no_bool)]
"""A whole number, also as text, which `-e name=1` and INI inventories give."""
Number = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Port = Annotated[Whole, Field(ge=1, le=65535)]


class Unreadable:
    """Stands for a variable whose template failed."""

    def __init__(self, error: Exception, name: str) -> None:
        # The text of an error may quote the value.
        self.reason = type(error).__name__ if name in _MAY_HOLD_SECRETS else " ".join(str(error).split())

    def __str__(self) -> str:
        return self.reason


def read(variables: Mapping[str, Any], name: str, default: Any) -> Any:
    """Return a variable's value, `default` where it is not set or empty, Unreadable where its template fails."""
    try:
        value = variables.get(name, default)
    except Exception as error:  # whatever Ansible's templating raises
        return Unreadable(error, name)
    return default if value is None else value


def checked(model: type[Model], variables: Mapping[str, Any]) -> tuple[Model, dict[str, Any]]:
    """Return what a host says about the fields of `model`, and the values that are wrong, by name.

    A wrong value has its default in the model, so that the other rules can still be checked.
    """
    given = {name: read(variables, name, None) for name in model.model_fields}
    given = {name: value for name, value in given.items() if value is not None}
    try:
        return model.model_validate(given), {}
    except ValidationError as error:
        wrong = {str(each["loc"][0]): given[str(each["loc"][0])] for each in error.errors(include_url=False)}
    return model.model_validate({name: value for name, value in given.items() if name not in wrong}), wrong


def hosts_of_contract(groups: Groups) -> list[str]:
    """Return the hosts of the contract's groups, each once."""
    listed = [name for group in ("zookeeper", "locust_master", "locust_workers") for name in groups.get(group, [])]
    return list(dict.fromkeys(listed))


def load_hosts(groups: Groups) -> list[str]:
    """Return the hosts of the load, each once."""
    return list(dict.fromkeys([*groups.get("locust_master", []), *groups.get("locust_workers", [])]))
