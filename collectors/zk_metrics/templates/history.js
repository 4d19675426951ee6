// The samples of each member since this tab was opened.

/** The polls kept of a member; beyond that, every other one of the older half is dropped. */
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

  /** Add a sample unless it is known. Returns the points that were added and removed. */
  add(sample) {
    this.sample = sample;
    const last = this.points.at(-1);
    if (!sample || (last && last.at === sample.at_s)) return {added: [], removed: []};
    const removed = last && sample.at_s < last.at ? this.points.splice(0) : [];
    const numbers = Object.entries(sample.metrics).filter(([, value]) => isNumber(value));
    const places = numbers.map(([metric]) => this.names.of(metric));
    const values = new Float64Array(this.names.list.length).fill(NaN);
    numbers.forEach(([, value], i) => { values[places[i]] = value; });
    const point = {at: sample.at_s, values, answered: !sample.detail};
    this.points.push(point);
    if (this.points.length > KEPT) {
      const thinned = this.points.filter((_, i) => !(i % 2 || i > KEPT / 2));
      removed.push(...thinned);
      this.points = this.points.filter((_, i) => i % 2 || i > KEPT / 2);
    }
    return {added: [point], removed};
  }

  /** [time, value] of a metric at each poll; null where there is none. */
  values(metric) {
    const place = this.names.index.get(metric);
    return this.points.map(({at, values}) => {
      const value = place === undefined || place >= values.length ? NaN : values[place];
      return [at, Number.isNaN(value) ? null : value];
    });
  }

  /** [time, growth per second] of a counter; null at the first poll, after a gap, and where the counter restarted. */
  rates(metric) {
    const values = this.values(metric);
    return values.map(([at, value], i) => {
      const [before, old] = i ? values[i - 1] : [at, null];
      const known = value !== null && old !== null && at > before && value >= old;
      return [at, known ? (value - old) / (at - before) : null];
    });
  }

  /** [time, mean] of what a summary counted between two polls; null if that is nothing. */
  means(sum, count) {
    const [sums, counts] = [this.values(sum), this.values(count)];
    return sums.map(([at, total], i) => {
      const more = i ? counts[i][1] - counts[i - 1][1] : 0;
      const known = i && total !== null && sums[i - 1][1] !== null && counts[i][1] !== null && counts[i - 1][1] !== null;
      return [at, known && more > 0 ? (total - sums[i - 1][1]) / more : null];
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
  constructor() { this.forget(); }

  forget() { this.names = new Names(); this.members = []; }

  /** Add an answer of the server, and forget members that it no longer names. Returns what changed. */
  add(members) {
    const known = new Map(this.members.map((member) => [member.name, member]));
    const [added, removed] = [[], []];
    this.members = members.map(({name, sample}) => {
      const member = known.get(name) ?? new MemberHistory(name, this.names);
      const changes = member.add(sample);
      added.push(...changes.added.map((point) => ({member: name, point})));
      removed.push(...changes.removed.map((point) => ({member: name, point})));
      return member;
    });
    return {added, removed};
  }

  /** Restore what was kept: the names of the metrics, and points of members in order of time. */
  restore(names, points) {
    names.forEach((name) => this.names.of(name));
    const members = new Map(this.members.map((member) => [member.name, member]));
    for (const {member: name, at, values, answered} of points) {
      if (!members.has(name)) members.set(name, new MemberHistory(name, this.names));
      members.get(name).points.push({at, values, answered});
    }
    this.members = [...members.values()];
  }

  /** First and last poll of any member, in seconds. */
  get span() {
    const polled = this.members.filter((member) => member.points.length);
    if (!polled.length) return [0, 1];
    return [Math.min(...polled.map((m) => m.points[0].at)), Math.max(...polled.map((m) => m.points.at(-1).at))];
  }
}
