// The page's data, and small pieces of the document made from it. Text goes in as text, never as markup.
const data = JSON.parse(document.getElementById("page-data").textContent);
const scopeOf = (key) => data.scopes.find((scope) => scope.key === key);
const SVG = "http://www.w3.org/2000/svg";

function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function significant(value) {
  if (value === 0) return "0";
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

const costText = (cost) => `${significant(cost * data.unit.queries)} ${data.unit.title}`;

// The interval bar of one cell, as the page's own template draws it.
function intervalBar([value, , , low, high], scale) {
  const at = (x) => (4 + 96 * Math.min(1, Math.max(0, (x - scale.low) / (scale.high - scale.low)))).toFixed(1);
  const bar = drawn("svg", { class: "bar", viewBox: "0 0 104 14", width: 104, height: 14, "aria-hidden": "true", focusable: "false" });
  if (scale.mark !== null) bar.append(drawn("line", { class: "mark", x1: at(scale.mark), x2: at(scale.mark), y1: 0, y2: 14 }));
  bar.append(drawn("line", { class: "rail", x1: 4, x2: 100, y1: 7, y2: 7 }));
  if (low !== null && high !== null) bar.append(drawn("line", { class: "range", x1: at(low), x2: at(high), y1: 7, y2: 7 }));
  if (value > scale.high) bar.append(drawn("path", { class: "beyond", d: "M96,3L103,7L96,11Z" }));
  else if (value < scale.low) bar.append(drawn("path", { class: "beyond", d: "M8,3L1,7L8,11Z" }));
  else bar.append(drawn("circle", { class: "dot", cx: at(value), cy: 7, r: 3.2 }));
  return bar;
}
