"use strict";

// Theme.

const root = document.documentElement;
const themeButton = document.getElementById("theme");

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function nameTheme() {
  themeButton.textContent = isDark() ? "Light" : "Dark";
  themeButton.setAttribute("aria-label", `${themeButton.textContent} theme`);
}

themeButton.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try {
    localStorage.setItem("neuroalign-theme", root.dataset.theme);
  } catch {
    // The choice holds for this page only.
  }
  nameTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
themeButton.hidden = false;
nameTheme();

// Filter.

const filter = document.getElementById("filter");

function matches(family) {
  const words = filter ? filter.value.toLowerCase().split(/[\s,]+/).filter(Boolean) : [];
  return !words.length || words.some((word) => family.toLowerCase().includes(word));
}

if (filter) {
  const rows = () => [...document.querySelectorAll("tr[data-family]")];
  filter.addEventListener("input", () => {
    for (const row of rows()) row.hidden = !matches(row.dataset.family);
    const all = new Set(rows().map((row) => row.dataset.family));
    const shown = [...all].filter(matches).length;
    document.getElementById("shown").textContent = filter.value.trim() ? `${shown} of ${all.size} families` : "";
    drawAll();
  });
  filter.closest("p").hidden = false;
}

// Plots. Colours are variables of the page, so that they follow the theme.

const ink = "var(--ink)";
const faint = "var(--faint)";
const accent = "var(--accent)";
// Names of models differ at their ends as often as at their beginnings.
const short = (text, most) =>
  text.length > most ? `${text.slice(0, Math.ceil((most - 1) / 2))}…${text.slice(-Math.floor((most - 1) / 2))}` : text;

function families(data, width) {
  const shown = data.families.filter((row) => matches(row.family));
  const points = shown.flatMap((row) =>
    row.values.filter((instance) => instance.value !== null).map((instance) => ({ family: row.family, ...instance })));
  const having = (name) => shown.filter((row) => row[name] !== null);
  const longest = Math.max(4, ...shown.map((row) => Math.min(row.family.length, 24)));
  return {
    width,
    height: 64 + 40 * Math.max(shown.length, 1),
    marginBottom: 44,
    marginLeft: 16 + 7 * longest,
    marginRight: 16,
    x: { label: data.label, grid: true, nice: true, labelAnchor: "center", labelArrow: "none", ticks: width < 500 ? 4 : 8 },
    y: { label: null, domain: shown.map((row) => row.family), tickFormat: (text) => short(text, 24), tickSize: 0 },
    marks: [
      Plot.tickX(having("null"), { x: "null", y: "family", stroke: faint, strokeDasharray: "3 3", insetTop: 2, insetBottom: 2 }),
      Plot.tickX(having("ceiling"), { x: "ceiling", y: "family", stroke: faint, strokeWidth: 2, insetTop: 2, insetBottom: 2 }),
      Plot.dot(points, {
        x: "value", y: "family", dy: -6, r: 3.5, fill: accent, fillOpacity: 0.35, stroke: accent, strokeOpacity: 0.9,
        tip: true, channels: { model: "model" }, title: (point) => `${point.model}\n${point.value.toFixed(4)}`,
      }),
      Plot.ruleY(having("ci_low"), { x1: "ci_low", x2: "ci_high", y: "family", dy: 6, stroke: ink, strokeWidth: 1.5 }),
      Plot.dot(having("mean"), { x: "mean", y: "family", dy: 6, symbol: "diamond", r: 5, fill: ink, stroke: "var(--page)" }),
    ],
  };
}

function sorted(data, width) {
  const points = data.values.map((value, index) => ({ value, name: data.names[index] }));
  points.sort((a, b) => b.value - a.value);
  points.forEach((point, index) => { point.rank = index + 1; });
  return {
    width,
    height: 240,
    marginTop: 34,
    marginLeft: 52,
    marginBottom: 44,
    x: { label: `${data.point}, sorted`, labelAnchor: "center", labelArrow: "none", ticks: 5, tickFormat: "d" },
    y: { label: data.label, grid: true, nice: true, zero: true, labelArrow: "none", ticks: 5 },
    marks: [
      Plot.ruleY([0], { stroke: faint }),
      Plot.dot(points, {
        x: "rank", y: "value", r: 2.5, fill: accent, tip: true, title: (point) => `${point.name}\n${point.value}`,
      }),
    ],
  };
}

function bars(data, width) {
  const points = data.values.map((value, index) => ({ value, name: data.names[index], index }));
  // A browser draws bars that are narrower than a pixel in pale colours: hundreds of units get lines of one pixel.
  const each = (width - 72) / points.length;
  const title = (point) => `${point.name}\n${point.value}`;
  const mark = each < 2
    ? Plot.ruleX(points, { x: (point) => point.index + 0.5, y1: 0, y2: "value", stroke: accent, strokeWidth: 1, tip: true, title })
    : Plot.rectY(points, {
      x1: "index", x2: (point) => point.index + 1, y: "value", fill: accent, insetLeft: 0.5, insetRight: 0.5, tip: true, title,
    });
  return {
    width,
    height: 240,
    marginTop: 34,
    marginLeft: 52,
    marginBottom: 44,
    x: { label: data.point, labelAnchor: "center", labelArrow: "none", ticks: 5, tickFormat: "d" },
    y: { label: data.label, grid: true, nice: true, zero: true, labelArrow: "none", ticks: 5 },
    marks: [
      Plot.ruleY([0], { stroke: faint }),
      mark,
    ],
  };
}

const kinds = { families, sorted, bars };

function draw(figure) {
  const drawing = figure.querySelector(".drawing");
  const width = Math.floor(drawing.clientWidth);
  if (!width) return;
  const data = JSON.parse(figure.querySelector("script").textContent);
  const options = kinds[data.kind](data, width);
  drawing.replaceChildren(Plot.plot({ style: { fontSize: "12px", background: "none" }, ...options }));
}

function drawAll() {
  document.querySelectorAll("figure.plot").forEach(draw);
}

// Tables that are wider than the page: a hint says that more columns follow.

function hintAtColumns() {
  for (const region of document.querySelectorAll(".scroll")) {
    const hidden = region.scrollWidth - region.clientWidth - region.scrollLeft > 2;
    region.classList.toggle("cut", region.scrollWidth > region.clientWidth + 2);
    region.classList.toggle("more", hidden);
  }
}

document.addEventListener("scroll", hintAtColumns, true);

let lastWidth = 0;
new ResizeObserver(() => {
  const width = document.body.clientWidth;
  hintAtColumns();
  if (width !== lastWidth) drawAll();
  lastWidth = width;
}).observe(document.body);
