"""How large a value may be for the servers."""

from typing import Any

import pytest

from zk_locust.contract.request_size import DEFAULT_MAX_BUFFER_BYTES, largest_value_bytes, max_buffer_bytes


@pytest.mark.parametrize(
    ("options", "properties", "expected"),
    [
        ([], {}, DEFAULT_MAX_BUFFER_BYTES),
        ([], {"jute.maxbuffer": 4096}, 4096),
        ([], {"jute.maxbuffer": "4096"}, 4096),
        (["-Xss1m", "-Djute.maxbuffer=0xffff"], {}, 65535),
        (["-Djute.maxbuffer=#ff"], {"jute.maxbuffer": 4096}, 255),
        (["-Djute.maxbuffer=1", "-Djute.maxbuffer=2"], {}, 2),
        (["-Djute.maxbuffer=4m"], {}, DEFAULT_MAX_BUFFER_BYTES),
    ],
)
def test_the_last_that_java_understands_counts(options: list[str], properties: dict[str, Any], expected: int) -> None:
    assert max_buffer_bytes(options, properties) == expected


def test_a_request_needs_room_beside_its_value() -> None:
    assert largest_value_bytes(1000, path_bytes=9) == 1000 - 20 - 9
