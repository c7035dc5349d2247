// The data page: what is stored of a symbol, which gaps there are, and the work that mends them.

import { ApiError, data } from "./api.js";
import { Calendar } from "./calendar.js";
import { byId, make, say } from "./dom.js";
import { Jobs } from "./jobs.js";
import { loginAddress, readSession } from "./session.js";
import { toggleTheme } from "./theme.js";

/** @typedef {import("./calendar.js").Day} Day */

const EVERY_MS = 10_000;
/** What each state of a day means, in the order of the legend. */
const STATES = /** @type {const} */ ({
  archive: "archive, with its checksum",
  rest: "REST",
  live: "live stream",
  growing: "today, complete so far",
  conflict: "sources differed",
  partial: "some minutes missing",
  missing: "all missing",
  empty: "no source has any",
});
/** @type {Record<string, string>} */
const SOURCES = { live: "live stream", monthly: "monthly file", rest: "REST", daily: "daily file" };

/** @type {{ symbol: string, files: string[], days: Day[] }} */
let shown = { symbol: "", files: [], days: [] };
let drawn = "";
/** What is shown where the address names none. */
let first = "";

const picker = /** @type {HTMLSelectElement} */ (byId("symbol"));
const hint = [...byId("detail").childNodes];
const calendar = new Calendar(byId("calendar"), tellDay);
const jobs = new Jobs(() => void show());

byId("theme").addEventListener("click", toggleTheme);
picker.addEventListener("change", () => choose(picker.value, true));
addEventListener("popstate", () => choose(wanted() || first, false));

void start();

async function start() {
  try {
    const [names, session] = await Promise.all([data("/api/symbols"), readSession()]);
    const asked = wanted();
    // One that is not tracked any more can still be looked at.
    const all = asked !== "" && !names.includes(asked) ? [asked, ...names] : names;
    picker.replaceChildren(...all.map((/** @type {string} */ name) => make("option", {}, name)));
    jobs.allow(session.may_write);
    if (all.length === 0) return complain("no symbol is tracked yet: add one on the chart page");
    first = all[0];
    choose(asked || first, false);
  } catch (error) {
    complain(reason(error));
    if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
      // To ask again would not help.
      byId("problem").append(" ", make("a", { href: loginAddress() }, "Log in"));
      return;
    }
    setTimeout(start, EVERY_MS);
    return;
  }
  setInterval(() => !document.hidden && void show(), EVERY_MS);
}

function wanted() {
  return (new URLSearchParams(location.search).get("symbol") ?? "").trim().toUpperCase();
}

/**
 * @param {string} symbol
 * @param {boolean} isNew  whether the address has to follow
 */
function choose(symbol, isNew) {
  if (symbol === "") return;
  picker.value = symbol;
  document.title = `${symbol} · data`;
  say(byId("name"), symbol);
  byId("to-chart").setAttribute("href", `/?symbol=${encodeURIComponent(symbol)}`);
  if (isNew) history.pushState(null, "", `?symbol=${encodeURIComponent(symbol)}`);
  byId("log-in").setAttribute("href", loginAddress());
  clear();
  jobs.follow(symbol);
  void show();
}

async function show() {
  const symbol = picker.value;
  try {
    const found = await data(`/api/coverage/${encodeURIComponent(symbol)}`);
    if (symbol !== picker.value) return;
    byId("problem").hidden = true;
    const text = JSON.stringify(found);
    if (text !== drawn) draw(found);
    drawn = text;
  } catch (error) {
    if (symbol === picker.value) complain(reason(error));
  }
}

/** Of another symbol nothing is left: under this one's name it would be a lie. */
function clear() {
  drawn = "";
  shown = { symbol: "", files: [], days: [] };
  calendar.forget();
  byId("empty").hidden = byId("problem").hidden = true;
  for (const id of ["totals", "legend", "calendar", "holes"]) byId(id).replaceChildren();
  byId("detail").replaceChildren(...hint);
}

