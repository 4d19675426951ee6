// The kinds of metrics, from their names: ZooKeeper's command "monitor" does not report kinds.

const STAT = /^(avg|min|max|cnt|sum|p50|p95|p99|p999)_(.+)$/;
const STATS = ["avg", "min", "max", "p50", "p95", "p99", "p999", "cnt", "sum"];
const STAT_NAMES = {
  avg: "mean since start", min: "least", max: "greatest", p50: "p50", p95: "p95", p99: "p99", p999: "p99.9", cnt: "count", sum: "sum",
};

/** Names that end like a counter's, but may decrease. */
const NO_COUNTERS = /^(znode|watch|ephemerals|open_file_descriptor|max_file_descriptor|non_mtls_(local|remote)_conn)_count$/;
/** Counters whose names do not end in _count. */
const COUNTERS = new RegExp(`^(${[
  "packets_(received|sent)", "response_bytes", "add_dead_watcher_stall_time", "dead_watchers_(cleared|queued)", "throttled_ops",
  "connection_rejected", "large_requests_rejected", "(sessionless_connections|stale_sessions)_expired", "stale_(replies|requests)(_dropped)?",
  "ensemble_auth_(fail|skip|success)", "outstanding_changes_(queued|removed)", "(prep|sync)_processor_request_queued", "request_commit_queued",
  "response_packet_(get_children_)?cache_(hits|misses)", "requests_not_forwarded_to_commit_processor", "tls_handshake_exceeded",
  "unsuccessful_handshake", "quit_leading_due_to_disloyal_voter", "cnxn_closed_without_zk_server_running",
  "(jvm|process)_.*_(count|sum|total)(\\{.*\\})?",
].join("|")})$`);

const LABELS = {
  latency: "Latency", outstanding_requests: "Outstanding requests", packets_received: "Packets received", packets_sent: "Packets sent",
  znode_count: "Znodes", num_alive_connections: "Connections", watch_count: "Watches", ephemerals_count: "Ephemerals",
  fsynctime: "Fsync of the transaction log", readlatency: "Read latency", updatelatency: "Update latency",
};
const labelOf = (family) => LABELS[family.name] ?? family.name;

/** The unit in a metric's name, or nothing. */
function unitOf(name) {
  if (name === "uptime" || /latency$|_ms$|_time$|time$|uptime$/.test(name)) return "ms";
  if (/bytes|_size$|data_size$/.test(name) && !/queue_size$|batch_size$|qp_size$/.test(name)) return "bytes";
  return "";
}

const kindOf = (name) => (COUNTERS.test(name) || (/_count$/.test(name) && !NO_COUNTERS.test(name)) ? "counter" : "gauge");

/** The families of metrics in alphabetical order: {name, kind, unit, metrics: {stat or "": the metric's full name}}. */
function familiesOf(samples) {
  const values = new Map();
  for (const {metrics} of samples) for (const [name, value] of Object.entries(metrics)) if (!values.has(name)) values.set(name, value);
  const families = new Map();
  for (const [name, value] of values) {
    const [, stat, base] = STAT.exec(name) ?? [];
    const summary = base && values.has(`avg_${base}`) && (values.has(`cnt_${base}`) || values.has(`max_${base}`));
    const of = summary ? base : name;
    if (!families.has(of)) {
      const kind = summary ? "summary" : isNumber(value) ? kindOf(name) : "text";
      families.set(of, {name: of, kind, unit: unitOf(of), metrics: {}});
    }
    families.get(of).metrics[summary ? stat : ""] = name;
  }
  return [...families.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The ways to draw a family, the usual one first: {name, unit, read: a member's history to [time, value or null]}. */
function waysOf({kind, unit, metrics}) {
  if (kind === "text") return [];
  const plain = (metric) => (member) => member.values(metric);
  const growth = (metric) => (member) => member.rates(metric);
  if (kind === "gauge") return [{name: "value", unit, read: plain(metrics[""])}];
  if (kind === "counter") {
    return [
      {name: "growth per second", unit: unit ? `${unit}/s` : "1/s", read: growth(metrics[""])},
      {name: "total", unit, read: plain(metrics[""])},
    ];
  }
  const ways = STATS.filter((stat) => metrics[stat] && stat !== "cnt" && stat !== "sum")
    .map((stat) => ({name: STAT_NAMES[stat], unit, read: plain(metrics[stat])}));
  if (metrics.cnt && metrics.sum) {
    ways.unshift({name: "mean between two polls", unit, read: (member) => member.means(metrics.sum, metrics.cnt)});
    ways.push({name: "count per second", unit: "1/s", read: growth(metrics.cnt)});
  }
  return ways;
}
