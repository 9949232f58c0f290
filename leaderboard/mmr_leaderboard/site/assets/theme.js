(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.replace("no-js", "js");
  try {
    const kept = window.localStorage.getItem("mmr-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch {
    // A browser may refuse storage to pages from a folder; then the system's preference holds.
  }
})();
