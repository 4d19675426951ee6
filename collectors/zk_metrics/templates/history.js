// What was read of each member since the page was opened.

/** So many polls are kept of a member; beyond that, every other one of the older half goes. */
const KEPT = 1200;

class Names {
  constructor() { this.list = []; this.index = new Map(); }
  of(name) {
    if (!this.index.has(name)) { this.index.set(name, this.list.length); this.list.push(name); }
    return this.index.get(name);
  }
}

class MemberHistory {
  constructor(name, names) { this.name = name; this.names = names; this.points = []; this.sample = null; }

  /** Take over a sample, unless it is the one that is known. */
  add(sample) {
    this.sample = sample;
    const last = this.points.at(-1);
    if (!sample || (last && last.at === sample.at_s)) return;
    if (last && sample.at_s < last.at) this.points = [];
    const numbers = Object.entries(sample.metrics).filter(([, value]) => isNumber(value));
    const places = numbers.map(([metric]) => this.names.of(metric));
    const values = new Float64Array(this.names.list.length).fill(NaN);
    numbers.forEach(([, value], i) => { values[places[i]] = value; });
    this.points.push({at: sample.at_s, values, answered: !sample.detail});
    if (this.points.length > KEPT) this.points = this.points.filter((_, i) => i % 2 || i > KEPT / 2);
  }

  /** [time, value] of a metric at each poll; null where there is none. */
  values(metric) {
    const place = this.names.index.get(metric);
    return this.points.map(({at, values}) => {
      const value = place === undefined || place >= values.length ? NaN : values[place];
      return [at, Number.isNaN(value) ? null : value];
    });
  }

  /** [time, growth per second] of a counter; null at the first poll, after a gap, and where the counter began anew. */
  rates(metric) {
    const values = this.values(metric);
    return values.map(([at, value], i) => {
      const [before, old] = i ? values[i - 1] : [at, null];
      const known = value !== null && old !== null && at > before && value >= old;
      return [at, known ? (value - old) / (at - before) : null];
    });
  }

  /** The last of a counter's growth per second, or null. */
  rate(metric) { return this.rateNow(metric, this.points.at(-2), this.points.at(-1)); }

  rateNow(metric, before, now) {
    const place = this.names.index.get(metric);
    if (place === undefined || !before || !now) return null;
    const growth = now.values[place] - before.values[place];
    return growth >= 0 && now.at > before.at ? growth / (now.at - before.at) : null;
  }
}

class Histories {
  constructor() { this.names = new Names(); this.members = []; }

  /** Take over what the server has told. Members who are no longer named are forgotten. */
  add(members) {
    const known = new Map(this.members.map((member) => [member.name, member]));
    this.members = members.map(({name, sample}) => {
      const member = known.get(name) ?? new MemberHistory(name, this.names);
      member.add(sample);
      return member;
    });
  }

  /** First and last poll of anybody, in seconds. */
  get span() {
    const polled = this.members.filter((member) => member.points.length);
    if (!polled.length) return [0, 1];
    return [Math.min(...polled.map((m) => m.points[0].at)), Math.max(...polled.map((m) => m.points.at(-1).at))];
  }
}
