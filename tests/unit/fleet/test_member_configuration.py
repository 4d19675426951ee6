"""zoo.cfg and the JVM's properties of a member."""

from dataclasses import replace
from typing import Any

from fleet.member_configuration import (
    Member,
    configuration,
    member_properties,
    reconfigurable_properties,
    server_properties,
)


def member(number: int, **changes: Any) -> Member:
    return replace(Member(number, "participant", f"host{number}", "", 2181, 2888, 3888, 8080), **changes)


def test_servers_are_named_in_the_form_that_all_releases_read() -> None:
    members = [member(1), member(2, address="2001:db8::2"), member(3, peer_type="observer")]
    assert server_properties(members) == {
        "server.1": "host1:2888:3888",
        "server.2": "[2001:db8::2]:2888:3888",
        "server.3": "host3:2888:3888:observer",
    }


def test_a_single_member_runs_standalone() -> None:
    properties = member_properties(member(1), [member(1)], "/data")
    assert not [key for key in properties if key.startswith("server.")]
    assert "standaloneEnabled" not in properties


def test_one_participant_with_observers_is_a_quorum() -> None:
    members = [member(1), member(2, peer_type="observer")]
    assert member_properties(members[1], members, "/data")["standaloneEnabled"] == "false"
    assert member_properties(members[1], members, "/data")["peerType"] == "observer"
    assert "peerType" not in member_properties(members[0], members, "/data")


def test_a_member_listens_everywhere_or_on_its_one_address() -> None:
    bound = member(1, bind_address="127.0.0.1")
    everywhere = member_properties(member(1), [member(1), member(2)], "/data")
    local = member_properties(bound, [bound, member(2)], "/data", "", "127.0.0.1")
    assert everywhere["quorumListenOnAllIPs"] == "true"
    assert "clientPortAddress" not in everywhere
    assert "quorumListenOnAllIPs" not in local
    assert local["clientPortAddress"] == local["admin.serverAddress"] == "127.0.0.1"
    assert "admin.serverAddress" not in everywhere


def test_properties_become_sorted_lines_and_java_properties() -> None:
    found = configuration({"tickTime": 2000, "snapshot.trust.empty": True, "jute.maxbuffer": 4096, "server.1": "a:1:2"})
    assert found.zoo_cfg == ["server.1=a:1:2", "snapshot.trust.empty=true", "tickTime=2000"]
    assert found.servers == ["server.1=a:1:2"]
    assert found.java_options == ["-Djute.maxbuffer=4096"]


def test_a_member_is_taken_from_what_the_inventory_says_of_it() -> None:
    listed = {"name": "zk1", "machine": "here", "id": 7, "peer_type": "observer", "address": "::1", "bind_address": ""}
    listed |= {"client_port": 1, "peer_port": 2, "election_port": 3, "admin_port": 4, "admin": "[::1]:4", "version": ""}
    found = Member.of(listed)
    assert found.between_members(found.peer_port) == "[::1]:2"
    assert not found.votes


def test_a_transaction_log_on_a_device_of_its_own() -> None:
    assert "dataLogDir" not in member_properties(member(1), [member(1)], "/data")
    assert member_properties(member(1), [member(1)], "/data", "/log")["dataLogDir"] == "/log"


def test_a_configuration_names_its_secret_keys() -> None:
    assert configuration({"tickTime": 2000, "ssl.keyStore.password": "x"}).secret_keys == ["ssl.keyStore.password"]
    assert configuration({"tickTime": 2000, "jute.maxbuffer": 1}).secret_keys == []


def test_with_reconfig_the_list_is_a_file_of_its_own_with_the_client_ports() -> None:
    members = [member(1), member(2, bind_address="2001:db8::2"), member(3, peer_type="observer", client_port=2190)]
    given = {"reconfigEnabled": True, "clientPort": "2181", "tickTime": 2000, **server_properties(members)}
    changed = reconfigurable_properties(given, members, "/conf/members", "geheim")
    found = configuration({**given, **changed})
    assert found.own_list
    assert found.servers == [
        "server.1=host1:2888:3888:participant;2181",
        "server.2=host2:2888:3888:participant;[2001:db8::2]:2181",
        "server.3=host3:2888:3888:observer;2190",
    ]
    assert found.zoo_cfg == [
        "DigestAuthenticationProvider.superDigest=super:4CwTK01Cpcq3wARRnmeuNO3K/U8=",
        "dynamicConfigFile=/conf/members",
        "reconfigEnabled=true",
        "tickTime=2000",
    ]
    assert found.secret_keys == ["DigestAuthenticationProvider.superDigest"]


def test_without_reconfig_nothing_changes_but_the_password() -> None:
    members = [member(1), member(2)]
    assert reconfigurable_properties({}, members, "/conf/members", "") == {}
    own = {"DigestAuthenticationProvider.superDigest": "super:x"}
    assert reconfigurable_properties(own, members, "/conf/members", "geheim") == {}
    assert [*reconfigurable_properties({"reconfigEnabled": True}, [member(1)], "/conf/members", "geheim")] == [*own]
