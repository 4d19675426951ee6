// One chart: a line for each member over time, drawn as SVG, with a pointer that shows the values.

const SVG = "http://www.w3.org/2000/svg";
const DASHES = ["none", "7 3", "2 2", "9 3 2 3", "12 4", "4 1"];
const COLOURS = 6;
const HEIGHT = 190;
const EDGE = {top: 8, right: 10, bottom: 22, left: 52};

function svg(name, attributes = {}, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Colour and dash of a member's line; no two members of 36 share both. */
function look(place) {
  return {
    stroke: `var(--line-${place % COLOURS})`,
    "stroke-dasharray": DASHES[(place + Math.floor(place / COLOURS)) % DASHES.length],
  };
}

function key(place) {
  const made = svg("svg", {class: "key", "aria-hidden": "true", viewBox: "0 0 30 10"});
  made.append(svg("line", {x1: 0, x2: 30, y1: 5, y2: 5, class: "line", ...look(place)}));
  return made;
}

/** Round steps from 0 to the top: 1, 2 or 5 times a power of ten, without fractions for integers. */
function steps(top, count, least) {
  if (!(top > 0)) return [0, 1];
  const rough = top / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  if (step < least) return steps(top, top / least, 0);
  return Array.from({length: Math.ceil(top / step - 1e-9) + 1}, (_, i) => i * step);
}

/** Steps of time for the axis, in seconds from its start. */
function timeSteps(span, count) {
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400]
    .find((each) => span / each <= count) ?? Math.ceil(span / count / 86400) * 86400;
  return Array.from({length: Math.floor(span / step) + 1}, (_, i) => i * step);
}

class Chart {
  /** `read` takes a member's history and gives [time, value or null] of each poll; `unit` is text or gives it. */
  constructor(title, unit, read) {
    this.unit = unit;
    this.read = read;
    this.node = element("article", undefined, {class: "chart"});
    this.title = element("h3", title);
    this.plot = svg("svg", {class: "plot", role: "img", "aria-label": title});
    this.tip = element("div", undefined, {class: "tip"});
    this.tip.hidden = true;
    this.node.append(this.title, this.plot, this.tip);
    this.pointed = null;
    this.plot.addEventListener("pointermove", (event) => {
      this.pointed = event.clientX - this.plot.getBoundingClientRect().left;
      this.point();
    });
    this.plot.addEventListener("pointerleave", () => { this.pointed = null; this.point(); });
  }

  draw(histories) {
    const [from, to] = histories.span;
    this.series = histories.members.map((member, place) => ({name: member.name, place, points: this.read(member)}));
    const values = this.series.flatMap(({points}) => points.map(([, value]) => value)).filter(isNumber);
    const top = values.reduce((most, value) => Math.max(most, value), 0);
    const bottom = values.reduce((least, value) => Math.min(least, value), 0);
    const least = values.every(Number.isInteger) ? 1 : 0;
    const rules = bottom < 0 ? [...steps(-bottom, 2, least).slice(1).reverse().map((y) => -y), ...steps(top, 2, least)] : steps(top, 4, least);
    const width = this.plot.clientWidth || 300;
    const span = Math.max(to - from, 10);
    this.width = width;
    this.from = from;
    this.x = (at) => EDGE.left + (at - from) / span * (width - EDGE.left - EDGE.right);
    this.y = (value) => HEIGHT - EDGE.bottom
      - (value - rules[0]) / (rules.at(-1) - rules[0]) * (HEIGHT - EDGE.top - EDGE.bottom);
    this.plot.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.plot.replaceChildren();
    for (const value of rules) {
      const y = this.y(value);
      this.plot.append(svg("line", {x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y, class: value ? "rule" : "base"}));
      this.plot.append(svg("text", {x: EDGE.left - 6, y: y + 4, "text-anchor": "end"}, short(value)));
    }
    for (const second of timeSteps(span, Math.max(2, Math.floor(width / 90)))) {
      const x = this.x(from + second);
      const anchor = x > width - 30 ? "end" : second ? "middle" : "start";
      this.plot.append(svg("text", {x, y: HEIGHT - 5, "text-anchor": anchor}, duration(second)));
    }
    if (!values.length) {
      const middle = {x: (EDGE.left + width) / 2, y: HEIGHT / 2 - 10, "text-anchor": "middle"};
      this.plot.append(svg("text", middle, "no values yet"));
    }
    for (const each of this.series) this.drawLine(each);
    this.marks = svg("g");
    this.plot.append(this.marks);
    this.point();
  }

