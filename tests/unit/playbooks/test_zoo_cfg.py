"""Which keys of zoo.cfg are refused, before a member would ignore them."""

from typing import Any

import pytest

from zk_locust.contract.zoo_cfg import property_problems


def problems(key: str, value: Any = "x", version: str = "") -> list[str]:
    return list(property_problems("a", {key: value}, version=version))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("tickTme", "is not a key of zoo.cfg that ZooKeeper knows, did you mean tickTime?; correct it, or name it in"),
        ("globalOutstandingLimt", "did you mean globalOutstandingLimit?"),
        (
            "xyzzy",
            "is not a key of zoo.cfg that ZooKeeper knows; correct it, or name it in zookeeper_properties_allowed",
        ),
        ("snapcount", "would be ignored by ZooKeeper, whose key is snapCount; write it so"),
        ("zookeeper.forceSync", "which adds the prefix zookeeper. itself; write forceSync"),
        ("readonlymode.enabled", "is not a key of zoo.cfg"),
    ],
)
def test_a_key_that_zookeeper_would_ignore_is_refused(key: str, said: str) -> None:
    (problem,) = problems(key)
    assert problem.startswith(f"a: zookeeper_properties.{key} [x] ")
    assert said in problem


@pytest.mark.parametrize(
    "key",
    [
        *("forceSync", "4lw.commands.whitelist", "ssl.quorum.keyStore.location", "metricsProvider.className"),
        *("authProvider.1", "DigestAuthenticationProvider.superDigest", "audit.enable", "quorum.auth.enableSasl"),
        *("ssl.keyStore.passwordPath", "jute.maxbuffer.extrasize", "admin.snapshot.enabled", "fips-mode"),
    ],
)
def test_keys_of_zookeeper_are_taken(key: str) -> None:
    assert problems(key) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fastleader.maxNotificationInterval", 60000),
        ("requireClientAuthScheme", "sasl"),
        ("jaasLoginRenew", 3600000),
        ("leader.maxConcurrentSnapshots", 10),
        ("leader.maxConcurrentSnapshotTimeout", 5),
        ("oraclePath", "/chassis/mastership"),
        ("db.autocreate", "false"),
        ("maxResponseCacheSize", -1),
        ("maxGetChildrenResponseCacheSize", "-1"),
        ("autopurge.purgeInterval", -1),
        ("jute.maxbuffer", "0x400000"),
    ],
)
def test_keys_and_values_of_guides_are_taken(key: str, value: Any) -> None:
    assert problems(key, value) == []


@pytest.mark.parametrize(("key", "value"), [("jute.maxbuffer", "0x1"), ("tickTime", "0x400"), ("snapCount", -1)])
def test_a_number_that_zookeeper_would_not_use_is_refused(key: str, value: Any) -> None:
    assert "must be a whole number from" in problems(key, value)[0]


def test_a_key_of_a_later_release_is_refused_where_the_release_is_chosen() -> None:
    (problem,) = problems("audit.enable", "true", version="3.5.9")
    assert "is known from ZooKeeper 3.6 on, and zookeeper_version is 3.5.9; leave it out" in problem
    assert problems("audit.enable", "true", version="3.10.1") == []
    assert problems("ssl.keyStore.location", version="3.4.14") != []


def test_a_secret_is_not_shown_under_an_unknown_name() -> None:
    (problem,) = problems("my.keyStore.password", "hunter2")
    assert "hunter2" not in problem
