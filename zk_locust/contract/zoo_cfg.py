"""The keys of zoo.cfg that ZooKeeper 3.4 to 3.9 knows, since which release, and the values that it takes.

Sources: `QuorumPeerConfig.parseProperties`, the system properties that the server's classes read, and the guides for
administrators. A value that the server cannot parse ends it at its start. It ignores unknown keys, and replaces other
wrong values by the default, without a message: the record of a benchmark would be false.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from zk_locust.contract.nearest_name import nearest
from zk_locust.contract.request_size import java_integer
from zk_locust.contract.secrets import kind_of, redacted

OWNED_PROPERTIES: Final = {
    "dataDir": "zookeeper_data_dir",
    "dataLogDir": "zookeeper_data_log_dir",
    "clientPort": "zookeeper_client_port",
    "clientPortAddress": "zookeeper_bind_address",
    "admin.serverPort": "zookeeper_admin_port",
    "admin.serverAddress": "zookeeper_bind_address",
    "admin.enableServer": "nothing: the figures come from the AdminServer",
    "peerType": "zookeeper_peer_type",
    "dynamicConfigFile": "nothing: the members come from the inventory",
    "standaloneEnabled": "nothing: it follows from the number of members",
}
"""Keys that the role writes, and what to set instead."""

_MAX_INT: Final = 2**31 - 1
_MAX_LONG: Final = 2**63 - 1

# Least and greatest number: keys.
_NUMBERS: Final[dict[str, tuple[int, int]]] = {
    key: limits
    for limits, keys in {
        (1, _MAX_INT): "tickTime initLimit syncLimit snapCount electionAlg quorum.cnxn.threads.size",
        (-1, _MAX_INT): (
            "minSessionTimeout maxSessionTimeout clientPortListenBacklog autopurge.purgeInterval maxResponseCacheSize"
            " maxGetChildrenResponseCacheSize"
        ),
        (1, 65535): "secureClientPort observerMasterPort metricsProvider.httpPort",
        (0, _MAX_INT): (
            "maxClientCnxns maxCnxns connectToLearnerMasterLimit globalOutstandingLimit commitLogCount"
            " admin.idleTimeout multiAddress.reachabilityCheckTimeoutMs"
        ),
        (3, _MAX_INT): "autopurge.snapRetainCount",
        (0, _MAX_LONG): (
            "preAllocSize fsync.warningthresholdms jvm.pause.info-threshold.ms jvm.pause.warn-threshold.ms"
            " jvm.pause.sleep.time.ms"
        ),
        (-(_MAX_LONG + 1), _MAX_LONG): "snapSizeLimitInKb",
        (1024, _MAX_INT): "jute.maxbuffer",
    }.items()
    for key in keys.split()
}
_SWITCHES: Final = (
    *("sslQuorum", "portUnification", "sslQuorumReloadCertFiles", "localSessionsEnabled", "snapshot.trust.empty"),
    *("localSessionsUpgradingEnabled", "syncEnabled", "reconfigEnabled", "quorumListenOnAllIPs", "jvm.pause.monitor"),
    *("multiAddress.enabled", "multiAddress.reachabilityCheckEnabled"),
)
# The first line of releases that has a key, also where a later patch release of that line brought it.
_SINCE: Final[dict[str, tuple[int, int]]] = {
    key: since
    for since, keys in {
        (3, 4): (
            "tickTime initLimit syncLimit electionAlg maxClientCnxns minSessionTimeout maxSessionTimeout syncEnabled"
            " quorumListenOnAllIPs autopurge.snapRetainCount autopurge.purgeInterval preAllocSize snapCount"
            " globalOutstandingLimit commitLogCount forceSync skipACL leaderServes cnxTimeout fsync.warningthresholdms"
            " jute.maxbuffer 4lw.commands.whitelist DigestAuthenticationProvider.superDigest"
            " SASLAuthenticationProvider.superPassword allowSaslFailedClients requireKerberosConfig superUser"
            " kerberos.removeHostFromPrincipal kerberos.removeRealmFromPrincipal security.auth_to_local"
            " letAnySaslUserDoX sasl.serverconfig sasl.clientconfig serverCnxnFactory tcpKeepAlive clientTcpKeepAlive"
            " electionPortBindRetry fastleader.minNotificationInterval quorum.cnxn.threads.size quorum.auth.enableSasl"
            " quorum.auth.serverRequireSasl quorum.auth.learnerRequireSasl quorum.auth.learner.saslLoginContext"
            " quorum.auth.server.saslLoginContext quorum.auth.kerberos.servicePrincipal kinit"
            " leader.ackLoggingFrequency forceSnapshotSync snapshotSizeFactor datadir.autocreate server.principal"
            " server.realm fastleader.maxNotificationInterval requireClientAuthScheme jaasLoginRenew"
        ),
        (3, 5): (
            "secureClientPort secureClientPortAddress reconfigEnabled localSessionsEnabled"
            " localSessionsUpgradingEnabled sslQuorum portUnification sslQuorumReloadCertFiles admin.commandURL"
            " admin.idleTimeout"
            " nio.numSelectorThreads nio.numWorkerThreads nio.directBufferBytes nio.sessionlessCnxnTimeout"
            " nio.shutdownTimeout commitProcessor.numWorkerThreads commitProcessor.shutdownTimeout"
            " snapshot.trust.empty extendedTypesEnabled emulate353TTLNodes X509AuthenticationProvider.superUser"
            " client.portUnification observer.syncEnabled clientPortListenBacklog txnLogSizeLimitInKb"
            " ensembleAuthName skipProviders netty.server.outstandingHandshake.limit quorumCnxnTimeoutMs"
            " observer.reconnectDelayMs observer.election.DelayMs leader.maxConcurrentSnapshots"
            " leader.maxConcurrentSnapshotTimeout"
        ),
        (3, 6): (
            "observerMasterPort multiAddress.enabled multiAddress.reachabilityCheckEnabled maxCnxns"
            " multiAddress.reachabilityCheckTimeoutMs jvm.pause.monitor jvm.pause.info-threshold.ms"
            " jvm.pause.warn-threshold.ms jvm.pause.sleep.time.ms snapSizeLimitInKb maxResponseCacheSize"
            " maxGetChildrenResponseCacheSize connectToLearnerMasterLimit audit.enable audit.impl.class"
            " admin.portUnification admin.forceHttps admin.httpVersion snapshot.compression.method watchManagerName"
            " watcherCleanThreadsNum watcherCleanThreshold watcherCleanIntervalInSeconds maxInProcessingDeadWatchers"
            " bitHashCacheSize commitProcessor.maxReadBatchSize commitProcessor.maxCommitBatchSize"
            " learner.asyncSending learner.closeSocketAsync leader.closeSocketAsync leader.maxConcurrentSnapSyncs"
            " leader.maxConcurrentDiffSyncs leader.maxTimeToWaitForEpoch largeRequestMaxBytes largeRequestThreshold"
            " request.timeout request_stale_connection_check request_stale_latency_check request_throttle_drop_stale"
            " request_throttle_max_requests request_throttle_stall_time request_throttler.shutdownTimeout"
            " connection_throttle_tokens connection_throttle_fill_time connection_throttle_fill_count"
            " connection_throttle_freeze_time connection_throttle_drop_increase connection_throttle_drop_decrease"
            " connection_throttle_decrease_ratio connection_throttle_weight_enabled"
            " connection_throttle_global_session_weight connection_throttle_local_session_weight"
            " connection_throttle_renew_session_weight sessionRequireClientSASLAuth digest.enabled flushDelay"
            " maxWriteQueuePollTime maxBatchSize closeSessionTxn.enabled pathStats.enabled pathStats.initialDelay"
            " pathStats.maxDepth pathStats.sampleRate pathStats.slotCapacity pathStats.slotDuration"
            " pathStats.topPathMax messageTracker.BufferSize messageTracker.Enabled observerMaster.sizeLimit"
            " netty.advancedFlowControl.enabled netty.server.earlyDropSecureConnectionHandshakes"
            " DigestAuthenticationProvider.enabled follower.skipLearnerRequestToNextProcessor"
            " leaderConnectDelayDuringRetryMs kerberos.canonicalizeHostNames enableEagerACLCheck"
            " forward_learner_requests_to_commit_processor_disabled oraclePath db.autocreate"
        ),
        (3, 7): (
            "DigestAuthenticationProvider.digestAlg enforce.auth.enabled enforce.auth.schemes enforceQuota"
            " throttled_op_wait_time"
        ),
        (3, 8): "fips-mode client.certReload",
        (3, 9): (
            "admin.needClientAuth admin.rateLimiterIntervalInMS admin.restore.enabled admin.snapshot.enabled"
            " serializeLastProcessedZxid.enabled IPAuthenticationProvider.usexforwardedfor"
            " kerberos.minReLoginTimeMs"
        ),
    }.items()
    for key in keys.split()
}
# Families of keys, by how they begin.
_FAMILIES: Final[dict[str, tuple[int, int]]] = {
    "authProvider.": (3, 4),
    "jute.": (3, 4),
    "ssl.": (3, 5),
    "metricsProvider.": (3, 6),
}
_KNOWN: Final = {key.lower(): key for key in (*_SINCE, *OWNED_PROPERTIES)}
_REMEDY: Final = "correct it, or leave it out for ZooKeeper's default"


def property_problems(name: str, properties: Any, allowed: Iterable[str] = (), version: str = "") -> Iterator[str]:
    """Say what is wrong with the `zookeeper_properties` of the member `name`: who, variable, [value], remedy.

    `allowed` names further keys, which a changed ZooKeeper may have. `version` is the release, where one is chosen. A
    value that may be secret is not shown.
    """
    if not isinstance(properties, Mapping):
        yield (
            f"{name}: zookeeper_properties must be a dictionary, e.g. {{tickTime: 2000}}, and is {kind_of(properties)}"
        )
        return
    for key, value in properties.items():
        shown = f"{name}: zookeeper_properties.{key} [{redacted(key, value)}]"
        if key in OWNED_PROPERTIES:
            yield f"{shown} belongs to the role; set {OWNED_PROPERTIES[key]}"
        elif re.fullmatch(r"(server|group|weight)\.\d+", str(key)):
            yield f"{shown} belongs to the role: members come from the inventory"
        elif isinstance(value, Mapping | list):
            yield f"{name}: zookeeper_properties.{key} must be a single value, and is {kind_of(value)}; quote it"
        elif not str(value).isprintable():
            yield f"{name}: zookeeper_properties.{key} must be a single line without control characters"
        elif problem := _value_problem(str(key), value) or ("" if key in allowed else _key_problem(str(key), version)):
            yield f"{shown} {problem}"


def _key_problem(key: str, version: str) -> str:
    """Return why ZooKeeper would ignore the key; empty if it knows it."""
    since = _SINCE.get(key) or next((first for start, first in _FAMILIES.items() if key.startswith(start)), None)
    if since:
        chosen = re.match(r"(\d+)\.(\d+)", version)
        if chosen and (int(chosen[1]), int(chosen[2])) < since:
            return (
                f"is known from ZooKeeper {since[0]}.{since[1]} on, and zookeeper_version is {version}; leave it out,"
                " or choose a newer release"
            )
        return ""
    plain = key.removeprefix("zookeeper.")
    if plain in _SINCE:
        return f"would be ignored by ZooKeeper, which adds the prefix zookeeper. itself; write {plain}"
    if key.lower() in _KNOWN:
        return f"would be ignored by ZooKeeper, whose key is {_KNOWN[key.lower()]}; write it so"
    return (
        f"is not a key of zoo.cfg that ZooKeeper knows{nearest(key, _KNOWN.values())}; correct it, or name it in"
        " zookeeper_properties_allowed if your ZooKeeper has it"
    )


def _value_problem(key: str, value: Any) -> str:
    text = str(value).strip()
    if not re.fullmatch(r"[\w.-]+", key, re.ASCII):
        return "is not a key of zoo.cfg: letters, digits, dots, hyphens and underscores; correct the key"
    if key in _NUMBERS:
        least, greatest = _NUMBERS[key]
        number = None if isinstance(value, bool) else _number(key, text)
        if number is None or not least <= number <= greatest:
            return f"must be a whole number from {least} to {greatest}; {_REMEDY}"
    if key in _SWITCHES and text.lower() not in ("true", "false"):
        return f"must be true or false; {_REMEDY}"
    return ""


def _number(key: str, text: str) -> int | None:
    """Return the number in `text`, None where ZooKeeper cannot read it. Only `jute.maxbuffer` may be hexadecimal."""
    if key == "jute.maxbuffer":
        return java_integer(text)
    return int(text) if re.fullmatch(r"-?\d{1,20}", text, re.ASCII) else None
