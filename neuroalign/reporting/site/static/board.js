"use strict";

// First page of a board. The address holds the view: benchmark, ceiling, sorting, datasets, families and axes. All names
// of records reach the page as text, never as HTML.

(() => {
  const data = JSON.parse(document.getElementById("board-data").textContent);
  const variants = [...document.querySelectorAll(".variant")];
  const tables = variants.map((variant) => variant.querySelector("table"));
  const field = (id) => document.getElementById(id);
  const boxes = [...document.querySelectorAll("input[name=dataset]")];
  const scatter = field("scatter");
  const benchmarks = [...field("benchmark").options].map((option) => option.value);
  const columns = data.columns.map((column) => column.key);
  const axes = new Map(data.axes.map((axis) => [axis.key, axis]));
  const other = data.axes.find((axis) => axis.benchmark !== data.axes[0].benchmark) ?? data.axes.at(-1);

  // State. Parts that equal the default are not in the address.

  const defaults = () => ({
    benchmark: benchmarks[0], ceiling: data.over_ceiling, sort: "", order: "", datasets: [...columns], families: "",
    x: data.axes[0].key, y: other.key,
  });
  let state = defaults();

  const variantOf = (benchmark, ceiling) =>
    variants.find((variant) =>
      variant.dataset.benchmark === benchmark && variant.dataset.overCeiling === (ceiling ? "yes" : "no"));
  const shownVariant = () => variantOf(state.benchmark, state.ceiling) ?? variantOf(state.benchmark, false);
  const sortKeys = () => new Set(tables.flatMap((table) => [...table.tHead.rows[0].cells].map((cell) => cell.dataset.key)));

  function read(hash) {
    const wanted = new URLSearchParams(hash.replace(/^#/, ""));
    const view = defaults();
    const unknown = [];
    const take = (name, choices) => {
      const value = wanted.get(name);
      if (value === null) return;
      if (choices.includes(value)) view[name] = value;
      else unknown.push(value);
    };
    take("benchmark", benchmarks);
    take("x", [...axes.keys()]);
    take("y", [...axes.keys()]);
    const [key, order] = (wanted.get("sort") ?? "").split(".");
    if (sortKeys().has(key) && ["ascending", "descending"].includes(order)) {
      view.sort = key;
      view.order = order;
    } else if (key) unknown.push(key);
    if (wanted.has("ceiling")) view.ceiling = wanted.get("ceiling") === "yes";
    if (wanted.has("datasets")) {
      const names = wanted.get("datasets").split(",").filter(Boolean);
      view.datasets = columns.filter((column) => names.includes(column));
      unknown.push(...names.filter((name) => !columns.includes(name)));
    }
    view.families = wanted.get("families") ?? "";
    return [view, unknown];
  }

  function write(view) {
    const standard = defaults();
    const parts = new URLSearchParams();
    for (const name of ["benchmark", "x", "y", "families"]) {
      if (view[name] !== standard[name]) parts.set(name, view[name]);
    }
    if (view.ceiling !== standard.ceiling) parts.set("ceiling", view.ceiling ? "yes" : "no");
    if (view.sort) parts.set("sort", `${view.sort}.${view.order}`);
    if (view.datasets.length !== columns.length) parts.set("datasets", view.datasets.join(","));
    return parts.toString().replaceAll("%2C", ",");
  }

  function change(changes, { replaces = false } = {}) {
    state = { ...state, ...changes };
    const hash = write(state);
    const address = location.href.split("#")[0] + (hash ? `#${hash}` : "");
    if (address !== location.href) history[replaces ? "replaceState" : "pushState"](null, "", address);
    apply();
  }

  function follow() {
    // A link to a section of the page names no view.
    if (location.hash && !location.hash.includes("=")) return;
    const [view, unknown] = read(location.hash);
    state = view;
    apply(unknown);
  }

  // Sorting. Ties keep the order of the ranks, so that the same address shows the same order.

  const original = new Map(tables.map((table) => [table, [...table.tBodies[0].rows]]));

  function sort(table) {
    const cells = [...table.tHead.rows[0].cells];
    const heading = cells.find((cell) => cell.dataset.key === state.sort);
    const current = cells.find((cell) => cell.hasAttribute("aria-sort"));
    if (heading === current && (!heading || heading.getAttribute("aria-sort") === state.order)) return;
    for (const cell of cells) cell.removeAttribute("aria-sort");
    if (!heading) {
      table.tBodies[0].append(...original.get(table));
      return;
    }
    // A click sorts in descending order, and a second one in ascending order.
    if (state.order === "ascending") heading.setAttribute("aria-sort", "descending");
    heading.click();
  }

  for (const table of tables) {
    table.addEventListener("sort-start", () => table.tBodies[0].append(...original.get(table)));
    table.addEventListener("sort-end", () => {
      const heading = table.querySelector("th[aria-sort]");
      const [key, order] = [heading.dataset.key, heading.getAttribute("aria-sort")];
      if (shownVariant().contains(table) && (key !== state.sort || order !== state.order)) change({ sort: key, order });
    });
  }

  // Scatter plot.

  const number = (value) => (value === null ? "–" : value.toFixed(3).replace("-", "−").replace(/^−(0\.0*)$/, "$1"));

  function describe(values) {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    if (values.length < 2) return [mean, null];
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return [mean, Math.sqrt(squares / (values.length - 1) / values.length)];
  }

  function collect() {
    const [x, y] = [axes.get(state.x), axes.get(state.y)];
    const places = state.datasets.map((key) => columns.indexOf(key));
    const points = [];
    for (const family of Object.keys(x.families).filter((name) => name in y.families && matches(name))) {
      const both = places.filter((place) => x.families[family][place] !== null && y.families[family][place] !== null);
      if (!both.length) continue;
      const [xMean, xError] = describe(both.map((place) => x.families[family][place]));
      const [yMean, yError] = describe(both.map((place) => y.families[family][place]));
      const isRead = !both.some((place) => x.unreadable[family][place] || y.unreadable[family][place]);
      points.push({ family, x: xMean, xError, y: yMean, yError, n: both.length, isRead });
    }
    const most = Math.max(0, ...points.map((point) => point.n));
    for (const point of points) point.isComplete = point.n === most;
    return points;
  }

  function drawScatter() {
    if (!scatter) return;
    const points = collect();
    const [x, y] = [axes.get(state.x), axes.get(state.y)];
    const drawing = scatter.querySelector(".drawing");
    const width = Math.floor(drawing.clientWidth);
    const withBars = (name) => points.filter((point) => point[name] !== null);
    const colour = (point) => (point.isRead ? accent : "var(--warn)");
    const labels = points.length <= 12 && width >= 500;
    if (width) {
      drawing.replaceChildren(Plot.plot({
        width,
        height: Math.round(Math.min(480, Math.max(280, width * 0.7))),
        marginLeft: 56, marginBottom: 44, marginTop: 28, marginRight: labels ? 90 : 16,
        style: { fontSize: "12px", background: "none" },
        x: { label: short(x.label, width < 500 ? 44 : 90), grid: true, nice: true, labelAnchor: "center", labelArrow: "none", ticks: 5 },
        y: { label: short(y.label, width < 500 ? 44 : 90), grid: true, nice: true, labelArrow: "none", ticks: 5 },
        marks: [
          Plot.ruleY(withBars("xError"), {
            y: "y", x1: (point) => point.x - point.xError, x2: (point) => point.x + point.xError, stroke: colour, strokeOpacity: 0.7,
          }),
          Plot.ruleX(withBars("yError"), {
            x: "x", y1: (point) => point.y - point.yError, y2: (point) => point.y + point.yError, stroke: colour, strokeOpacity: 0.7,
          }),
          Plot.dot(points, {
            x: "x", y: "y", r: 4.5, stroke: colour, fill: (point) => (point.isComplete ? colour(point) : "var(--page)"), tip: true,
            title: (point) => `${point.family}\n${number(point.x)}, ${number(point.y)} (${point.n} of ${columns.length} datasets)`,
          }),
          ...(labels ? [Plot.text(points, { x: "x", y: "y", text: (point) => short(point.family, 24), textAnchor: "start", dx: 8, dy: -8, fill: ink, stroke: "var(--page)", strokeWidth: 3 })] : []),
        ],
      }));
    }
    field("x-heading").textContent = x.label;
    field("y-heading").textContent = y.label;
    scatter.querySelector("tbody").replaceChildren(...points.map((point) => {
      const row = document.createElement("tr");
      const name = document.createElement("th");
      name.scope = "row";
      name.textContent = point.family + (point.isRead ? "" : " !");
      const cells = [point.x, point.xError, point.y, point.yError].map(number).concat(String(point.n));
      row.append(name, ...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
      return row;
    }));
    const names = data.columns.filter((column) => state.datasets.includes(column.key)).map((column) => column.name);
    const some = (condition, text) => (points.some(condition) ? text : "");
    field("scatter-caption").textContent = points.length
      ? `Each point is the mean of a family over the datasets shown that have both scores (${names.join(", ")}); bars are one ` +
        "standard error over these datasets, and a family with one dataset has no bars." +
        some((point) => !point.isComplete, " Hollow points have fewer datasets than the others and are not comparable with them.") +
        some((point) => !point.isRead, " Orange points (!) have a score that must not be interpreted.")
      : "No family has both scores on a dataset that is shown.";
  }

  // BibTeX.

  function chooseEntries() {
    const used = new Set([state.benchmark, ...(scatter ? [axes.get(state.x).benchmark, axes.get(state.y).benchmark] : [])]);
    const isShown = (entry) =>
      (!entry.datasets.length && !entry.benchmarks.length) ||
      entry.datasets.some((key) => state.datasets.includes(key)) ||
      entry.benchmarks.some((key) => used.has(key));
    field("entries").value = `${data.entries.filter(isShown).map((entry) => entry.text).join("\n\n")}\n`;
  }

  field("download").addEventListener("click", () => {
    const address = URL.createObjectURL(new Blob([field("entries").value], { type: "text/plain;charset=utf-8" }));
    const link = Object.assign(document.createElement("a"), { href: address, download: "citations.bib" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  });

  // The view.

  function apply(unknown = []) {
    const shown = shownVariant();
    for (const variant of variants) variant.hidden = variant !== shown;
    for (const cell of document.querySelectorAll("[data-column]")) cell.hidden = !state.datasets.includes(cell.dataset.column);
    field("benchmark").value = state.benchmark;
    field("over-ceiling").checked = shown.dataset.overCeiling === "yes";
    field("over-ceiling").disabled = !variantOf(state.benchmark, true);
    for (const box of boxes) box.checked = state.datasets.includes(box.value);
    if (filter.value !== state.families) filter.value = state.families;
    const names = new Set(tables.flatMap((table) => [...table.tBodies[0].rows].map((row) => row.dataset.family)));
    for (const row of document.querySelectorAll("tr[data-family]")) row.hidden = !matches(row.dataset.family);
    field("shown").textContent = filter.value.trim() ? `${[...names].filter(matches).length} of ${names.size} families` : "";
    sort(shown.querySelector("table"));
    if (scatter) {
      field("x").value = state.x;
      field("y").value = state.y;
    }
    const n = state.datasets.length;
    field("view").textContent = [
      n < columns.length ? `Columns of ${n} of ${columns.length} datasets are shown; means, ranks and intervals are over all datasets.` : "",
      unknown.length ? `The address names ${unknown.join(", ")}, which this board does not have.` : "",
    ].filter(Boolean).join(" ");
    drawScatter();
    chooseEntries();
  }

  field("benchmark").addEventListener("change", (event) => change({ benchmark: event.target.value }));
  field("over-ceiling").addEventListener("change", (event) => change({ ceiling: event.target.checked }));
  for (const box of boxes) {
    box.addEventListener("change", () => change({ datasets: boxes.filter((item) => item.checked).map((item) => item.value) }));
  }
  for (const axis of scatter ? ["x", "y"] : []) {
    field(axis).addEventListener("change", (event) => change({ [axis]: event.target.value }));
  }
  filter.addEventListener("input", () => change({ families: filter.value }, { replaces: true }));
  field("controls").addEventListener("submit", (event) => event.preventDefault());
  field("controls").addEventListener("reset", (event) => {
    event.preventDefault();
    change(defaults());
  });
  // Sections are reached without a change of the address, which keeps the view.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    event.preventDefault();
    const target = document.getElementById(link.getAttribute("href").slice(1));
    target.tabIndex = -1;
    target.focus({ preventScroll: true });
    target.scrollIntoView();
  });
  window.addEventListener("popstate", follow);
  let drawnWidth = 0;
  new ResizeObserver(() => {
    if (document.body.clientWidth !== drawnWidth) drawScatter();
    drawnWidth = document.body.clientWidth;
  }).observe(document.body);

  for (const element of document.querySelectorAll(".scripted")) element.hidden = false;
  follow();
})();
