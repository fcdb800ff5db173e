"use strict";
// The live page: fetches new samples each second and plots the last five minutes.

const SECONDS = 300;
const TICK = 60; // seconds between ticks of the time axis
const HEIGHT = 150;
const PAUSE = 1000; // milliseconds from a response to the next request
const MAX_STEP = 2.5; // seconds between two samples above which one is missing

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

// Lines (field of a sample, label) of one process in v1 and v2, or of the data process and the workers in v3.
function processes(field, workers, label) {
  return workers ? [[field, "data process"], [`workers_${field}`, label]] : [[field, ""]];
}

// title, formatter, lines, scale
function charts(workers) {
  return [
    ["Requests per second", count, [["commands", ""]]],
    ["Execution time of commands", microseconds, [["p50", "p50"], ["p99", "p99"], ["p999", "p99.9"]], "logarithmic"],
    ["Connections", count, [["clients", "connected"], ["blocked", "blocked"]]],
    ["Resident memory", bytes, processes("memory", workers, "all workers"), "binary"],
    ["Event loop lag, maximum", milliseconds, processes("lag", workers, "slowest worker")],
    ["Network traffic per second", bytes, [["received", "received"], ["sent", "sent"]], "binary"],
    ["CPU, of one core", percent, processes("cpu", workers, "all workers")],
    ["Keys", count, [["keys", ""]]],
    ["Key lookups per second", count, [["hits", "hits"], ["misses", "misses"]]],
  ];
}
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
let plots = []; // the charts
let layout; // the mode that they are for
let run; // the server's run ID of the last sample

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

// The indices of the values without a neighbour, which no line shows.
function isolated(uplot, series) {
  const values = uplot.data[series];
  const missing = (at) => values[at] === null || values[at] === undefined;
  return [...values.keys()].filter((at) => !missing(at) && missing(at - 1) && missing(at + 1));
}

// Append samples of a server's run; where one is missing, and between two runs, an empty one interrupts the lines.
function append(added, id) {
  for (const sample of added) {
    samples = samples.filter(({ time }) => time < sample.time && time > sample.time - SECONDS); // the clock may be set back
    const last = samples.length ? samples[samples.length - 1].time : sample.time;
    if (sample.time - last > MAX_STEP || (run !== id && sample.time > last)) samples.push({ time: (last + sample.time) / 2 });
    samples.push(sample);
    run = id;
  }
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
    const name = element("span", { textContent: title, id: `chart-${lines[0][0]}` });
    this.figure = element("figure", {}, element("figcaption", {}, name, this.now), key, this.plot);
    this.figure.setAttribute("aria-labelledby", name.id);
    this.title = title;
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
        label: name || field, stroke: colour(COLOURS[at]), width: 1.5,
        points: { show: false, filter: isolated, size: 5, fill: colour(COLOURS[at]) },
      }))],
      hooks: { setCursor: [(uplot) => this.showValues(uplot.cursor.idx)] },
    }, this.data(), this.plot);
    this.canvas = this.plot.querySelector("canvas");
    this.canvas.setAttribute("role", "img");
  }

  data() {
    const value = (sample, field) => (this.scale === "logarithmic" ? sample[field] || null : sample[field] ?? null);
    return [samples.map((sample) => sample.time), ...this.lines.map(([field]) => samples.map((sample) => value(sample, field)))];
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
    const values = this.lines.map(([field]) => (field in sample ? this.show(sample[field]) : "none"));
    this.now.textContent = values.length > 1 ? "" : values[0];
    values.forEach((value, line) => {
      this.values[line].textContent = value;
    });
    const named = this.lines.map(([, name], line) => `${name} ${values[line]}`.trim());
    this.canvas.setAttribute("aria-label", `${this.title}, the last five minutes: ${named.join(", ")}`);
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

// Show the reasons of refusals. An unchanged alert stays as it is, since screen readers announce each change.
function alarm(texts) {
  const place = document.getElementById("problems");
  if (place.textContent === texts.join("")) return;
  place.hidden = !texts.length;
  place.replaceChildren(...texts.map((text) => element("p", { textContent: text })));
}

function show({ server, slowlog, workers, clients }) {
  document.title = `${server.problems.length ? "⚠ " : ""}${server.host} ${server.addresses.join(", ")} · tseep`;
  document.getElementById("about").textContent =
    `${server.host} · ${server.addresses.join(", ")} · mode ${server.mode} · ${server.version} · ${server.python} · up ${duration(server.uptime)}`;
  alarm(server.problems);
  document.getElementById("of-workers").hidden = !workers.length;
  fill("workers", workers, [
    ["number", (worker) => worker.number], ["number", (worker) => worker.pid], ["number", (worker) => count(worker.clients)],
    ["number", (worker) => percent(worker.cpu)], ["number", (worker) => bytes(worker.memory)],
    ["number", (worker) => milliseconds(worker.lag)], ["number", (worker) => bytes(worker.received)],
    ["number", (worker) => bytes(worker.sent)], ["number", (worker) => worker.restarts],
  ]);
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

function draw(mode, workers) {
  if (layout === mode) return;
  layout = mode;
  plots = charts(workers).map((chart) => new Chart(chart));
  document.getElementById("charts").replaceChildren(...plots.map((chart) => chart.figure));
  plots.forEach((chart) => chart.draw());
}

async function update() {
  const since = samples.length ? samples[samples.length - 1].time : 0;
  try {
    const url = new URL(`live.json?since=${since}`, location.href);
    url.username = url.password = ""; // fetch refuses credentials in a URL; the browser sends them itself
    const response = await fetch(url);
    if (!response.ok) throw new Error(`HTTP status ${response.status}: ${(await response.text()).trim()}`);
    const data = await response.json();
    append(data.samples, data.server.run);
    draw(data.server.mode, data.workers.length > 0);
    show(data);
    plots.forEach((chart) => chart.update());
    state("live", false);
  } catch (error) {
    state(`no data since ${samples.length ? time(samples[samples.length - 1].time) : "the start"}: ${error.message}`, true);
  }
}

async function poll() {
  const redraw = () => plots.forEach((chart) => { chart.draw(); chart.update(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new ResizeObserver(() => plots.forEach((chart) => chart.uplot.setSize({ width: chart.plot.clientWidth, height: HEIGHT })))
    .observe(document.getElementById("charts"));
  for (;;) {
    if (!document.hidden) await update();
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

poll();
