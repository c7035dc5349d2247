// Runs before the first paint, so that a page never flashes in the wrong colours. Everything else is in modules.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("klineproject.theme");
  } catch {
    // Storage may be forbidden; the system's wish is as good.
  }
  const theme = chosen === "light" || chosen === "dark"
    ? chosen
    : matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
})();
