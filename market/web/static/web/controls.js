// The buttons above the chart that change how it looks, not what it shows.

import { byId, make, say } from "./dom.js";
import { INTERVALS } from "./intervals.js";
import { PANES } from "./indicators.js";
import { notice } from "./notices.js";
import { recall, remember } from "./preferences.js";
import { colour, toggleTheme } from "./theme.js";

const MENU_WIDTH = 230;

export class Controls {
  /**
   * @param {import("klinecharts").Chart} chart
   * @param {import("./chart.js").Panes} panes
   * @param {{ choose: (interval: string) => void, name: () => string }} page  `name`: what a picture is called
   */
  constructor(chart, panes, { choose, name }) {
    this.chart = chart;
    this.name = name;
    for (const interval of INTERVALS) {
      const onclick = () => choose(interval.name);
      const attributes = { type: "button", "aria-pressed": "false", title: interval.title, onclick };
      byId("intervals").append(make("button", attributes, interval.name));
    }
    this.#menu(panes);
    byId("theme").addEventListener("click", toggleTheme);
    byId("screenshot").addEventListener("click", () => this.savePicture());
    byId("full-screen").addEventListener("click", () => this.toggleFullScreen());
    byId("timezone").addEventListener("click", () => this.#setTimezone(!recall("local-time", false)));
    this.#setTimezone(recall("local-time", false));
    byId("to-end").addEventListener("click", () => chart.scrollToRealTime(200));
    chart.subscribeAction("onVisibleRangeChange", () => {
      byId("to-end").hidden = chart.getVisibleRange().realTo >= chart.getDataList().length;
    });
  }

  /** Mark the timeframe that is shown. @param {string} name */
  mark(name) {
    for (const button of byId("intervals").children) {
      button.setAttribute("aria-pressed", String(button.textContent === name));
    }
  }

  toggleFullScreen() {
    if (document.fullscreenElement) void document.exitFullscreen();
    else document.documentElement.requestFullscreen().catch(() => notice("This browser does not allow full screen."));
  }

  savePicture() {
    const moment = new Date().toISOString().slice(0, 16).replace(/[T:]/g, "-");
    const href = this.chart.getConvertPictureUrl(true, "png", colour("ground"));
    make("a", { href, download: `${this.name()}-${moment}.png` }).click();
  }

  /** @param {import("./chart.js").Panes} panes */
  #menu(panes) {
    const menu = byId("panes-menu");
    for (const pane of PANES) {
      const box = make("input", { type: "checkbox", checked: panes.shown.includes(pane.name) });
      box.addEventListener("change", () => panes.toggle(pane.name));
      menu.append(make("label", {}, box, pane.title));
    }
    menu.addEventListener("beforetoggle", () => {
      const { left, bottom } = byId("panes-button").getBoundingClientRect();
      menu.style.left = `${Math.max(4, Math.min(left, innerWidth - MENU_WIDTH))}px`;
      menu.style.top = `${bottom + 4}px`;
    });
  }

  /** @param {boolean} isLocal */
  #setTimezone(isLocal) {
    remember("local-time", isLocal);
    this.chart.setTimezone(isLocal ? Intl.DateTimeFormat().resolvedOptions().timeZone : "Etc/UTC");
    say(byId("timezone"), isLocal ? "Local" : "UTC");
  }
}
