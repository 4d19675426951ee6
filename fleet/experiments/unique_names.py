"""YAML in which no dictionary has a name twice: of two, YAML's own reader silently keeps the last."""

from typing import Any, Final

import yaml

_MERGE: Final = "tag:yaml.org,2002:merge"


class TwiceError(yaml.YAMLError):
    """A name occurs twice; `line` counts from 1."""

    def __init__(self, name: str, line: int) -> None:
        super().__init__(f"the name {name} occurs twice")
        self.name = name
        self.line = line


def read_yaml(text: str) -> Any:
    """Return what a YAML text says. Raises yaml.YAMLError, for a name that occurs twice TwiceError.

    Names are compared as text, as experiments take them: `1` and `"1"` are one.
    """
    loader = yaml.SafeLoader(text)
    try:
        # Before anything is constructed: that puts merged names among a dictionary's own.
        top = loader.get_single_node()
        if top is None:
            return None
        _check(loader, top)
        return loader.construct_document(top)
    finally:
        loader.dispose()


def _check(loader: yaml.SafeLoader, top: yaml.Node) -> None:
    waiting, known = [top], {id(top)}
    while waiting:
        node = waiting.pop()
        inner: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            _check_names(loader, node)
            inner = [each for pair in node.value for each in pair]
        elif isinstance(node, yaml.SequenceNode):
            inner = node.value
        new = [each for each in inner if id(each) not in known]  # an alias is the node of its anchor
        known |= {id(each) for each in new}
        waiting += reversed(new)


def _check_names(loader: yaml.SafeLoader, node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
            name = str(loader.construct_object(key))
            if name in seen:
                raise TwiceError(name, key.start_mark.line + 1)
            seen.add(name)
