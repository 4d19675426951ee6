// The choices in this browser: tab, interval, and the metrics of the tabs. They survive a reload.

const KEY = "zk-metrics";
const DEFAULTS = {
  interval: 1,
  statistics: ["latency", "packets_received", "packets_sent", "fsynctime", "readlatency", "updatelatency"],
  charts: ["latency", "outstanding_requests", "packets_received", "packets_sent", "znode_count", "num_alive_connections", "watch_count",
    "readlatency", "updatelatency", "fsynctime"],
  ways: {},
};

const isNames = (value) => Array.isArray(value) && value.every((each) => typeof each === "string");

class Choices {
  constructor() {
    Object.assign(this, structuredClone(DEFAULTS));
    let kept = null;
    try {
      kept = JSON.parse(localStorage.getItem(KEY));
    } catch { /* nothing is kept here, or nothing that can be read */ }
    if (kept === null || typeof kept !== "object") return;
    if (kept.interval >= 1 && kept.interval <= 600) this.interval = kept.interval;
    for (const name of ["statistics", "charts"]) if (isNames(kept[name])) this[name] = kept[name];
    if (kept.ways && typeof kept.ways === "object") this.ways = {...kept.ways};
  }

  save() {
    const {interval, statistics, charts, ways} = this;
    try {
      localStorage.setItem(KEY, JSON.stringify({interval, statistics, charts, ways}));
    } catch { /* then they last as long as the page */ }
  }

  has(place, name) { return this[place].includes(name); }

  set(place, name, on) {
    this[place] = on ? [...this[place].filter((each) => each !== name), name] : this[place].filter((each) => each !== name);
    this.save();
  }
}

/** Put a name into the element, with line breaks allowed after underscores. */
function breakable(made, name) {
  name.split(/(?<=_)/).forEach((part, i) => made.append(...(i ? [element("wbr"), part] : [part])));
  return made;
}

/** The list of all metrics, with a box to filter and ticks for the other tabs. */
class MetricList {
  constructor(choices, changed) {
    this.choices = choices;
    this.changed = changed;
    this.body = find("metrics").tBodies[0];
    this.told = "";
    this.rows = [];
    find("filter").addEventListener("input", () => this.filter());
  }

  /** Show these families; existing rows stay, so that the scroll position is kept. */
  draw(families) {
    const told = families.map(({name, kind}) => `${name} ${kind}`).join("\n");
    if (told === this.told) return;
    this.told = told;
    this.rows = families.map((family) => this.row(family));
    this.body.replaceChildren(...this.rows.map(({node}) => node));
    this.filter();
  }

  row(family) {
    const node = element("tr");
    const name = breakable(element("th", undefined, {scope: "row"}), family.name);
    const label = LABELS[family.name] ?? "";
    if (label.toLowerCase().replaceAll(" ", "_") !== family.name && label) name.append(element("small", label));
    node.append(name, element("td", family.kind, {class: "kind"}));
    for (const [place, title] of [["statistics", "Statistics"], ["charts", "Charts"]]) {
      const cell = element("td");
      if (place === "statistics" || family.kind !== "text") {
        const box = element("input", undefined, {type: "checkbox", "aria-label": `${family.name} in ${title}`});
        box.checked = this.choices.has(place, family.name);
        box.addEventListener("change", () => { this.choices.set(place, family.name, box.checked); this.changed(); });
        const area = element("label");
        area.append(box);
        cell.append(area);
      }
      node.append(cell);
    }
    return {node, text: `${family.name} ${family.kind} ${LABELS[family.name] ?? ""}`.toLowerCase()};
  }

  /** Show the rows that contain every word of the box. */
  filter() {
    const words = find("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const {node, text} of this.rows) {
      node.hidden = !words.every((word) => text.includes(word));
      if (!node.hidden) shown += 1;
    }
    find("filtered").textContent = words.length ? `${shown} of ${this.rows.length} metrics` : `${this.rows.length} metrics`;
    find("no-metric").hidden = shown > 0 || !this.rows.length;
  }
}
