// The page with all sessions of a large hub, which `tests/it/page/crowd.rs` starts: used while messages come, until the
// input ends. Fails if a task of its main thread took too long.

import { once } from "node:events";
import { blameless, brisk, go, launch, open, settled } from "./browser.mjs";

const browser = await launch();
let opened, figures;
const longest = await brisk(browser, async () => {
  opened = await open(browser, process.argv[2]);
  const { page } = opened;
  await page.locator("#count-who", { hasText: /5,?000|5,?001/ }).waitFor({ timeout: 60_000 });
  await settled(page);
  console.log("ready");
  await useUntilTheEnd(page);
  figures = await page.evaluate(() => ({
    sessions: document.getElementById("count-who").textContent,
    nodes: document.getElementsByTagName("*").length,
    heap: performance.memory?.usedJSHeapSize,
  }));
});
await blameless(opened);
await browser.close();
console.log(JSON.stringify({ longest, ...figures }));
process.exit(0);

async function useUntilTheEnd(page) {
  let isOver = false;
  process.stdin.resume();
  once(process.stdin, "end").then(() => (isOver = true));
  const ways = [
    async () => {
      await go(page, "who");
      await page.locator("#who-search").fill("role:reviewer shop-1");
      await settled(page);
      await page.locator("#who-search").fill("");
    },
    async () => {
      await go(page, "flow");
      await page.getByRole("button", { name: "Graph" }).click();
      await settled(page);
    },
    async () => {
      await page.getByRole("button", { name: "List" }).click();
      await page.locator("#flow-search").fill("session-1");
      await settled(page);
      await page.locator("#flow-search").fill("");
    },
    async () => {
      await go(page, "who");
      await page.locator("#who-more").click();
    },
    () => go(page, "talk/"),
  ];
  for (let turn = 0; !isOver; turn++) {
    await ways[turn % ways.length]();
    await settled(page);
  }
}
