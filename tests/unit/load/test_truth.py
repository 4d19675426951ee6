"""What counts as true is what Ansible takes for true."""

from typing import Any

import pytest
from ansible.plugins.filter.core import to_bool

from zk_locust.contract.truth import is_true

WORDS = ["yes", "no", "on", "off", "true", "false", "1", "0", "Yes", "FALSE", True, False, 1, 0]


@pytest.mark.parametrize("value", WORDS)
def test_it_is_ansibles_answer(value: Any) -> None:
    assert is_true(value) is to_bool(value)


@pytest.mark.parametrize("value", ["maybe", "y", "n", "t", "f", "", "2", 2, 1.5, None, [], ["yes"]])
def test_anything_else_is_neither(value: Any) -> None:
    with pytest.raises(ValueError, match="true or false"):
        is_true(value)
