"use strict";
// The live page: fetches new samples each second and plots the last five minutes.

const SECONDS = 300;
const TICK = 60; // seconds between ticks of the time axis
const HEIGHT = 150;
const PAUSE = 1000; // milliseconds from a response to the next request

const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

function count(value) {
  return short.format(value);
}

function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toPrecision(3)} ${units[unit]}`;
}

function microseconds(value) {
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)} s`;
  if (value >= 1e3) return `${(value / 1e3).toPrecision(3)} ms`;
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(2))} µs`;
}

function milliseconds(value) {
  return microseconds(value * 1000);
}

function percent(value) {
  return `${Math.round(value)} %`;
}

function duration(seconds) {
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const [size, unit] = parts.find(([size]) => seconds >= size) || [1, "s"];
  return `${Math.floor(seconds / size)} ${unit}`;
}

// title, formatter, lines (field of a sample, label), scale
const CHARTS = [
  ["Requests per second", count, [["commands", ""]]],
  ["Command latency", microseconds, [["p50", "p50"], ["p99", "p99"], ["p999", "p99.9"]], "logarithmic"],
  ["Connections", count, [["clients", "connected"], ["blocked", "blocked"]]],
  ["Resident memory", bytes, [["memory", ""]], "binary"],
  ["Event loop lag, maximum", milliseconds, [["lag", ""]]],
  ["Network traffic per second", bytes, [["received", "received"], ["sent", "sent"]], "binary"],
  ["CPU, of one core", percent, [["cpu", ""]]],
  ["Keys", count, [["keys", ""]]],
  ["Key lookups per second", count, [["hits", "hits"], ["misses", "misses"]]],
];
const SCALES = {
  linear: { range: (_, low, high) => [0, Math.max(high || 0, 1) * 1.1] },
  binary: { range: (_, low, high) => [0, Math.max(high || 0, 1024) * 1.1] },
  logarithmic: { distr: 3, range: (_, low, high) => [10 ** Math.floor(Math.log10(low || 1)), 10 ** Math.ceil(Math.log10((high || 1) * 1.01))] },
};
const AXES = {
  binary: { incrs: Array.from({ length: 44 }, (_, power) => 2 ** power) },
  logarithmic: { splits: (_, __, low, high) => powers(low, high) },
};
const COLOURS = ["a", "b", "c"];

let samples = [];

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// The ticks of the time axis: whole minutes before its end.
function ticks(to) {
  return Array.from({ length: SECONDS / TICK + 1 }, (_, at) => to - SECONDS + at * TICK);
}

function ago(_, at, all) {
  const minutes = ((all.length - 1 - at) * TICK) / 60;
  if (!minutes) return "now";
  return at ? `−${minutes}` : `−${minutes} min`;
}

// The ticks of a logarithmic axis: every power of ten if there are few, else every second one.
function powers(low, high) {
  const [first, last] = [low, high].map((value) => Math.round(Math.log10(value)));
  const step = last - first > 4 ? 2 : 1;
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, at) => 10 ** (first + at * step));
}

class Chart {
  constructor([title, show, lines, scale = "linear"]) {
    this.show = show;
    this.scale = scale;
    this.lines = lines;
    this.now = element("b", {});
    this.values = lines.map(() => element("span", {}));
    const named = lines.length > 1;
    const key = element("div", { className: "key" }, ...(named ? lines.map(([, name], at) =>
      element("span", {}, element("i", { className: COLOURS[at] }), `${name} `, this.values[at])) : []));
    this.plot = element("div", { className: "plot" });
    this.figure = element("figure", {}, element("figcaption", {}, title, this.now), key, this.plot);
    document.getElementById("charts").append(this.figure);
    this.draw();
  }

  draw() {
    if (this.uplot) this.uplot.destroy();
    const axis = { stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
    this.uplot = new uPlot({
      width: this.plot.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, sync: { key: "tseep" } },
      scales: { y: SCALES[this.scale] },
      axes: [
        { ...axis, size: 26, splits: (_, __, from, to) => ticks(to), values: (_, splits) => splits.map(ago) },
        {
          ...axis, size: 66, ...AXES[this.scale], filter: (_, splits) => splits,
          values: (_, splits) => splits.map((value) => (value === null ? "" : this.show(value))),
        },
      ],
      series: [{}, ...this.lines.map(([field, name], at) => ({
        label: name || field, stroke: colour(COLOURS[at]), width: 1.5, points: { show: false },
      }))],
      hooks: { setCursor: [(uplot) => this.showValues(uplot.cursor.idx)] },
    }, this.data(), this.plot);
  }

  data() {
    return [samples.map((sample) => sample.time),
      ...this.lines.map(([field]) => samples.map((sample) => (this.scale === "logarithmic" ? sample[field] || null : sample[field])))];
  }

  update() {
    this.uplot.setData(this.data(), false);
    const last = samples.length ? samples[samples.length - 1].time : Date.now() / 1000;
    this.uplot.batch(() => {
      this.uplot.setScale("x", { min: last - SECONDS, max: last });
    });
    this.showValues(this.uplot.cursor.idx);
  }

  // Show the values of the second under the cursor, or of the last one.
  showValues(at) {
    const sample = samples[at === null || at === undefined ? samples.length - 1 : at];
    if (!sample) return;
    this.now.textContent = this.lines.length > 1 ? "" : this.show(sample[this.lines[0][0]]);
    this.lines.forEach(([field], line) => {
      this.values[line].textContent = this.show(sample[field]);
    });
  }
}

function fill(id, rows, columns) {
  const lines = rows.map((row) => element("tr", {}, ...columns.map(([className, text]) =>
    element("td", { className, textContent: text(row) }))));
  if (!lines.length) lines.push(element("tr", {}, element("td", { className: "none", textContent: "none", colSpan: columns.length })));
  document.querySelector(`#${id} tbody`).replaceChildren(...lines);
}

