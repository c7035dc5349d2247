/* Keeps the cells of open jobs as the server sees them, and asks before a button that says so. */
"use strict";

(() => {
  const EVERY_MS = 2000;

  const address = () => document.querySelector('meta[name="desk-progress"]')?.content;
  const openCells = () => [...document.querySelectorAll("[data-job][data-open]")];

  const show = (id, html) => {
    for (const cell of document.querySelectorAll(`[data-job="${CSS.escape(id)}"]`)) {
      cell.outerHTML = html;
    }
    if (document.querySelector(`[data-job="${CSS.escape(id)}"][data-open]`) === null) {
      document.querySelectorAll(`[data-while-open="${CSS.escape(id)}"]`).forEach((element) => element.remove());
    }
  };

  const refresh = async () => {
    const ids = [...new Set(openCells().map((cell) => cell.dataset.job))];
    if (ids.length === 0) {
      return;
    }
    if (!document.hidden) {
      try {
        const query = new URLSearchParams(ids.map((id) => ["id", id]));
        const reply = await fetch(`${address()}?${query}`, { headers: { Accept: "application/json" } });
        if (reply.ok) {
          // Made by the server, which escapes what it puts in.
          Object.entries(await reply.json()).forEach(([id, html]) => show(id, html));
        }
      } catch {
        // Away for a moment: the next turn asks again.
      }
    }
    setTimeout(refresh, EVERY_MS);
  };

  const start = () => {
    document.querySelectorAll("button[data-confirm]").forEach((button) =>
      button.addEventListener("click", (event) => {
        if (!window.confirm(button.dataset.confirm)) {
          event.preventDefault();
        }
      }),
    );
    if (address() && openCells().length > 0) {
      setTimeout(refresh, EVERY_MS);
    }
  };

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
