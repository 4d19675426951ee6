// Polls Locust for the members' metrics, and shows them.

const HERE = location.pathname.replace(/\/+$/, "");
const histories = new Histories();
const choices = new Choices();
const charts = new Map(); // family's name to its chart
let store = null;
let process = null;
let families = [];
let timer = null;
let turns = 0; // an answer to a turn that was overtaken plans no other
let paused = false;
let told = null; // the last answer

if (location.pathname.endsWith("/")) find("home").href = "../";

const list = new MetricList(choices, drawAll);
const tabs = new Tabs(drawAll);

/** Draw what is visible; a hidden tab is drawn when it is opened. */
function drawAll() {
  if (!told) return;
  const {members} = histories;
  families = familiesOf(members.map(({sample}) => sample).filter((sample) => sample && !sample.detail).concat(seen()));
  const chosen = (place) => choices[place].map((name) => families.find((family) => family.name === name)).filter(Boolean);
  if (tabs.name === "metrics") list.draw(families);
  if (tabs.name === "statistics") {
    drawTable(find("members"), members, choices.interval);
    const shown = chosen("statistics");
    drawStatistics(find("statistics"), shown, members);
    find("statistics").hidden = !shown.length;
    find("no-statistic").hidden = shown.length > 0;
  }
  if (tabs.name === "charts") drawCharts(chosen("charts").filter(({kind}) => kind !== "text"), members);
}

/** Also earlier metrics: those of an absent member stay. */
function seen() {
  return [{metrics: Object.fromEntries(histories.names.list.map((name) => [name, 0]))}];
}

function drawCharts(shown, members) {
  find("legend").replaceChildren(...members.map((member, place) => {
    const entry = element("li");
    entry.append(key(place), member.name);
    return entry;
  }));
  for (const name of charts.keys()) if (!shown.some((family) => family.name === name)) charts.delete(name);
  for (const family of shown) {
    if (charts.has(family.name)) charts.get(family.name).take(family);
    else charts.set(family.name, new FamilyChart(family, choices));
  }
  const nodes = shown.map(({name}) => charts.get(name).node);
  const there = [...find("charts").children];
  if (nodes.length !== there.length || nodes.some((node, i) => node !== there[i])) find("charts").replaceChildren(...nodes);
  for (const {name} of shown) charts.get(name).draw(histories);
  find("no-chart").hidden = shown.length > 0;
}

/** Replace a text that screen readers announce. */
function say(id, text) {
  find(id).hidden = !text;
  if (find(id).textContent !== text) find(id).textContent = text;
}

const every = (seconds) => (seconds === 1 ? "once a second" : `every ${figure(seconds)}\u00a0s`);

function status(data) {
  const {members} = histories;
  const answering = members.filter(({sample}) => sample && !sample.detail).length;
  const how = {
    web: paused ? "paused" : `read ${every(choices.interval)} while this page is open`,
    interval: data.polls ? `read ${every(data.interval_s)}` : `read ${every(data.interval_s)} while a test runs; none runs now`,
    none: "not read",
  }[data.collection];
  const parts = [`${answering} of ${members.length} ${members.length === 1 ? "member answers" : "members answer"}`, how];
  if (paused && data.collection !== "web") parts.push("this page is paused");
  if (data.recording) parts.push("recorded to --zk-metrics-csv");
  return parts.join(" · ");
}

function problem(data) {
  if (data.problem) return data.problem;
  if (data.collection === "none") return "The members are not read: --zk-metrics-collect is 0. Give web, or e.g. 1s.";
  if (!data.members.length) return "No member is known: start Locust with --hosts, or a test with hosts in its form.";
  return "";
}

async function ask() {
  let answer;
  try {
    answer = await fetch(`${HERE}/data`, {cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(10_000)});
  } catch {
    throw new Error("Locust does not answer. What was read so far stays here; asking again …");
  }
  if (answer.type === "opaqueredirect") throw new Error("Locust wants you to log in: go to its own page, then come back.");
  const data = await answer.json().catch(() => null);
  if (!answer.ok || !data) throw new Error(data?.error ?? `Locust could not answer (status ${answer.status}).`);
  return data;
}

/** Locust was restarted: its clock restarted, and the earlier history is dropped. */
async function begin(data) {
  process = data.process;
  histories.forget();
  store = await Store.open(process);
  await store?.restore(histories).catch(() => { store = null; });
}

async function turn() {
  turns += 1;
  const mine = turns;
  let rest = 2;
  try {
    const data = await ask();
    if (data.process !== process) await begin(data);
    const {added, removed} = histories.add(data.members);
    store?.keep(histories.names.list, added, removed);
    told = data;
    document.querySelector("main").hidden = !data.members.length;
    say("status", status(data));
    say("notice", problem(data));
    drawAll();
    rest = Math.max(data.next_s, choices.interval, 0.1);
  } catch (error) {
    say("notice", error.message);
  }
  if (!paused && mine === turns) timer = setTimeout(turn, rest * 1000);
}

/** Poll now, and then at the chosen interval. */
function anew() {
  clearTimeout(timer);
  if (!paused) turn();
}

find("interval").value = choices.interval;
find("interval").addEventListener("change", () => {
  if (!find("interval").checkValidity()) {
    find("refresh").reportValidity();
    return;
  }
  choices.interval = Number(find("interval").value);
  choices.save();
  anew();
});
find("refresh").addEventListener("submit", (event) => event.preventDefault());
find("pause").addEventListener("click", () => {
  paused = !paused;
  find("pause").setAttribute("aria-pressed", String(paused));
  find("pause").textContent = paused ? "Go on" : "Pause";
  if (told) say("status", status(told));
  anew();
});
addEventListener("resize", drawAll);
turn();
