// The interactive figure of a report: one chart, drawn from the numbers in the page. No library, no network.
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
  const figure = document.getElementById("chart");
  if (!figure || !data.series.length) return;
  const SVG = "http://www.w3.org/2000/svg";
  const box = figure.querySelector(".plot"), tip = figure.querySelector(".tip");
  const live = figure.querySelector(".live"), legend = figure.querySelector(".legend");
  const choose = Object.fromEntries(["area", "against", "axis"].map(
    (name) => [name, figure.querySelector(`select[name=${name}]`)]));
  const UNIT = data.percent ? "brain match, % of reference" : "brain match, ceiled score";
  const MOST_BANDS = 8;  // intervals of more conditions hide each other
  const hidden = new Set();
  let shown = [], current = -1;

  const make = (name, attributes, text) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const short = (value) => {
    for (const [size, unit] of [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"]])
      if (value >= size) return `${+(value / size).toPrecision(3)}${unit}`;
    return `${+value.toPrecision(3)}`;
  };
  const MARKS = [
    (x, y, r) => `M${x - r},${y}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0z`,
    (x, y, r) => `M${x - r},${y - r}h${2 * r}v${2 * r}h${-2 * r}z`,
    (x, y, r) => `M${x},${y - 1.2 * r}l${1.2 * r},${2.1 * r}h${-2.4 * r}z`,
    (x, y, r) => `M${x},${y - 1.3 * r}l${1.3 * r},${1.3 * r}l${-1.3 * r},${1.3 * r}l${-1.3 * r},${-1.3 * r}z`,
    (x, y, r) => `M${x},${y + 1.2 * r}l${1.2 * r},${-2.1 * r}h${-2.4 * r}z`,
    (x, y, r) => `M${x - r},${y - r}l${2 * r},${2 * r}M${x - r},${y + r}l${2 * r},${-2 * r}`,
    (x, y, r) => `M${x - 1.2 * r},${y}h${2.4 * r}M${x},${y - 1.2 * r}v${2.4 * r}`,
  ];
  const DASHES = ["", "7 3", "2 3", "9 3 2 3"];
  const color = (i) => `var(--c${i % 8})`;
  const mark = (i) => MARKS[(i + Math.floor(i / 8)) % MARKS.length];

  const scales = (width, height, left, against, log) => {
    const every = data.series.flatMap((one) => one.points);
    const spent = every.map((p) => p[against]).filter((v) => v > 0);
    const most = Math.max(1, ...spent), least = Math.min(most, ...spent) / 3;
    const found = every.flatMap((p) => (p.values[choose.area.value] || [])[3] || []);
    const top = Math.max(data.percent ? 105 : 0.01, ...found) * 1.06, bottom = Math.min(0, ...found);
    const unit = log
      ? (v) => Math.log(Math.max(v, least) / least) / Math.log(most * 1.3 / least)
      : (v) => v / (most * 1.05);
    const x = (v) => left + 14 + unit(v) * (width - left - 28);
    const y = (v) => 10 + (1 - (v - bottom) / (top - bottom)) * (height - 52);
    return { x, y, top, bottom, most, least };
  };

  const ticks = (from, to) => {
    const step = [1, 2, 5, 10].map((k) => k * 10 ** Math.floor(Math.log10((to - from) / 4)))
      .find((s) => (to - from) / s <= 6) || (to - from) / 5;
    const found = [];
    for (let v = Math.ceil(from / step) * step; v <= to + 1e-9; v += step) found.push(+v.toPrecision(6));
    return found;
  };

  const axes = (svg, width, height, left, s, log) => {
    const grid = make("g", { class: "grid" });
    const put = (v, name) => {
      grid.append(make("line", { x1: s.x(v), x2: s.x(v), y1: 10, y2: height - 42 }));
      grid.append(make("text", { x: s.x(v), y: height - 27, "text-anchor": "middle" }, name));
    };
    if (log) {
      put(0, "birth");
      const first = Math.ceil(Math.log10(s.least * 2.2)), last = Math.floor(Math.log10(s.most * 1.2));
      const step = Math.max(1, Math.ceil((last - first + 1) / Math.max(2, width / 90)));
      for (let d = first; d <= last; d += step) put(10 ** d, short(10 ** d));
    } else for (const v of ticks(0, s.most)) put(v, v === 0 ? "birth" : short(v));
    for (const v of ticks(s.bottom, s.top)) {
      grid.append(make("line", { x1: left, x2: width - 8, y1: s.y(v), y2: s.y(v) }));
      grid.append(make("text", { x: left - 6, y: s.y(v) + 4, "text-anchor": "end" }, data.percent ? v : short(v)));
    }
    if (data.percent)
      grid.append(make("line", { class: "whole", x1: left, x2: width - 8, y1: s.y(100), y2: s.y(100) }));
    const name = choose.against.selectedOptions[0].textContent;
    grid.append(make("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, name));
    const middle = (height - 32) / 2;
    grid.append(make("text", { class: "unit", x: 12, y: middle, "text-anchor": "middle",
      transform: `rotate(-90 12 ${middle})` }, UNIT));
    svg.append(grid);
  };

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

  const line = (svg, one, i, s, bands) => {
    const known = scored(one);
    const at = known.map((p) => [s.x(p[choose.against.value]), ...p.values[choose.area.value]]);
    const group = make("g", { class: "series", style: `color:${color(i)}` });
    const banded = at.filter(([, , low, high]) => low !== null && high !== null);
    if (bands && banded.length > 1) {
      const up = banded.map(([x, , , high]) => `${x},${s.y(high)}`);
      const down = banded.map(([x, , low]) => `${x},${s.y(low)}`).reverse();
      group.append(make("polygon", { class: "band", "clip-path": "url(#inside)", points: [...up, ...down].join(" ") }));
    } else if (bands) for (const [x, , low, high] of banded)
      group.append(make("line", { class: "reach", x1: x, x2: x, y1: s.y(low), y2: s.y(high), "clip-path": "url(#inside)" }));
    group.append(make("polyline", { "stroke-dasharray": DASHES[Math.floor(i / 8) % 4],
      points: at.map(([x, y]) => `${x},${s.y(y)}`).join(" ") }));
    at.forEach(([x, y, , , seeds], k) => {
      if (seeds.length > 1)
        for (const v of seeds) group.append(make("circle", { class: "seed", cx: x, cy: s.y(v), r: 1.6 }));
      group.append(make("path", { class: "mark", d: mark(i)(x, s.y(y), 4) }));
      shown.push({ x, y: s.y(y), text: told(one, known[k]), series: i });
    });
    svg.append(group);
  };

  // A row for each condition, from the best: its end, with interval and seeds.
  const ROW = 34, HEAD = 12;
  const ends = () => data.series.map((one, i) => ({ one, i, p: scored(one).pop() }))
    .filter(({ i, p }) => p && !hidden.has(i))
    .sort((a, b) => b.p.values[choose.area.value][0] - a.p.values[choose.area.value][0]);

  const rows = (svg, width, height, s, sorted) => {
    const left = 12, x = (v) => left + (v - s.bottom) / (s.top - s.bottom) * (width - 2 * left);
    const grid = make("g", { class: "grid" });
    for (const v of ticks(s.bottom, s.top)) {
      grid.append(make("line", { x1: x(v), x2: x(v), y1: HEAD, y2: height - 42 }));
      grid.append(make("text", { x: x(v), y: height - 27, "text-anchor": "middle" }, data.percent ? v : short(v)));
    }
    if (data.percent) grid.append(make("line", { class: "whole", x1: x(100), x2: x(100), y1: HEAD, y2: height - 42 }));
    grid.append(make("text", { class: "unit", x: width / 2, y: height - 6, "text-anchor": "middle" }, UNIT));
    svg.append(grid);
    sorted.forEach(({ one, i, p }, row) => {
      const [mean, low, high, seeds] = p.values[choose.area.value], y = HEAD + ROW * row + 24;
      const group = make("g", { class: "series", style: `color:${color(i)}` });
      grid.append(make("line", { x1: left, x2: width - left, y1: y, y2: y }));
      group.append(make("text", { class: "name", x: left, y: y - 9 }, one.label));
      if (low !== null && high !== null) group.append(make("line", { class: "reach",
        x1: x(Math.max(low, s.bottom)), x2: x(Math.min(high, s.top)), y1: y, y2: y }));
      if (seeds.length > 1)
        for (const v of seeds) group.append(make("circle", { class: "seed", cx: x(v), cy: y, r: 1.6 }));
      group.append(make("path", { class: "mark", d: mark(i)(x(mean), y, 4) }));
      shown.push({ x: x(mean), y, text: told(one, p), series: i });
      svg.append(group);
    });
  };

  const lines = (svg, width, height, s, left, log) => {
    axes(svg, width, height, left, s, log);
    const inside = make("clipPath", { id: "inside" });
    inside.append(make("rect", { x: left, y: 10, width: width - left - 8, height: height - 52 }));
    svg.append(inside);
    const bands = data.series.length - hidden.size <= MOST_BANDS;
    data.series.forEach((one, i) => hidden.has(i) || line(svg, one, i, s, bands));
    return bands;
  };

  const draw = () => {
    const rowed = choose.against.value === "ends", width = Math.max(280, box.clientWidth), left = 60;
    const sorted = rowed ? ends() : [];
    const height = rowed ? HEAD + ROW * sorted.length + 48 : Math.min(440, Math.max(290, width * 0.6));
    const log = choose.axis.value === "log";
    choose.axis.disabled = rowed;
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: 0,
      "aria-label": `${figure.dataset.title}. Arrow keys read the points, one by one; the table below has them all.` });
    const s = scales(width, height, left, choose.against.value, log);
    shown = [];
    current = -1;
    tip.hidden = true;
    if (rowed) rows(svg, width, height, s, sorted);
    const bands = rowed || lines(svg, width, height, s, left, log);
    const visible = rowed ? sorted.map(({ p }) => p)
      : data.series.filter((one, i) => !hidden.has(i)).flatMap((one) => one.points);
    const reach = visible.flatMap((p) => (p.values[choose.area.value] || []).slice(1, 3)).filter((v) => v !== null);
    figure.querySelector(".cut").hidden = !(bands && reach.some((v) => v < s.bottom || v > s.top));
    svg.append(make("circle", { class: "ring", r: 8, hidden: "" }));
    const old = box.querySelector("svg"), focused = old && old === document.activeElement;
    old ? old.replaceWith(svg) : box.prepend(svg);
    if (focused) svg.focus({ preventScroll: true });
  };

  const point = (k, aloud) => {
    const ring = box.querySelector(".ring");
    current = k;
    if (k < 0) { tip.hidden = true; ring.setAttribute("hidden", ""); return; }
    const { x, y, text } = shown[k];
    ring.removeAttribute("hidden");
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
    tip.textContent = text;
    tip.hidden = false;
    const room = box.clientWidth - tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(room, x - tip.offsetWidth / 2))}px`;
    tip.style.top = `${y > tip.offsetHeight + 16 ? y - tip.offsetHeight - 12 : y + 14}px`;
    if (aloud) live.textContent = text;
  };

  const beside = (k, step) => {
    const order = shown.map((p, i) => i);
    const next = k < 0 ? (step > 0 ? 0 : order.length - 1) : k + step;
    return order.length ? (next + order.length) % order.length : -1;
  };
  const other = (k, step) => {
    const series = [...new Set(shown.map((p) => p.series))];
    const now = k < 0 ? -1 : series.indexOf(shown[k].series);
    const wanted = series[(now + step + series.length) % series.length];
    return shown.findIndex((p) => p.series === wanted);
  };

  box.addEventListener("pointermove", (event) => {
    const frame = box.querySelector("svg").getBoundingClientRect();
    const near = shown.map((p, k) => [Math.hypot(p.x - event.clientX + frame.left, p.y - event.clientY + frame.top), k]);
    const [distance, k] = near.reduce((a, b) => (b[0] < a[0] ? b : a), [Infinity, -1]);
    point(distance < 24 ? k : -1, false);
  });
  box.addEventListener("pointerleave", () => point(-1, false));
  box.addEventListener("keydown", (event) => {
    const moves = { ArrowRight: () => beside(current, 1), ArrowLeft: () => beside(current, -1),
      ArrowDown: () => other(current, 1), ArrowUp: () => other(current, -1), Escape: () => -1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    point(moves[event.key](), true);
  });
  data.series.forEach((one, i) => {
    const button = document.createElement("button");
    const icon = make("svg", { viewBox: "0 0 26 12", width: 26, height: 12, "aria-hidden": "true", style: `color:${color(i)}` });
    icon.append(make("path", { class: "mark", d: `M0,6H26${mark(i)(13, 6, 3.6)}` }));
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    button.append(icon, one.label);
    button.addEventListener("click", () => {
      hidden.has(i) ? hidden.delete(i) : hidden.add(i);
      button.setAttribute("aria-pressed", String(!hidden.has(i)));
      draw();
    });
    legend.append(button);
  });
  for (const select of Object.values(choose)) select.addEventListener("change", draw);
  figure.classList.add("ready");
  let last = 0;
  new ResizeObserver(() => {
    requestAnimationFrame(() => {
      if (box.clientWidth !== last) { last = box.clientWidth; draw(); }
    });
  }).observe(box);
  draw();
})();
