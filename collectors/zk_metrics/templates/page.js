// Asks Locust again and again for what the members say, and shows it.

const find = (id) => document.getElementById(id);
const histories = new Histories();
const CHARTS = [
  new Chart("Average latency (ms)", "ms", (member) => member.values("avg_latency")),
  new Chart("Maximum latency (ms)", "ms", (member) => member.values("max_latency")),
  new Chart("Outstanding requests", "", (member) => member.values("outstanding_requests")),
  new Chart("Packets received (1/s)", "/s", (member) => member.rates("packets_received")),
  new Chart("Packets sent (1/s)", "/s", (member) => member.rates("packets_sent")),
  new Chart("Znodes", "", (member) => member.values("znode_count")),
  new Chart("Connections", "", (member) => member.values("num_alive_connections")),
  new Chart("Watches", "", (member) => member.values("watch_count")),
  new ChosenChart("approximate_data_size"),
];
find("charts").append(...CHARTS.map((chart) => chart.node));

function drawAll() {
  drawTable(find("members"), histories.members);
  find("legend").replaceChildren(...histories.members.map((member, place) => {
    const entry = element("li");
    entry.append(key(place), member.name);
    return entry;
  }));
  for (const chart of CHARTS) chart.draw(histories);
}

/** Replace a text that is read out when it changes. */
function say(id, text) {
  find(id).hidden = !text;
  if (find(id).textContent !== text) find(id).textContent = text;
}

function status(data) {
  const {members} = histories;
  const answering = members.filter(({sample}) => sample && !sample.detail).length;
  const every = data.interval_s === 1 ? "once a second" : `every ${figure(data.interval_s)}\u00a0s`;
  const how = {
    web: "read once a second while this page is open",
    interval: data.polls ? `read ${every}` : `read ${every} while a test runs; none runs now`,
    none: "not read",
  }[data.collection];
  const parts = [`${answering} of ${members.length} ${members.length === 1 ? "member answers" : "members answer"}`, how];
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
    answer = await fetch("zk-metrics/data", {cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(10_000)});
  } catch {
    throw new Error("Locust does not answer. What was read so far stays here; asking again …");
  }
  if (answer.type === "opaqueredirect") throw new Error("Locust wants you to log in: go to its own page, then come back.");
  const data = await answer.json().catch(() => null);
  if (!answer.ok || !data) throw new Error(data?.error ?? `Locust could not answer (status ${answer.status}).`);
  return data;
}

async function turn() {
  let rest = 2;
  try {
    const data = await ask();
    histories.add(data.members);
    document.querySelector("main").hidden = !data.members.length;
    say("status", status(data));
    say("notice", problem(data));
    drawAll();
    rest = Math.min(Math.max(data.next_s, 0.1), 5);
  } catch (error) {
    say("notice", error.message);
  }
  setTimeout(turn, rest * 1000);
}

addEventListener("resize", () => { if (histories.members.length) drawAll(); });
turn();
