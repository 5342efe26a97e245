// The page in a browser that nobody closes, which `tests/it/page/crowd.rs` starts. For each number on its input it waits until
// the page has been told of so many messages in all, and prints the bytes that the page's scripts hold then.

import { createInterface } from "node:readline";
import { blameless, go, launch, open, settled } from "./browser.mjs";

const browser = await launch();
const opened = await open(browser, process.argv[2]);
const { page, context } = opened;
await go(page, "flow");
await page.getByRole("button", { name: "Graph" }).click();
await settled(page);
const debug = await context.newCDPSession(page);
console.log("ready");

for await (const line of createInterface({ input: process.stdin })) {
  await page.waitForFunction(async (count) => (await import("/app.js")).store.flowTotal >= count, Number(line), { timeout: 60_000 });
  await settled(page);
  await debug.send("HeapProfiler.collectGarbage");
  const { usedSize } = await debug.send("Runtime.getHeapUsage");
  const { nodes } = await debug.send("Memory.getDOMCounters");
  console.log(JSON.stringify({ heap: usedSize, nodes }));
}
await blameless(opened);
await browser.close();