  /** A line with gaps where a value is missing; a single value is a dot. */
  drawLine({points, place}) {
    const parts = [[]];
    for (const [at, value] of points) {
      if (value !== null) parts.at(-1).push([this.x(at), this.y(value)]);
      else if (parts.at(-1).length) parts.push([]);
    }
    for (const part of parts) {
      if (part.length === 1) {
        const [[cx, cy]] = part;
        this.plot.append(svg("circle", {cx, cy, r: 2.5, class: "dot", fill: look(place).stroke}));
      } else if (part.length) {
        const d = "M" + part.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
        this.plot.append(svg("path", {d, class: "line", ...look(place)}));
      }
    }
  }

  /** Show the values of the poll nearest to the pointer. */
  point() {
    this.marks?.replaceChildren();
    this.tip.hidden = true;
    if (this.pointed === null || !this.series) return;
    const nearest = (points) => points.reduce((best, point) => (!best
      || Math.abs(this.x(point[0]) - this.pointed) < Math.abs(this.x(best[0]) - this.pointed) ? point : best), null);
    const found = this.series.map((each) => ({...each, at: nearest(each.points)})).filter(({at}) => at);
    if (!found.length) return;
    const [time] = nearest(found.map(({at}) => at));
    const x = this.x(time);
    this.marks.append(svg("line", {x1: x, x2: x, y1: EDGE.top, y2: HEIGHT - EDGE.bottom, class: "pointer"}));
    this.tip.replaceChildren(element("small", `at ${duration(time - this.from)}`));
    for (const {name, place, at: [when, value]} of found) {
      const line = element("p");
      const label = element("span");
      label.append(key(place), name);
      line.append(label, element("span", withUnit(figure(value), this.unit)));
      this.tip.append(line);
      if (value !== null) {
        this.marks.append(svg("circle", {cx: this.x(when), cy: this.y(value), r: 3.5, fill: look(place).stroke}));
      }
    }
    this.tip.hidden = false;
    const room = this.node.clientWidth - this.tip.offsetWidth - 8;
    const beside = x + 26 <= room ? x + 26 : x - this.tip.offsetWidth + 2;
    this.tip.style.left = `${Math.max(8, Math.min(beside, room))}px`;
    this.tip.style.top = `${this.plot.getBoundingClientRect().top - this.node.getBoundingClientRect().top + 4}px`;
  }
}

/** The chart of a family of metrics, with a choice if it can be drawn in several ways. */
class FamilyChart extends Chart {
  constructor(family, choices) {
    super("", "", () => []);
    this.choices = choices;
    this.name = family.name;
    this.select = element("select", undefined, {"aria-label": `How ${family.name} is drawn`});
    this.select.addEventListener("change", () => {
      choices.ways[this.name] = this.select.value;
      choices.save();
      this.take(this.family);
      this.draw(this.histories);
    });
    this.title.after(this.select);
    this.take(family);
  }

  /** Update the family: a member may report more metrics than before. */
  take(family) {
    this.family = family;
    const ways = waysOf(family);
    const way = ways.find(({name}) => name === this.choices.ways[this.name]) ?? ways[0];
    if (ways.map(({name}) => name).join() !== [...this.select.options].map(({value}) => value).join()) {
      this.select.replaceChildren(...ways.map(({name}) => new Option(name, name)));
    }
    this.select.value = way.name;
    this.select.hidden = ways.length < 2;
    this.unit = way.unit === "1/s" ? "/s" : way.unit;
    this.read = way.read;
    this.title.textContent = way.unit ? `${labelOf(family)} (${way.unit})` : labelOf(family);
    this.title.title = family.name;
    this.plot.setAttribute("aria-label", `${labelOf(family)}, ${way.name}`);
  }

  draw(histories) {
    this.histories = histories;
    super.draw(histories);
  }
}
