// The tables of the members with their last samples. All text from a member goes through textContent.

const HEAP = (metric) => /^jvm_memory_(bytes_used|used_bytes)\{area="heap"\}$/.test(metric);
/** A sample older than this many intervals of the page, and than this many seconds, shows its age. */
const STALE = {intervals: 2, s: 5};

const metric = (name, show = figure) => (member) => show(member.sample.metrics[name]);
const version = (value) => (typeof value === "string" ? value.split(/[-,\s]/)[0] : NOTHING);
const mebibytes = (value) => (isNumber(value) ? figure(value / 2 ** 20) : NOTHING);

const COLUMNS = [
  {title: "State", show: metric("server_state", (value) => value ?? NOTHING), text: true},
  {title: "Version", show: metric("version", version), whole: metric("version", String), text: true},
  {title: "Uptime", show: metric("uptime", (value) => duration(value / 1000))},
  {title: "Connec\u00adtions", show: metric("num_alive_connections")},
  {title: "Out\u00adstanding", unit: "requests", show: metric("outstanding_requests")},
  {title: "Latency", unit: "avg, ms", show: metric("avg_latency")},
  {title: "Latency", unit: "max, ms", show: metric("max_latency")},
  {title: "Znodes", show: metric("znode_count")},
  {title: "Watches", show: metric("watch_count")},
  {title: "Ephe\u00admerals", show: metric("ephemerals_count")},
  {title: "Received", unit: "packets/s", show: (member) => figure(whole(member.rate("packets_received")))},
  {title: "Sent", unit: "packets/s", show: (member) => figure(whole(member.rate("packets_sent")))},
  {title: "Open files", unit: "of max", show: (member) => {
    const {open_file_descriptor_count: open, max_file_descriptor_count: most} = member.sample.metrics;
    return isNumber(open) ? `${figure(open)} / ${figure(most)}` : NOTHING;
  }},
  {title: "Heap used", unit: "MiB", show: (member) => mebibytes(
    Object.entries(member.sample.metrics).find(([name]) => HEAP(name))?.[1]), if: (members) => members.some(
    (member) => member.sample && Object.keys(member.sample.metrics).some(HEAP))},
];

const whole = (value) => (isNumber(value) && value >= 10 ? Math.round(value) : value);

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function drawTable(table, members, interval) {
  const columns = COLUMNS.filter((column) => !column.if || column.if(members));
  const head = element("tr");
  head.append(element("th", "Member", {scope: "col", class: "text"}));
  for (const column of columns) {
    const cell = element("th", column.title, {scope: "col", ...(column.text && {class: "text"})});
    if (column.unit) cell.append(element("small", column.unit));
    head.append(cell);
  }
  table.tHead.replaceChildren(head);
  table.tBodies[0].replaceChildren(...members.map((member) => row(member, columns, interval)));
  fit(table);
}

/** Make each member a card if its row is wider than the page. This stays until the width changes, against flicker. */
function fit(table) {
  const room = String(table.parentElement.clientWidth);
  if (table.dataset.cardsAt === room) return;
  table.classList.remove("cards");
  delete table.dataset.cardsAt;
  if (table.offsetWidth <= Number(room)) return;
  table.classList.add("cards");
  table.dataset.cardsAt = room;
}

function row(member, columns, interval) {
  const made = element("tr");
  const name = element("th", member.name, {scope: "row"});
  made.append(name);
  const {sample} = member;
  if (!sample) {
    made.append(element("td", "not read yet", {class: "text", colspan: columns.length}));
  } else if (sample.detail) {
    made.append(element("td", `not reachable: ${sample.detail}`, {class: "fault", colspan: columns.length}));
  } else {
    for (const column of columns) {
      const label = column.title.replaceAll("\u00ad", "") + (column.unit ? ` (${column.unit})` : "");
      const cell = element("td", column.show(member), {"data-label": label, ...(column.text && {class: "text"})});
      if (column.whole) cell.title = column.whole(member);
      made.append(cell);
    }
  }
  if (sample && sample.age_s > Math.max(STALE.s, STALE.intervals * interval)) {
    name.append(element("small", `told ${duration(sample.age_s)} ago`));
  }
  return made;
}

/** The rows of a family: [what it says, a member's history to text]. */
function linesOf({kind, metrics}) {
  const last = (name) => ({sample}) => {
    const value = sample?.metrics[name];
    return isNumber(value) ? figure(value) : value ?? NOTHING;
  };
  const growth = (name) => (member) => (member.sample?.detail ? NOTHING : figure(whole(member.rate(name))));
  if (kind === "counter") return [["total", last(metrics[""])], ["growth per second", growth(metrics[""])]];
  if (kind !== "summary") return [["value", last(metrics[""])]];
  return STATS.filter((stat) => metrics[stat]).map((stat) => [STAT_NAMES[stat], last(metrics[stat])]);
}

/** The table of the ticked metrics: a row for each figure, a column for each member. */
function drawStatistics(table, families, members) {
  const head = element("tr");
  head.append(element("th", "Metric", {scope: "col", class: "text"}), element("th", "Figure", {scope: "col", class: "text"}));
  for (const {name} of members) head.append(element("th", name, {scope: "col"}));
  table.tHead.replaceChildren(head);
  table.replaceChildren(table.tHead, ...families.map((family) => {
    const body = element("tbody");
    const lines = linesOf(family);
    lines.forEach(([what, show], i) => {
      const made = element("tr");
      if (!i) {
        const name = element("th", labelOf(family), {scope: "rowgroup", rowspan: lines.length});
        if (LABELS[family.name]) name.title = family.name;
        made.append(name);
      }
      const unit = family.unit && what !== "count" && what !== "growth per second" ? ` (${family.unit})` : "";
      made.append(element("td", what + unit, {class: "text figure"}));
      for (const member of members) {
        const cell = element("td", undefined, {"data-label": member.name});
        cell.append(element("span", show(member)));
        made.append(cell);
      }
      body.append(made);
    });
    return body;
  }));
  fit(table);
}
