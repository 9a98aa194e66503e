// The interactive figure of a report: one chart, drawn by plotly.js from the numbers in the page.
"use strict";
(() => {
  // What is folded is printed too, and folded again afterwards.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const one of folded) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of folded) one.open = false; });

  const data = JSON.parse(document.getElementById("data").textContent);
  const figure = document.getElementById("chart"), root = document.documentElement;
  if (!figure || !data.series.length) return;
  const box = figure.querySelector(".plot"), live = figure.querySelector(".live");
  const legend = figure.querySelector(".legend"), cut = figure.querySelector(".cut");
  const choose = Object.fromEntries(["area", "against", "axis"].map(
    (name) => [name, figure.querySelector(`select[name=${name}]`)]));
  const UNIT = data.percent ? "brain match, % of reference" : "brain match, ceiled score";
  const MOST_BANDS = 8;  // intervals of more conditions hide each other
  const PRINTED = 980;  // px: the width of a page
  const hidden = new Set();
  let decadesWide = 0;  // of a logarithmic axis, as a whole
  let shown = [], current = -1;  // the marks that can be read out: which trace, which point, what it says

  // The marks of plotly.js and the same ones as text, for the buttons.
  const SYMBOLS = [["circle", "●"], ["square", "■"], ["triangle-up", "▲"], ["diamond", "◆"],
    ["triangle-down", "▼"], ["x", "✖"], ["cross", "✚"]];
  const DASHES = [["solid", "solid"], ["dash", "dashed"], ["dot", "dotted"]];
  const symbol = (i) => SYMBOLS[(i + Math.floor(i / 8)) % SYMBOLS.length];
  const dash = (i) => DASHES[Math.floor(i / 8) % DASHES.length];
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const color = (i) => css(`--c${i % 8}`);

  const short = (value) => {
    for (const [size, unit] of [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"]])
      if (value >= size) return `${+(value / size).toPrecision(3)}${unit}`;
    return `${+value.toPrecision(3)}`;
  };
  // plotly.js reads a few tags in its texts, and breaks no lines.
  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  const broken = (text) => escaped(text.replace(/ (?=%|[kMGT]\b)/g, "\u00a0").replace(/; /g, ";\n")
    .replace(/(.{30,44}) /g, "$1\n")).replaceAll("\n", "<br>");

  const told = (one, p) => {
    const [mean, low, high, seeds] = p.values[choose.area.value];
    const digits = data.percent ? 1 : 3, unit = data.percent ? " %" : "";
    const range = low === null || high === null ? "" : ` (95 %: ${low.toFixed(digits)} to ${high.toFixed(digits)})`;
    const when = p.epoch === 0 ? "at birth" : `epoch ${+p.epoch.toPrecision(4)}`;
    return `${one.label}, ${when}: ${mean.toFixed(digits)}${unit}${range}; ${short(p.updates)} updates, ` +
      `${short(p.trained)} trained synapses, ${short(p.synaptic_updates)} synaptic updates; ` +
      `${seeds.length} seed${seeds.length > 1 ? "s" : ""}`;
  };
  const scored = (one) => one.points.filter((p) => (p.values[choose.area.value] || [null])[0] !== null);
  const bounded = ([, low, high]) => low !== null && high !== null;

  // What all conditions span, so that the axes stay where they are while some are switched off.
  const span = (against) => {
    const every = data.series.flatMap((one) => one.points);
    const spent = every.map((p) => p[against]).filter((v) => v > 0);
    const found = every.flatMap((p) => (p.values[choose.area.value] || [])[3] || []);
    const most = Math.max(1, ...spent);
    const top = Math.max(data.percent ? 105 : 0.01, ...found) * 1.06, low = Math.min(0, ...found);
    return { most, least: Math.min(most, ...spent) / 3, top, bottom: low - 0.02 * (top - low) };
  };

  const marks = (i, x, y, texts) => ({ type: "scatter", x, y, name: escaped(data.series[i].label), marker: { symbol: symbol(i)[0], size: 9 },
    text: texts.map(broken), hovertemplate: "%{text}<extra></extra>" });
  const dots = (i, x, y) => ({ type: "scatter", mode: "markers", x, y, hoverinfo: "skip", showlegend: false,
    marker: { size: 4, color: color(i), opacity: 0.55 } });
  const read = (i, known, texts, traces) =>
    texts.forEach((text, k) => shown.push({ curveNumber: traces, pointNumber: k, series: i, text }));

  const lines = (s, against, log) => {
    const bands = data.series.length - hidden.size <= MOST_BANDS, traces = [];
    const along = against !== "trained";  // what learns is as many synapses at every moment
    const at = (p) => log ? Math.max(p[against], s.least) : p[against];
    data.series.forEach((one, i) => {
      if (hidden.has(i)) return;
      const known = scored(one), values = known.map((p) => p.values[choose.area.value]), x = known.map(at);
      const within = known.flatMap((p, k) => bounded(values[k]) ? [k] : []);
      const banded = bands && along && within.length > 1;
      if (banded)
        traces.push({ type: "scatter", mode: "none", fill: "toself", fillcolor: color(i), opacity: 0.15, hoverinfo: "skip", showlegend: false,
          x: [...within, ...within.toReversed()].map((k) => x[k]),
          y: [...within.map((k) => values[k][2]), ...within.toReversed().map((k) => values[k][1])] });
      const many = known.flatMap((p, k) => values[k][3].length > 1 ? values[k][3].map((v) => [x[k], v]) : []);
      traces.push(dots(i, many.map(([v]) => v), many.map(([, v]) => v)));
      const texts = known.map((p) => told(one, p)), whiskers = bands && !banded && within.length;
      read(i, known, texts, traces.length);
      traces.push({ ...marks(i, x, values.map(([mean]) => mean), texts), mode: "lines+markers",
        line: { color: color(i), width: 1.8, dash: dash(i)[0] }, error_y: whiskers ? ends(values, i) : {} });
    });
    return { traces, bands };
  };
  const ends = (values, i) => ({ type: "data", symmetric: false, color: color(i), thickness: 1.4, width: 0,
    array: values.map((v) => bounded(v) ? v[2] - v[0] : 0),
    arrayminus: values.map((v) => bounded(v) ? v[0] - v[1] : 0) });

  // A row for each condition, from the best: its end, with interval and seeds.
  const rows = () => {
    const sorted = data.series.map((one, i) => ({ one, i, p: scored(one).pop() }))
      .filter(({ i, p }) => p && !hidden.has(i))
      .map((found) => ({ ...found, value: found.p.values[choose.area.value] }))
      .sort((a, b) => b.value[0] - a.value[0]);
    const traces = [], names = [];
    sorted.forEach(({ one, i, p, value }, row) => {
      const text = told(one, p), many = value[3].length > 1 ? value[3] : [];
      traces.push(dots(i, many, many.map(() => row)));
      read(i, [p], [text], traces.length);
      traces.push({ ...marks(i, [value[0]], [row], [text]), mode: "markers", error_x: ends([value], i),
        marker: { symbol: symbol(i)[0], size: 9, color: color(i) } });
      names.push({ text: escaped(one.label), x: 0, xref: "paper", xanchor: "left", y: row, yanchor: "bottom",
        yshift: 4, showarrow: false });
    });
    return { traces, names };
  };

  const decades = (s, width) => {
    const beside = Math.log10(2 * s.most / s.least) * 55 / (width - 62);  // decades on which "birth" stands
    const first = Math.ceil(Math.log10(s.least) + beside), last = Math.floor(Math.log10(s.most * 1.2));
    const step = Math.max(1, Math.ceil((last - first + 1) / Math.max(2, width / 90)));
    const values = [];
    for (let d = first; d <= last; d += step) values.push(10 ** d);
    return { tickangle: 0, tickmode: "array", tickvals: [s.least, ...values], ticktext: ["birth", ...values.map(short)] };
  };

  // Return the traces and the layout of what is chosen.
  const picture = () => {
    const printed = root.classList.contains("printed"), width = printed ? PRINTED : Math.max(280, box.clientWidth);
    const rowed = choose.against.value === "ends", log = choose.axis.value === "log", s = span(choose.against.value);
    const axis = { gridcolor: css("--line"), zeroline: false, automargin: true, linecolor: css("--line") };
    const value = { ...axis, title: { text: UNIT }, range: [s.bottom, s.top] };
    const whole = { type: "line", xref: "paper", yref: "y", x0: 0, x1: 1, y0: 100, y1: 100, layer: "below",
      line: { color: css("--soft"), dash: "dot", width: 1 } };
    // What somebody zoomed into stays while conditions are switched.
    const view = Object.values(choose).map((one) => one.value).join();
    const layout = { uirevision: view, width, height: Math.min(440, Math.max(300, width * 0.6)), showlegend: false, hovermode: "closest",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 50, r: 12, t: 26, b: 44 },
      font: { family: "system-ui, sans-serif", size: 12, color: css("--ink") },
      hoverlabel: { bgcolor: css("--paper"), bordercolor: css("--soft"), font: { color: css("--ink") }, align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: css("--soft"), activecolor: css("--ink") },
      // On a touch screen a finger scrolls the page.
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom" };
    shown = [];
    let found;
    if (rowed) {
      found = rows();
      const end = { xref: "x", yref: "paper", x0: 100, x1: 100, y0: 0, y1: 1 };
      const row = printed ? Math.min(34, 560 / Math.max(1, found.names.length)) : 34;  // no page cuts it
      Object.assign(layout, { height: row * found.names.length + 90, annotations: found.names, xaxis: value,
        yaxis: { ...axis, range: [found.names.length - 0.5, -0.9], dtick: 1, showticklabels: false },
        shapes: data.percent ? [{ ...whole, ...end }] : [] });
      layout.margin = { ...layout.margin, l: 12 };
    } else {
      found = lines(s, choose.against.value, log);
      const title = { text: choose.against.selectedOptions[0].textContent };
      const reach = log ? [Math.log10(s.least / 1.4), Math.log10(s.most * 1.4)] : [-0.02 * s.most, s.most * 1.05];
      const ticks = { exponentformat: "SI", ...(log ? decades(s, width) : {}) };
      Object.assign(layout, { xaxis: { ...axis, title, range: reach, type: log ? "log" : "linear", ...ticks },
        yaxis: value, shapes: data.percent ? [whole] : [] });
    }
    return { ...found, layout, rowed, s };
  };

  const draw = () => {
    const { traces, layout, bands, rowed, s } = picture();
    if (box.data) Plotly.Fx.unhover(box);
    current = -1;
    live.textContent = "";
    choose.axis.disabled = rowed;
    const reach = data.series.filter((one, i) => !hidden.has(i))
      .flatMap((one) => rowed ? scored(one).slice(-1) : scored(one))
      .map((p) => p.values[choose.area.value]).filter(bounded);
    cut.hidden = !((rowed || bands) && reach.some(([, low, high]) => low < s.bottom || high > s.top));
    decadesWide = layout.xaxis.type === "log" ? layout.xaxis.range[1] - layout.xaxis.range[0] : 0;
    const first = !box.data;
    Plotly.react(box, traces, layout, { displaylogo: false, showTips: false,
      modeBarButtons: [[SAVE, "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]] });  // none sends data away
    if (first) box.on("plotly_relayout", closer);
    closer();
  };

  // Between two decades there would be no tick.
  const closer = () => {
    const { range, tickmode } = box.layout.xaxis, wide = range[1] - range[0];
    if (!decadesWide) return;
    const mode = wide < 2 && wide < 0.6 * decadesWide ? "auto" : "array";
    if (mode !== tickmode) Plotly.relayout(box, { "xaxis.tickmode": mode });
  };

  // What is saved stands alone: dark on white, with a legend, and as far zoomed in as it is seen.
  const save = () => {
    root.classList.add("printed");
    const { traces, layout, rowed } = picture();
    root.classList.remove("printed");
    for (const name of ["xaxis", "yaxis"]) layout[name].range = box.layout[name].range;
    layout.xaxis.tickmode = box.layout.xaxis.tickmode;
    Object.assign(layout, { paper_bgcolor: "#fff", showlegend: !rowed, legend: { orientation: "h", y: -0.2 } });
    layout.height += rowed ? 0 : 20 * data.series.length;
    Plotly.downloadImage({ data: traces, layout },
      { format: "svg", filename: "brain_match", width: layout.width, height: layout.height });
  };
  const SAVE = { name: "save", title: "Save as SVG", icon: Plotly.Icons.camera, click: save };

  // The arrow keys walk through the marks, and a screen reader hears what each says.
  const point = (k) => {
    current = k;
    live.textContent = k < 0 ? "" : shown[k].text;
    if (k < 0) Plotly.Fx.unhover(box);
    else Plotly.Fx.hover(box, [{ curveNumber: shown[k].curveNumber, pointNumber: shown[k].pointNumber }]);
  };
  const beside = (step) => {
    const next = current < 0 ? (step > 0 ? 0 : shown.length - 1) : current + step;
    return shown.length ? (next + shown.length) % shown.length : -1;
  };
  const other = (step) => {
    const series = [...new Set(shown.map((p) => p.series))];
    const now = current < 0 ? (step > 0 ? -1 : 0) : series.indexOf(shown[current].series);
    const wanted = series[(now + step + series.length) % series.length];
    return shown.findIndex((p) => p.series === wanted);
  };
  box.tabIndex = 0;
  box.setAttribute("role", "img");
  box.setAttribute("aria-label",
    `${figure.dataset.title}. Arrow keys read the points, one by one; the table below has them all.`);
  box.addEventListener("keydown", (event) => {
    const moves = { ArrowRight: () => beside(1), ArrowLeft: () => beside(-1),
      ArrowDown: () => other(1), ArrowUp: () => other(-1), Escape: () => -1 };
    if (!(event.key in moves) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    point(moves[event.key]());
  });

  data.series.forEach((one, i) => {
    const button = document.createElement("button"), sample = document.createElement("span");
    sample.textContent = symbol(i)[1];
    sample.style.cssText = `color: var(--c${i % 8}); border-bottom: 2px ${dash(i)[1]}`;
    sample.setAttribute("aria-hidden", "true");
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    button.append(sample, one.label);
    button.addEventListener("click", () => {
      hidden.has(i) ? hidden.delete(i) : hidden.add(i);
      button.setAttribute("aria-pressed", String(!hidden.has(i)));
      draw();
    });
    legend.append(button);
  });
  for (const select of Object.values(choose)) select.addEventListener("change", draw);
  figure.classList.add("ready");

  // It is printed on white, as wide as a page.
  addEventListener("beforeprint", () => { root.classList.add("printed"); draw(); });
  addEventListener("afterprint", () => { root.classList.remove("printed"); draw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let last = 0;
  new ResizeObserver(() => {
    requestAnimationFrame(() => {
      if (box.clientWidth !== last) { last = box.clientWidth; draw(); }
    });
  }).observe(box);
  draw();
})();
