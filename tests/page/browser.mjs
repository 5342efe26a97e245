// A real browser, and the page in it. Whatever the page must never do is noticed here, in every test.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Milliseconds of processor time that a task of the page's main thread may take. */
const LONGEST_TASK = 50;

export function launch() {
  assert.ok(CHROMIUM, "Chromium is not installed. Install Debian's package chromium.");
  return chromium.launch({ executablePath: CHROMIUM, args: ARGS });
}

/** Opens a link in a context of its own, and watches over it. */
export async function open(browser, link, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  const faults = await watch(page);
  await page.goto(link);
  await page.locator("#hub-dot.on").waitFor();
  return { context, page, faults };
}

/** Notes what the page must never do. */
export async function watch(page) {
  const faults = [];
  const own = () => new URL(page.url()).host;
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // What the server refuses with a sentence, the browser notes as well.
    const isRefusal = /status of 4\d\d/.test(message.text()) && message.location().url.includes("/do/");
    if (["error", "warning"].includes(message.type()) && !isRefusal) faults.push(`console: ${message.text()}`);
  });
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol !== "blob:" && page.url().startsWith("http") && host !== own()) faults.push(`request: ${request.url()}`);
  });
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  return faults;
}

/** Fails if the page did what it must never do. */
export async function blameless({ page, faults }) {
  assert.deepEqual(await page.evaluate(() => window.violations), []);
  assert.deepEqual(faults, []);
}

/**
 * Does something in a browser, and fails if a task of a page's main thread took too long meanwhile. Its processor time counts:
 * other programs on the machine make a task last longer, and take none of that.
 * @returns {Promise<number>} milliseconds that the longest task took
 */
export async function brisk(browser, use) {
  await browser.startTracing(undefined, { categories: ["toplevel", "blink.user_timing"] });
  let events;
  try {
    await use();
    // The browser has pages of its own, and tells of their tasks, too.
    for (const page of browser.contexts().flatMap((context) => context.pages())) await page.evaluate(() => performance.mark("page"));
  } finally {
    events = JSON.parse(String(await browser.stopTracing())).traceEvents;
  }
  const threadOf = ({ pid, tid }) => `${pid} ${tid}`;
  const threads = new Set(events.filter(({ cat, name }) => cat === "blink.user_timing" && name === "page").map(threadOf));
  const tasks = events.filter((event) => event.name.endsWith("RunTask") && threads.has(threadOf(event)));
  const took = tasks.map(({ tdur }) => Math.round(tdur / 1000));
  assert.ok(took.length > 0, "the browser told of no task");
  assert.deepEqual(took.filter((task) => task > LONGEST_TASK), [], "milliseconds of tasks that took too long");
  return Math.max(...took);
}

/** Goes to a section of the page. */
export async function go(page, section) {
  await page.evaluate((name) => (location.hash = `#${name}`), section);
  await page.locator(`#page-${section.split("/")[0]}`).waitFor();
}

/** What axe finds, by the rules of WCAG 2.2 AA and its own best practices. */
export async function axe(page) {
  // What fades in has less contrast on its way.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)));
  // By the debugger: the page's own policy lets no such script in.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ").slice(0, 300)}`);
}

/** Waits until the page has rendered all that it was asked to. */
export function settled(page) {
  return page.evaluate(async () => (await import("/work.js")).settled());
}

/** Goes from one unread letter of the conversation that is open to the next, and stays at each until it is read. */
export async function readAll(page) {
  for (;;) {
    await page.waitForFunction(() => {
      const room = document.getElementById("letters").getBoundingClientRect();
      return ![...document.querySelectorAll("#letters-list > .unread .letter-box")].some((box) => {
        const { top, bottom } = box.getBoundingClientRect();
        return Math.min(bottom, room.bottom) - Math.max(top, room.top) >= Math.min(40, bottom - top);
      });
    });
    const isRead = await page.evaluate(() => {
      const unread = document.querySelector("#letters-list > .unread");
      unread?.scrollIntoView({ block: "start" });
      return unread === null;
    });
    if (isRead) return;
    await page.evaluate(() => new Promise(requestAnimationFrame));
    await settled(page);
  }
}

/** The colours in a picture, which is a PNG, as texts such as `255,255,255`: those of every third pixel. */
export async function coloursOf(page, png) {
  const found = await page.evaluate(async (data) => {
    const image = await createImageBitmap(new Blob([Uint8Array.from(atob(data), (character) => character.charCodeAt(0))]));
    const pen = new OffscreenCanvas(image.width, image.height).getContext("2d");
    pen.drawImage(image, 0, 0);
    const { data: all } = pen.getImageData(0, 0, image.width, image.height);
    const colours = new Set();
    for (let at = 0; at < all.length; at += 12) colours.add(`${all[at]},${all[at + 1]},${all[at + 2]}`);
    return [...colours];
  }, png.toString("base64"));
  return new Set(found);
}
