"""YAML in which no dictionary has a name twice: of two, YAML's own reader silently keeps the last."""

from typing import Any

import yaml


class TwiceError(yaml.YAMLError):
    """A name occurs twice; `line` counts from 1."""

    def __init__(self, name: str, line: int) -> None:
        super().__init__(f"the name {name} occurs twice")
        self.name = name
        self.line = line


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a dictionary. Names are compared as text, as experiments take them: `1` and `"1"` are one."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                name = str(self.construct_object(key))
                if name in seen:
                    raise TwiceError(name, key.start_mark.line + 1)
                seen.add(name)
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> Any:
    """Return what a YAML text says. Raises yaml.YAMLError, for a name that occurs twice TwiceError."""
    return yaml.load(text, _Loader)
