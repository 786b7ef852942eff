// Three charts of ten minutes, drawn as SVG: requests by what became of them, how long they waited, how many were there.

import { byId, count, el, many, rate, seconds, svg, write } from "./dom.js";

const HEIGHT = 140;
const LEFT = 46;
const BOTTOM = 20;
const TOP = 10;
const SPAN_S = 600;

/** The charts; call the function it gives with each history. They are drawn again when there is a new step, or a new width. */
export function charts() {
  const [requests, waits, lanes] = ["requests-chart", "waits-chart", "gauge-chart"].map(byId);
  let history = { step: 10, end: 0, points: [] };
  const draw = () => {
    drawRequests(requests, history);
    drawWaits(waits, history);
    drawGauges(lanes, history);
  };
  new ResizeObserver(draw).observe(requests);
  return (fresh) => {
    const same = fresh.end === history.end;
    history = fresh;
    if (!same) draw();
  };
}

function drawRequests(chart, { step, points }) {
  // A request that waited and was refused then is a refusal here.
  const bars = points.map((point) => {
    const refused = Math.min(point.refused, point.requests);
    const waited = Math.min(point.waited, point.requests - refused);
    return { ago: point.ago, went: point.requests - refused - waited, waited, refused };
  });
  const top = Math.max(...points.map((point) => point.requests), 0) / step;
  const area = frame(chart, top, (n) => (Number.isInteger(n) ? count(n) : rate(n)), step);
  for (const bar of bars) {
    let below = 0;
    for (const name of ["went", "waited", "refused"]) {
      const value = bar[name] / step;
      if (value > 0) area.bar(bar.ago, below, below + value, name);
      below += value;
    }
  }
  const [went, waited, refused] = ["went", "waited", "refused"].map((name) => bars.reduce((all, bar) => all + bar[name], 0));
  chart.setAttribute("aria-label",
    `Requests in the last ten minutes: ${count(went + waited + refused)}. ${count(waited)} waited, ${count(refused)} were refused. At most ${rate(top)} in a second.`);
  legend("requests-key", [["went", `at once ${count(went)}`], ["waited", `waited ${count(waited)}`], ["refused", `refused ${count(refused)}`]]);
}

function drawWaits(chart, { step, points }) {
  const means = points.map((point) => ({ ago: point.ago, mean: point.waited ? point.spent / point.waited : 0 }));
  const top = Math.max(...means.map((point) => point.mean), 0);
  const area = frame(chart, top, seconds, step);
  for (const { ago, mean } of means) if (mean > 0) area.bar(ago, 0, mean, "waited");
  const waited = points.reduce((all, point) => all + point.waited, 0);
  const spent = points.reduce((all, point) => all + point.spent, 0);
  const mean = seconds(waited ? spent / waited : 0);
  chart.setAttribute("aria-label",
    `Waits in the last ten minutes: ${many(waited, "request")} waited ${seconds(spent)} in all, ${mean} on average; at most ${seconds(top)} on average of ten seconds.`);
  legend("waits-key", [["waited", `average ${mean}`], ["", `${seconds(spent)} in all`]]);
}

function drawGauges(chart, { step, points }) {
  const top = Math.max(...points.flatMap((point) => [point.waiting, point.holding]), 0);
  const area = frame(chart, top, count, step, Number.isInteger);
  area.line(points.map((point) => [point.ago, point.holding]), "inside");
  area.line(points.map((point) => [point.ago, point.waiting]), "waiting");
  const last = points.at(-1) ?? { waiting: 0, holding: 0 };
  chart.setAttribute("aria-label",
    `In the lanes at the end of the last ten seconds: ${count(last.holding)} inside, ${count(last.waiting)} waiting; the most in ten minutes: ${count(top)}.`);
  legend("gauge-key", [["inside", "inside"], ["waiting", "waiting"], ["", `peak ${count(top)}`]]);
}

/** Empties a chart, draws its axes, and gives what draws into it. `ago` is in seconds before now; `fits` says which marks of the axis are written. */
function frame(chart, top, text, step, fits = () => true) {
  const width = Math.max(220, chart.clientWidth);
  chart.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  chart.replaceChildren();
  const highest = nice(top);
  const x = (ago) => LEFT + (width - LEFT - 2) * (1 - ago / SPAN_S);
  const y = (value) => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (value / highest);
  for (const part of [0, 0.5, 1]) {
    const at = Math.round(y(highest * part)) + 0.5;
    const written = part === 0 || (top > 0 && fits(highest * part));
    chart.append(svg("line", { x1: LEFT, x2: width - 2, y1: at, y2: at, class: part ? "grid" : "axis" }));
    if (written) chart.append(svg("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, part ? text(highest * part) : "0"));
  }
  for (const minutes of [10, 5, 0]) {
    const anchor = { 10: "start", 5: "middle", 0: "end" }[minutes];
    chart.append(svg("text", { x: x(minutes * 60), y: HEIGHT - 4, "text-anchor": anchor }, minutes ? `${minutes} min ago` : "now"));
  }
  const thick = Math.max(1, ((width - LEFT - 2) * step) / SPAN_S - 1);
  return {
    bar(ago, from, to, name) {
      const [low, high] = [y(from), y(to)];
      chart.append(svg("rect", { x: x(ago) - thick, y: high, width: thick, height: Math.max(1, low - high), class: name }));
    },
    line(points, name) {
      const path = points.map(([ago, value], at) => `${at ? "L" : "M"}${(x(ago) - thick / 2).toFixed(1)} ${y(value).toFixed(1)}`);
      if (path.length) chart.append(svg("path", { d: path.join(""), class: name }));
    },
  };
}

/** The next of 1, 2, 4, 6, 8, 10, 20, ... that is not below, so that its half can be written as well; for an empty chart one. */
function nice(top) {
  if (top <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(top));
  return [1, 2, 4, 6, 8, 10].map((n) => n * power).find((n) => n >= top * 0.999);
}

function legend(id, entries) {
  const key = byId(id);
  while (key.children.length < entries.length) key.append(el("span", {}, el("i", { "aria-hidden": "true" }), el("span")));
  entries.forEach(([name, text], at) => {
    const [mark, label] = key.children[at].children;
    mark.className = name;
    write(label, text);
  });
}