function time(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString();
}

function show({ server, slowlog, clients }) {
  document.getElementById("about").textContent =
    `${server.version} · mode ${server.mode} · ${server.python} · ${server.addresses.join(", ")} · up ${duration(server.uptime)}`;
  const refusal = document.getElementById("refusal");
  refusal.hidden = !server.refusal;
  refusal.textContent = server.refusal || "";
  fill("slowlog", slowlog, [
    ["", (entry) => time(entry.when)], ["number", (entry) => (entry.microseconds / 1000).toFixed(1)],
    ["command", (entry) => entry.command], ["", (entry) => entry.client], ["", (entry) => entry.name],
  ]);
  const { count: all, shown } = clients;
  document.getElementById("shown").textContent = shown.length < all
    ? `${shown.length} of ${all}, those with most memory` : `${all}`;
  fill("clients", shown, [
    ["number", (client) => client.id], ["", (client) => client.addr], ["", (client) => client.name],
    ["", (client) => client.user], ["number", (client) => client.db], ["number", (client) => duration(client.age)],
    ["number", (client) => duration(client.idle)], ["", (client) => client.flags], ["", (client) => client.cmd],
    ["number", (client) => bytes(client.omem)], ["number", (client) => bytes(client["tot-mem"])],
    ["", (client) => client["lib-name"]],
  ]);
}

function state(text, lost) {
  const place = document.getElementById("state");
  place.textContent = text;
  place.className = lost ? "lost" : "";
}

async function update(charts) {
  const since = samples.length ? samples[samples.length - 1].time : 0;
  try {
    const url = new URL(`live.json?since=${since}`, location.href);
    url.username = url.password = ""; // fetch refuses credentials in a URL; the browser sends them itself
    const response = await fetch(url);
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    const data = await response.json();
    samples = samples.concat(data.samples).slice(-SECONDS);
    show(data);
    charts.forEach((chart) => chart.update());
    state("live", false);
  } catch (error) {
    state(`no data since ${samples.length ? time(samples[samples.length - 1].time) : "the start"}: ${error.message}`, true);
  }
}

async function run() {
  const charts = CHARTS.map((chart) => new Chart(chart));
  const redraw = () => charts.forEach((chart) => { chart.draw(); chart.update(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new ResizeObserver(() => charts.forEach((chart) => chart.uplot.setSize({ width: chart.plot.clientWidth, height: HEIGHT })))
    .observe(document.getElementById("charts"));
  for (;;) {
    if (!document.hidden) await update(charts);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

run();
