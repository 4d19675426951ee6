"""Reading variables: values as Ansible gives them, checked against a model, with messages of our own."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.secrets import kind_of

Groups = Mapping[str, Iterable[str]]
HostVars = Mapping[str, Mapping[str, Any]]
Model = TypeVar("Model", bound=BaseModel)

CONFIG: Final = ConfigDict(coerce_numbers_to_str=True, extra="ignore", regex_engine="python-re")
_MAY_HOLD_SECRETS: Final = ("zookeeper_properties", "zookeeper_java_options", "benchmark_parameters")


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a truth value is not a number")
    return value


def _whole(value: Any) -> Any:
    # The roles use the value as it is, so that pydantic's 2_181 and 2181.0 are refused.
    text = str(_no_bool(value)).strip()
    if isinstance(value, float) or not re.fullmatch(r"-?\d+", text, re.ASCII):
        raise ValueError("not a whole number")
    return text


Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number, also as text, which `-e name=1` and INI inventories give."""
Number = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Port = Annotated[Whole, Field(ge=1, le=65535, description="must be a port from 1 to 65535")]


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
        str(value)  # inside a play, Ansible returns an undefined value, which raises when it is used
    except Exception as error:  # whatever Ansible's templating raises
        return Unreadable(error, name)
    return default if value is None else value


def checked(model: type[Model], variables: Mapping[str, Any]) -> tuple[Model, dict[str, Any]]:
    """Return what a host says about the fields of `model`, and the values that are wrong, by name.

    A wrong value has its default in the model, so that the other rules can still be checked.
    """
    given = {name: read(variables, name, None) for name in model.model_fields}
    given = {name: value for name, value in given.items() if value is not None}
    wrong = {name: value for name, value in given.items() if isinstance(value, Unreadable)}
    try:
        return model.model_validate({name: given[name] for name in given.keys() - wrong}), wrong
    except ValidationError as error:
        wrong |= {str(each["loc"][0]): given[str(each["loc"][0])] for each in error.errors(include_url=False)}
    return model.model_validate({name: given[name] for name in given.keys() - wrong}), wrong


def field_problems(host: str, model: type[BaseModel], wrong: Mapping[str, Any]) -> Iterator[str]:
    """Say what the `wrong` values of a host must be: the description of their fields."""
    for variable, value in wrong.items():
        field = model.model_fields[variable]
        rule = field.description or "must be text"
        if isinstance(value, Unreadable):
            yield unreadable_problem(host, variable, value)
        elif get_origin(field.annotation) is list:  # items may be secret
            yield f"{host}: {variable} {rule}, and is {kind_of(value)}"
        else:
            hint = nearest(str(value).lower(), filter(lambda word: isinstance(word, str), get_args(field.annotation)))
            yield f"{host}: {variable} [{value}] {rule}{hint}"


def unreadable_problem(host: str, variable: str, value: Unreadable) -> str:
    """Return the line for a variable whose template failed."""
    return f"{host}: {variable} cannot be evaluated: {value}; correct its template in the inventory"


def hosts_of_contract(groups: Groups) -> list[str]:
    """Return the hosts of the contract's groups, each once."""
    listed = [name for group in ("zookeeper", "locust_master", "locust_workers") for name in groups.get(group, [])]
    return list(dict.fromkeys(listed))


def load_hosts(groups: Groups) -> list[str]:
    """Return the hosts of the load, each once."""
    return list(dict.fromkeys([*groups.get("locust_master", []), *groups.get("locust_workers", [])]))
