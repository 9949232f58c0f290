// The big table: figures of the picked scope, sorting, filters. Ranked, unranked and reference rows keep their parts.
function startTable(status, changed) {
  const table = document.getElementById("board");
  const heads = [...table.querySelectorAll(".heads th")];
  const rows = [...table.querySelectorAll("tr[data-row]")];
  const entries = rows.filter((row) => row.dataset.row.startsWith("entry/"));
  const original = new Map(rows.map((row, place) => [row, place]));
  const track = document.getElementById("track");
  const tier = document.getElementById("tier");
  const search = document.getElementById("search");
  const sortPicker = document.getElementById("sort");
  let sorting = { column: "rank", direction: "ascending" };

  const cellOf = (row, column) => row.querySelector(`[data-column="${column}"]`);

  function valueOf(row, column) {
    const text = cellOf(row, column).dataset.value;
    if (column === "name") return text;
    return text === "" ? null : Number(text);
  }

  function sort() {
    const { column, direction } = sorting;
    const sign = direction === "ascending" ? 1 : -1;
    for (const body of table.tBodies) {
      const inside = rows.filter((row) => row.parentNode === body);
      inside.sort((a, b) => {
        const [x, y] = [valueOf(a, column), valueOf(b, column)];
        const tie = original.get(a) - original.get(b);
        if (x === null || y === null) return (x === null) - (y === null) || tie;
        if (column === "name") return sign * x.localeCompare(y) || tie;
        return x === y ? tie : sign * (x < y ? -1 : 1);
      });
      body.append(...inside);
    }
    for (const head of heads) {
      if (head.dataset.column === column) head.setAttribute("aria-sort", direction);
      else head.removeAttribute("aria-sort");
    }
    sortPicker.value = `${column} ${direction}`;
  }

  function sortBy(column, direction) {
    sorting = { column, direction };
    sort();
    const title = heads.find((head) => head.dataset.column === column).textContent.trim();
    say(`Sorted by ${title}, ${direction}.`);
  }

  for (const head of heads) {
    const title = head.textContent.trim();
    const button = element("button", { type: "button" }, title);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const { column, first } = head.dataset;
      const other = first === "ascending" ? "descending" : "ascending";
      sortBy(column, sorting.column === column && sorting.direction === first ? other : first);
    });
    for (const direction of ["ascending", "descending"]) {
      const arrow = direction === "ascending" ? "↑" : "↓";
      sortPicker.append(element("option", { value: `${head.dataset.column} ${direction}` }, `${title} ${arrow}`));
    }
  }
  sortPicker.addEventListener("change", () => sortBy(...sortPicker.value.split(" ")));

  function say(more = "") {
    const shown = entries.filter((row) => !row.hidden).length;
    status.textContent = `${shown} of ${entries.length} entries shown. ${more}`.trim();
  }

  function filter() {
    const words = search.value.toLocaleLowerCase("en").split(/\s+/).filter(Boolean);
    for (const row of entries) {
      const text = row.querySelector("th").textContent.toLocaleLowerCase("en") + " " + row.dataset.row;
      row.hidden =
        (track.value !== "" && row.dataset.track !== track.value) ||
        (tier.value !== "" && row.dataset.tier !== tier.value) ||
        !words.every((word) => text.includes(word));
    }
    say();
    changed(new Set(entries.filter((row) => row.hidden).map((row) => row.dataset.row)));
  }

  for (const control of [track, tier]) control.addEventListener("change", filter);
  search.addEventListener("input", filter);
  const form = document.getElementById("controls");
  form.addEventListener("submit", (event) => event.preventDefault());

  function showScope(scope) {
    for (const row of rows) {
      const figures = data.figures[row.dataset.row][scope.key];
      data.metrics.forEach((metric, place) => {
        const cell = cellOf(row, metric);
        const [value, text, interval] = figures[place];
        cell.dataset.value = value === null ? "" : String(value);
        cell.classList.toggle("empty", value === null);
        cell.replaceChildren();
        if (metric === "nauc" && value !== null) cell.append(intervalBar(figures[place], scope.bars));
        cell.append(element("span", { class: "figure" }, text));
        if (interval) cell.append(element("span", { class: "interval" }, interval));
      });
    }
    table.querySelector("[data-scope-title]").textContent = `On ${scope.title}`;
    sort();
    say(`Figures on ${scope.title}, ${scope.test.toLocaleString("en")} test instances.`);
  }

  function reset() {
    track.value = tier.value = search.value = "";
    filter();
    sortBy("rank", "ascending");
  }

  sort();
  say();
  return { showScope, reset };
}
