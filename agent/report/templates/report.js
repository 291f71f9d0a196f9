"use strict";
(() => {
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const isNarrow = window.matchMedia("(max-width: 520px)").matches;
  const PRINT_WIDTH = 680; // CSS pixels: the page of a sheet of A4 or Letter
  const views = new Map();
  const drawings = new Map();
  const quiet = { labelColor: "var(--ink)", titleColor: "var(--ink)" };
  const config = {
    background: "transparent",
    font: "system-ui, sans-serif",
    view: { stroke: "var(--line)" },
    axis: { ...quiet, gridColor: "var(--line)", gridOpacity: 0.6, tickCount: 8, domainColor: "var(--soft)", tickColor: "var(--soft)", labelFontSize: 12, titleFontSize: 12, aria: false, labelAngle: 0, labelOverlap: true },
    legend: { ...quiet, orient: "bottom", labelFontSize: 12, titleFontSize: 12, aria: false, columns: isNarrow ? 2 : 0, symbolLimit: 20, layout: { bottom: { anchor: "start", direction: isNarrow ? "vertical" : "horizontal", margin: 12 } } },
    text: { fontSize: 12 },
  };
  const options = { renderer: "svg", actions: false, ast: true, config, tooltip: { theme: "custom" } };

  // names stand where they touch neither points nor each other; one without room is left out
  function placeNames(vega) {
    const names = vega.marks.find((mark) => mark.name === "names_marks");
    if (!names) return vega; // several runs' points have none
    const text = { signal: "datum.datum.kind === 'dominated' ? '' : datum.datum.id" };
    const places = ["top", "bottom", "right", "left", "top-right", "bottom-right", "top-left", "bottom-left"];
    names.from = { data: "points_marks" };
    names.encode = { update: { text, fill: { value: "var(--ink)" }, fontSize: { value: 12 } } };
    names.transform = [{ type: "label", size: { signal: "[max(width, 20), max(height, 20)]" }, anchor: places, offset: [4], avoidMarks: ["points_marks"] }];
    return vega;
  }

  function draw(place) {
    const name = place.dataset.chart;
    if (!drawings.has(name)) drawings.set(name, embed(place, name));
    return drawings.get(name);
  }

  async function embed(place, name) {
    const spec = { width: "container", autosize: { type: "fit-x", contains: "padding" }, description: place.dataset.label, ...specs[name] };
    const { view } = await window.vegaEmbed(place, spec, name === "pareto" ? { ...options, patch: placeNames } : options);
    views.set(name, view);
    if (name === "pareto") connectPoints(place, view);
  }

  const isShown = (place) => !place.closest("details:not([open])");
  // a plot that fails is told in the console, and keeps no other from being drawn
  async function drawShown(root) {
    const places = [...root.querySelectorAll(".chart")].filter(isShown);
    const drawn = await Promise.allSettled(places.map(draw));
    for (const one of drawn) if (one.status === "rejected") console.error(one.reason);
  }

  // one stop of the Tab key for the whole plot; arrows go from point to point, Enter opens the network
  const pointsOf = (place) =>
    [...place.querySelectorAll("path[role='graphics-symbol']")]
      .sort((one, other) => one.getBoundingClientRect().x - other.getBoundingClientRect().x);

  function makeReachable(place) {
    pointsOf(place).forEach((point, index) => point.setAttribute("tabindex", index ? "-1" : "0"));
  }

  function openNetwork(label) {
    const targets = (specs.pareto.usermeta || {}).targets || {};
    const details = document.getElementById(targets[label] || label.split(",")[0]);
    if (!details) return;
    details.open = true;
    details.scrollIntoView();
    details.querySelector("summary").focus({ preventScroll: true });
  }

  function connectPoints(place, view) {
    makeReachable(place);
    const said = document.getElementById("point-said");
    place.addEventListener("focusin", (event) => {
      said.textContent = event.target.getAttribute("aria-label") || said.textContent;
    });
    place.addEventListener("keydown", (event) => {
      const points = pointsOf(place);
      const index = points.indexOf(event.target);
      if (index < 0) return;
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (step) {
        const next = points[(index + step + points.length) % points.length];
        points[index].setAttribute("tabindex", "-1");
        next.setAttribute("tabindex", "0");
        next.focus();
        event.preventDefault();
      } else if (event.key === "Enter") {
        openNetwork(event.target.getAttribute("aria-label"));
        event.preventDefault();
      }
    });
    view.addEventListener("click", (_event, item) => {
      const row = item && item.datum && (item.datum.datum || item.datum); // a name's is its point
      if (row && row.label) openNetwork(row.label);
    });
  }

  async function filter() {
    const shown = document.getElementById("shown").value;
    const range = document.getElementById("sram-max");
    const most = Number(range.value) >= Number(range.max) ? Infinity : Number(range.value);
    document.getElementById("sram-said").textContent = `${Number(range.value).toFixed(1)} KiB`;
    const isIn = (row) => (shown === "all" || row.dataset.front === "true") && Number(row.dataset.sram || Infinity) <= most;
    const rows = [...document.querySelectorAll("#candidates tbody tr")];
    for (const row of rows) row.hidden = !isIn(row);
    const trained = rows.filter((row) => row.dataset.state === "trained");
    const count = trained.filter(isIn).length;
    document.getElementById("filter-said").textContent = `${count} of ${trained.length} trained candidates shown`;
    const view = views.get("pareto");
    if (!view) return;
    await view.signal("shown", shown).signal("sram_max", most === Infinity ? 1e9 : most).runAsync();
    makeReachable(document.querySelector("[data-chart='pareto']"));
  }

  const form = document.getElementById("filter");
  if (form) {
    form.addEventListener("input", filter);
    form.addEventListener("change", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  document.addEventListener("toggle", (event) => event.target.open && drawShown(event.target), true);
  const openAll = document.getElementById("open-all");
  if (openAll) {
    openAll.addEventListener("click", () => document.querySelectorAll("details.member").forEach((one) => { one.open = true; }));
  }
  // on paper a plot is drawn as wide as the paper, not scaled down with its letters
  window.addEventListener("beforeprint", () => views.forEach((view) => view.width(PRINT_WIDTH).run()));
  window.addEventListener("afterprint", () => window.dispatchEvent(new Event("resize")));
  document.getElementById("print-all").addEventListener("click", async () => {
    const closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((one) => { one.open = true; });
    await drawShown(document);
    window.addEventListener("afterprint", () => closed.forEach((one) => { one.open = false; }), { once: true });
    window.print();
  });
  // a link to a section that is closed opens it
  function openTarget(hash) {
    const target = [...document.querySelectorAll("details[id]")].find((one) => `#${one.id}` === hash);
    if (target) target.open = true;
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link) openTarget(link.getAttribute("href"));
  });
  openTarget(location.hash);
  drawShown(document).then(() => { document.documentElement.dataset.drawn = "true"; });
})();