/** @param {any} found */
function draw(found) {
  const { totals, holes } = found;
  const days = found.days.map((/** @type {Day} */ day) => ({ ...day, state: stateOf(day) }));
  shown = { ...found, days };
  byId("totals").replaceChildren(
    fact("history", `${percent(found)} %`),
    fact("minutes", `${count(totals.rows)} of ${count(totals.expected)}`),
    fact("first day", totals.first_day ?? "–"),
    fact("last day", totals.last_day ?? "–"),
    fact("in conflict", count(totals.conflicts)),
  );
  showLegend(days);
  byId("empty").hidden = days.length > 0;
  calendar.show(days, (day) => `${day.day}: ${meaning(day)}, ${day.rows} of ${day.expected} minutes`);
  showHoles(holes);
}

/**
 * As /api/status has it: of the wanted days that are over, how many have every minute that a source has. Of a symbol
 * that is not tracked, the days that the ledger knows count as wanted.
 * @param {{ wanted_from: number | null, days: Day[] }} found
 */
function percent({ wanted_from: from, days }) {
  const first = new Date(from ?? 0).toISOString().slice(0, 10);
  const today = new Date().toISOString().slice(0, 10);
  const over = days.filter(({ day }) => first <= day && day < today);
  if (over.length === 0) return days.every(({ rows, expected }) => rows > 0 || expected === 0) ? 100 : 0;
  const done = over.filter(({ rows, expected, is_settled: isSettled }) => isSettled || rows >= expected);
  return Math.floor((done.length * 10_000) / over.length) / 100;
}

/** @param {Day[]} days */
function showLegend(days) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { state } of days) counts.set(state, (counts.get(state) ?? 0) + 1);
  byId("legend").replaceChildren(
    ...Object.entries(STATES).map(([state, meaning]) =>
      make(
        "li",
        { class: counts.has(state) ? "" : "quiet" },
        make("span", { class: "swatch", "data-state": state }),
        `${meaning}: ${count(counts.get(state) ?? 0)}`,
      ),
    ),
  );
}

/** @param {{ first_day: string, last_day: string, minutes: number, is_settled: boolean }[]} holes */
function showHoles(holes) {
  const place = byId("holes");
  if (holes.length === 0) {
    place.replaceChildren(make("p", { class: "quiet" }, "None is known."));
    return;
  }
  const rows = holes.map((hole) =>
    make(
      "tr",
      {},
      make("td", {}, hole.first_day === hole.last_day ? hole.first_day : `${hole.first_day} – ${hole.last_day}`),
      make("td", { class: "number" }, count(hole.minutes)),
      make("td", {}, hole.is_settled ? "no source has them" : "still to be loaded"),
    ),
  );
  const heads = ["Days", "Minutes missing", ""].map((text) => make("th", { scope: "col" }, text));
  place.replaceChildren(make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows)));
}

/** @param {string} name */
function tellDay(name) {
  const day = shown.days.find((one) => one.day === name);
  if (day === undefined) return;
  const sources = Object.entries(day.sources).map(([source, rows]) => `${SOURCES[source] ?? source} ${count(rows)}`);
  const lines = [
    `${meaning(day)} · ${count(day.rows)} of ${count(day.expected)} minutes` +
      (sources.length > 0 ? ` · ${sources.join(", ")}` : "") +
      (day.conflicts > 0 ? ` · ${count(day.conflicts)} in conflict` : ""),
    day.file === null ? "" : shown.files[day.file],
    day.note,
  ];
  byId("detail").replaceChildren(make("strong", {}, day.day), ` ${lines.filter(Boolean).join("\n")}`);
}

/**
 * The ledger calls a day partial until it is over, also one that has every minute so far.
 * @param {Day} day
 */
function stateOf(day) {
  return day.state === "partial" && day.rows >= day.expected ? "growing" : day.state;
}

/** @param {Day} day */
function meaning(day) {
  return STATES[/** @type {keyof typeof STATES} */ (day.state)] ?? day.state;
}

/**
 * @param {string} term
 * @param {string} value
 */
function fact(term, value) {
  return make("div", {}, make("dt", {}, term), make("dd", {}, value));
}

/** @param {number} number */
function count(number) {
  return number.toLocaleString("en-US");
}

/** @param {string} text */
function complain(text) {
  byId("problem").hidden = false;
  say(byId("problem"), text);
}

/** @param {unknown} error */
function reason(error) {
  if (error instanceof ApiError) return error.message;
  throw error;
}
