// Brings the parts of a page together: theme, pickers, table and plot.
const themeButton = document.getElementById("theme");
const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const kept = document.documentElement.dataset.theme;
  return kept ? kept === "dark" : prefersDark.matches;
}

function showTheme() {
  themeButton.setAttribute("aria-pressed", String(isDark()));
  themeButton.setAttribute("aria-label", "Dark colours");
}

themeButton.addEventListener("click", () => {
  const next = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    window.localStorage.setItem("mmr-theme", next);
  } catch {
    // Without storage the choice holds for this page only.
  }
  showTheme();
});
prefersDark.addEventListener("change", showTheme);
showTheme();

const plotBox = document.querySelector("[data-plot]");
const plot = plotBox ? startPlot(plotBox) : null;
const table = document.getElementById("board")
  ? startTable(document.getElementById("status"), (hiddenRows) => plot && plot.setFiltered(hiddenRows))
  : null;

const pickers = [...document.querySelectorAll("select[data-scope]")];

function pick(key) {
  const scope = scopeOf(key);
  for (const picker of pickers) picker.value = key;
  if (table) table.showScope(scope);
  if (plot) plot.showScope(scope);
}

for (const picker of pickers) {
  picker.value = data.scopes[0].key; // browsers remember what was picked, the figures do not
  picker.addEventListener("change", () => pick(picker.value));
}
if (plotBox) plotBox.addEventListener("pick", (event) => pick(event.detail));
if (table) {
  document.getElementById("reset").addEventListener("click", () => {
    pick(data.scopes[0].key);
    table.reset();
  });
}
