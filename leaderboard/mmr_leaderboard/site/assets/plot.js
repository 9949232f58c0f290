// The interactive frontier plot: one line per entry, oracle and constant policy, single models as points.
function startPlot(box) {
  const canvas = box.querySelector("[data-canvas]");
  const tooltip = box.querySelector("[data-tooltip]");
  const readout = box.querySelector("[data-readout]");
  const legend = box.querySelector("[data-legend]");
  const all = box.querySelector("[data-all]");
  const hidden = new Set();
  let filtered = new Set();
  let scope = data.scopes[0];
  let logarithmic = scope.plot ? scope.plot.logarithmic : true;
  let stops = []; // what the keyboard goes through: one is reached with Tab, the others from there
  let size = { width: 0, height: 0, left: 52, right: 14, top: 12, bottom: 50 };
  const MODELS = "models";

  const isShown = (key) => !hidden.has(key) && !filtered.has(key);
  const inner = () => ({ width: size.width - size.left - size.right, height: size.height - size.top - size.bottom });

  function share(cost) {
    const { low, high, smallest } = scope.plot;
    if (!logarithmic) return (cost - low) / (high - low);
    if (low > 0) return Math.log(Math.max(cost, low) / low) / Math.log(high / low);
    if (cost <= smallest) return (0.06 * cost) / smallest;
    return 0.06 + (0.94 * Math.log(cost / smallest)) / Math.log(high / smallest);
  }

  function costAt(place) {
    const { low, high, smallest } = scope.plot;
    if (!logarithmic) return low + place * (high - low);
    if (low > 0) return low * (high / low) ** place;
    if (place <= 0.06) return (smallest * place) / 0.06;
    return smallest * (high / smallest) ** ((place - 0.06) / 0.94);
  }

  const x = (cost) => size.left + share(cost) * inner().width;
  const y = (utility) => size.top + (1 - (utility - scope.plot.bottom) / (scope.plot.top - scope.plot.bottom)) * inner().height;

  function utilityAt(line, cost) {
    if (cost < line[0][0] || cost > line[line.length - 1][0]) return null;
    const next = line.findIndex(([c]) => c >= cost);
    if (next === 0) return line[0][1];
    const [[c0, u0], [c1, u1]] = [line[next - 1], line[next]];
    return u0 + ((u1 - u0) * (cost - c0)) / (c1 - c0);
  }

  function pathOf(line) {
    const points = [];
    for (let i = 0; i + 1 < line.length; i += 1) {
      const [[c0, u0], [c1, u1]] = [line[i], line[i + 1]];
      for (let step = 0; step < 12; step += 1) {
        const along = (step / 12) ** 2; // denser where a logarithm bends a straight piece
        points.push([c0 + along * (c1 - c0), u0 + along * (u1 - u0)]);
      }
    }
    points.push(line[line.length - 1]);
    return "M" + points.map(([c, u]) => `${x(c).toFixed(1)},${y(u).toFixed(1)}`).join("L");
  }

  function draw() {
    hideTooltip();
    size.width = Math.max(260, Math.floor(canvas.clientWidth));
    size.height = Math.round(Math.min(480, Math.max(300, size.width * 0.56)));
    legend.querySelectorAll("[data-series]").forEach((item) => {
      item.hidden = filtered.has(item.dataset.series) || !scope.plot;
    });
    if (!scope.plot) {
      explainAverage();
      return;
    }
    const svg = drawn("svg", { class: "live", width: size.width, height: size.height, viewBox: `0 0 ${size.width} ${size.height}`, role: "group", "aria-label": `Frontiers on ${scope.title}` });
    const clip = `inside-${Math.round(size.width)}`;
    svg.append(drawn("clipPath", { id: clip }, drawn("rect", { x: size.left, y: size.top, width: inner().width, height: inner().height })));
    svg.append(drawGrid());
    const cross = drawn("line", { class: "cross", y1: size.top, y2: size.top + inner().height, visibility: "hidden" });
    svg.append(cross);
    const lines = drawn("g", { "clip-path": `url(#${clip})` });
    const order = [...scope.plot.series].filter((series) => isShown(series.key) && series.line.length);
    stops = order.map(drawSeries);
    lines.append(...[...stops].reverse()); // the first stands on top
    svg.append(lines);
    if (isShown(MODELS)) svg.append(drawModels());
    stops.forEach((stop, place) => stop.setAttribute("tabindex", place === 0 ? "0" : "-1"));
    svg.append(drawn("circle", { class: "reading", r: 5, visibility: "hidden" }));
    canvas.replaceChildren(svg);
    svg.addEventListener("keydown", goBetween);
    svg.addEventListener("pointermove", pointed);
    svg.addEventListener("pointerdown", pointed);
    svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hideTooltip());
  }

  function explainAverage() {
    const said = element("div", { class: "no-frontier" }, element("p", {}, `${scope.title} is an average over datasets, and an average has no frontier of its own. Its datasets have:`));
    const list = element("p", { class: "picks" });
    for (const key of scope.members) {
      const button = element("button", { type: "button", class: "plain" }, scopeOf(key).title);
      button.addEventListener("click", () => box.dispatchEvent(new CustomEvent("pick", { detail: key })));
      list.append(button, " ");
    }
    said.append(list);
    canvas.replaceChildren(said);
  }

  function drawGrid() {
    const grid = drawn("g", { "aria-hidden": "true" });
    const { width, height } = inner();
    for (const [utility, text] of scope.plot.utility) {
      grid.append(drawn("line", { class: "grid", x1: size.left, x2: size.left + width, y1: y(utility), y2: y(utility) }));
      grid.append(drawn("text", { class: "tick", x: size.left - 7, y: y(utility) + 4, "text-anchor": "end" }, text));
    }
    let last = -Infinity;
    for (const [cost, text] of logarithmic ? scope.plot.log : scope.plot.linear) {
      grid.append(drawn("line", { class: "grid", x1: x(cost), x2: x(cost), y1: size.top, y2: size.top + height }));
      const half = text.length * 3.6;
      if (x(cost) - half < last + 6 || x(cost) + half > size.width) continue;
      last = x(cost) + half;
      grid.append(drawn("text", { class: "tick", x: x(cost), y: size.top + height + 17, "text-anchor": "middle" }, text));
    }
    grid.append(drawn("text", { class: "axis-title", x: size.left + width / 2, y: size.height - 8, "text-anchor": "middle" }, `Mean cost, ${data.unit.title}`));
    grid.append(drawn("text", { class: "axis-title", transform: `translate(12,${size.top + height / 2}) rotate(-90)`, "text-anchor": "middle" }, "Mean utility"));
    return grid;
  }

  function drawSeries(series) {
    const group = drawn("g", { class: series.style ? `series c${series.style.colour}` : "series", role: "img", "data-key": series.key, "aria-label": `${series.title}, nAUC ${series.figure}; up and down change the line, left and right walk along it` });
    const d = pathOf(series.line);
    const line = drawn("path", { class: series.style ? "line" : `line ${series.key.split("/")[1]}`, d });
    if (series.style && series.style.dash) line.setAttribute("stroke-dasharray", series.style.dash);
    group.append(drawn("path", { class: "halo", d }), line);
    if (series.style && series.chosen) {
      group.append(drawn("path", { class: "point", d: series.style.shape, transform: `translate(${x(series.chosen[0])},${y(series.chosen[1])})` }));
    }
    let corner = series.line.length - 1;
    const read = () => show(series.title, series.line[corner], series.key);
    group.addEventListener("focus", read);
    group.addEventListener("blur", hideTooltip);
    group.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step === undefined && event.key !== "Home" && event.key !== "End") return;
      event.preventDefault();
      const end = series.line.length - 1;
      corner = event.key === "Home" ? 0 : event.key === "End" ? end : Math.min(end, Math.max(0, corner + step));
      read();
    });
    return group;
  }

  function goBetween(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const here = stops.indexOf(document.activeElement);
    if (step === undefined || here < 0) return;
    event.preventDefault();
    const there = stops[(here + step + stops.length) % stops.length];
    for (const stop of stops) stop.setAttribute("tabindex", stop === there ? "0" : "-1");
    there.focus({ preventScroll: true });
  }

  function drawModels() {
    const group = drawn("g", { class: "models" });
    const taken = [];
    const bottom = size.top + inner().height;
    for (const [title, cost, utility] of [...scope.plot.models].sort((a, b) => b[2] - a[2])) {
      const place = [x(cost), Math.min(bottom, Math.max(size.top, y(utility)))];
      const below = utility < scope.plot.bottom;
      const point = drawn("g", { class: "series", role: "img", "aria-label": `${title}, a single model: utility ${utility.toFixed(3)}, cost ${costText(cost)}` });
      point.append(drawn(below ? "path" : "circle", below
        ? { class: "model", d: "M-4,-6H4L0,0Z", transform: `translate(${place})` }
        : { class: "model", cx: place[0], cy: place[1], r: 3.6 }));
      point.addEventListener("focus", () => show(`${title} (single model)`, [cost, utility], null));
      point.addEventListener("blur", hideTooltip);
      stops.push(point);
      const wide = title.length * 6;
      const left = place[0] + 8 + wide > size.width - size.right ? place[0] - 8 - wide : place[0] + 8;
      const area = [left, place[1] + 4, left + wide, place[1] + 17];
      const free = area[3] < bottom && taken.every((other) => area[2] < other[0] || area[0] > other[2] || area[3] < other[1] || area[1] > other[3]);
      if (free && size.width > 520) {
        taken.push(area);
        point.append(drawn("text", { class: "model-name", x: left, y: place[1] + 14, "aria-hidden": "true" }, title));
      }
      group.append(point);
    }
    return group;
  }

  // The nearest line or single model to where the pointer is, within reach of a finger.
  function pointed(event) {
    const frame = canvas.querySelector("svg").getBoundingClientRect();
    const [px, py] = [event.clientX - frame.left, event.clientY - frame.top];
    const cost = costAt(Math.min(1, Math.max(0, (px - size.left) / inner().width)));
    let nearest = null;
    const offer = (distance, title, point, key) => {
      if (nearest === null || distance < nearest.distance) nearest = { distance, title, point, key };
    };
    for (const series of scope.plot.series) {
      if (!isShown(series.key) || !series.line.length) continue;
      const utility = utilityAt(series.line, cost);
      if (utility !== null) offer(Math.abs(y(utility) - py), series.title, [cost, utility], series.key);
    }
    if (isShown(MODELS)) {
      for (const [title, at, utility] of scope.plot.models) {
        offer(Math.hypot(x(at) - px, Math.min(size.top + inner().height, y(utility)) - py) - 6, `${title} (single model)`, [at, utility], null);
      }
    }
    if (nearest === null || nearest.distance > 60) hideTooltip();
    else show(nearest.title, nearest.point, nearest.key, event.type !== "pointermove");
  }

  function show(title, [cost, utility], key, aloud = true) {
    const svg = canvas.querySelector("svg");
    const [px, py] = [x(cost), Math.min(size.top + inner().height, Math.max(size.top, y(utility)))];
    tooltip.replaceChildren(element("strong", {}, element("bdi", {}, title)), element("span", {}, `utility ${utility.toFixed(3)}`), element("span", {}, `cost ${costText(cost)}`));
    tooltip.hidden = false;
    const room = canvas.clientWidth;
    tooltip.style.left = `${Math.max(0, Math.min(room - tooltip.offsetWidth, px + 12 + tooltip.offsetWidth > room ? px - tooltip.offsetWidth - 12 : px + 12))}px`;
    tooltip.style.top = `${Math.max(0, py - tooltip.offsetHeight - 12)}px`;
    const dot = svg.querySelector(".reading");
    dot.setAttribute("cx", px);
    dot.setAttribute("cy", py);
    dot.setAttribute("visibility", "visible");
    const cross = svg.querySelector(".cross");
    cross.setAttribute("x1", px);
    cross.setAttribute("x2", px);
    cross.setAttribute("visibility", "visible");
    svg.querySelectorAll("[data-key]").forEach((group) => group.classList.toggle("quiet", key !== null && group.dataset.key !== key));
    if (aloud) readout.textContent = `${title}: utility ${utility.toFixed(3)}, cost ${costText(cost)}`;
  }

  function hideTooltip() {
    tooltip.hidden = true;
    canvas.querySelectorAll(".reading, .cross").forEach((mark) => mark.setAttribute("visibility", "hidden"));
    canvas.querySelectorAll("[data-key]").forEach((group) => group.classList.remove("quiet"));
  }

  function startLegend() {
    if (!legend.children.length) return;
    const key = drawn("svg", { class: "key", viewBox: "0 0 34 12", width: 34, height: 12, "aria-hidden": "true" }, drawn("circle", { class: "model", cx: 17, cy: 6, r: 3.6 }));
    legend.append(element("li", { "data-series": MODELS }, element("span", { class: "entry" }, key, element("span", { class: "label" }, "Single models"))));
    for (const item of legend.children) {
      const content = item.firstElementChild;
      const button = element("button", { type: "button", class: "entry", "aria-pressed": "true" }, ...content.childNodes);
      content.replaceWith(button);
      button.addEventListener("click", () => {
        if (!hidden.delete(item.dataset.series)) hidden.add(item.dataset.series);
        showLegend();
        draw();
      });
    }
  }

  function showLegend() {
    for (const item of legend.children) {
      item.querySelector("button").setAttribute("aria-pressed", String(!hidden.has(item.dataset.series)));
      const series = scope.plot && scope.plot.series.find((found) => found.key === item.dataset.series);
      if (series) item.querySelector(".figure").textContent = series.figure;
    }
    const entries = [...legend.children].map((item) => item.dataset.series).filter((key) => key.startsWith("entry/"));
    const none = entries.every((key) => hidden.has(key));
    all.setAttribute("aria-pressed", String(none));
    all.textContent = none ? "Show all lines" : "Hide all lines";
  }

  all.addEventListener("click", () => {
    const entries = [...legend.children].map((item) => item.dataset.series).filter((key) => key.startsWith("entry/"));
    const none = entries.every((key) => hidden.has(key));
    for (const key of entries) none ? hidden.delete(key) : hidden.add(key);
    showLegend();
    draw();
  });

  for (const choice of box.querySelectorAll('[name="axis"]')) {
    choice.addEventListener("change", () => {
      logarithmic = choice.value === "log";
      draw();
    });
  }
  document.addEventListener("keydown", (event) => event.key === "Escape" && hideTooltip());

  function showScope(picked) {
    scope = picked;
    box.querySelector(".legend-box").hidden = !scope.plot;
    showLegend();
    draw();
  }

  startLegend();
  showScope(scope);
  let width = canvas.clientWidth;
  new ResizeObserver(() => {
    if (canvas.clientWidth === width) return;
    width = canvas.clientWidth;
    draw();
  }).observe(canvas);
  return {
    showScope,
    setFiltered(keys) {
      filtered = keys;
      draw();
    },
  };
}
