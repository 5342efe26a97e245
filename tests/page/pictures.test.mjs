// The pictures of docs/people.md, made of the real page. With JUNCTION_UPDATE_DOCS=1 they are written again; otherwise the page
// must still show what is in them.
//
// They are not compared byte by byte: times, ports and fingerprints differ each time, and another version of Chromium or of a font
// draws each letter otherwise. So what a picture shows is asked of the page when it is taken, and of the picture itself, new and
// kept, how large it is, and that it is no empty area.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { blameless, coloursOf, go, launch, open, settled } from "./browser.mjs";
import { Junction } from "./processes.mjs";
import { newRepository } from "./world.mjs";

const FOLDER = resolve(fileURLToPath(import.meta.url), "../../../docs/pictures");
const SIZE = { width: 1280, height: 720 };
/** Letters alone, with their smooth edges, give some hundred colours; an empty page has fewer than ten. */
const FEWEST_COLOURS = 100;
const SESSIONS = [
  ["calm-otter", { role: "lead", task: "Plans the checkout rework", repo: "shop" }],
  ["brisk-heron", { role: "reviewer", task: "Reviews the payment client", repo: "shop" }],
  ["quiet-lynx", { role: "tester", task: "Writes tests for refunds", repo: "shop" }],
  ["amber-finch", { role: "backend", task: "Moves orders to the new API", repo: "api" }],
  ["swift-ibis", { task: "Upgrades the build machines", repo: "infra" }],
];

test("the pictures of the docs show the page as it is", { timeout: 120_000 }, async () => {
  const [browser, junction] = await Promise.all([launch(), Junction.start()]);
  const { link } = await junction.page();
  const folder = newRepository(junction, "shop");
  const agents = {};
  for (const [alias, about] of SESSIONS) agents[alias] = await junction.agent(alias, about, folder);
  const opened = await open(browser, link, { viewport: SIZE, colorScheme: "light", deviceScaleFactor: 2 });
  const { page } = opened;
  const pictures = {};
  /** Takes a picture on which all of these texts can be read. */
  const take = async (name, ...texts) => {
    await settled(page);
    const { width, height } = SIZE;
    for (const text of texts) {
      const box = await page.locator("#view").getByText(text).filter({ visible: true }).first().boundingBox();
      assert.ok(box && box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height, `${name} shows "${text}"`);
    }
    pictures[name] = await page.screenshot({ animations: "disabled" });
  };

  await page.getByRole("row", { name: /swift-ibis/ }).waitFor();
  await page.getByRole("button", { name: /quiet-lynx/ }).click();
  await page.getByRole("menuitem", { name: /1 hour/ }).click();
  await page.getByRole("row", { name: /quiet-lynx/ }).getByText(/held/).first().waitFor();
  await page.locator("#said").evaluate((toast) => (toast.textContent = ""));
  await take("who", ...SESSIONS.flatMap(([alias, { task }]) => [alias, task]), "messages wait, and nothing wakes it", "held, ");

  await go(page, "flow");
  await page.getByRole("button", { name: "Graph" }).click();
  await page.locator("#flow-by").selectOption("repo");
  await settled(page);
  const pairs = [["calm-otter", "brisk-heron"], ["quiet-lynx", "calm-otter"], ["amber-finch", "calm-otter"], ["swift-ibis", "amber-finch"], ["brisk-heron", "quiet-lynx"]];
  await Promise.all(pairs.map(([from, to]) => agents[from].send(to, "about the rework")));
  await page.waitForFunction(async () => (await import("/app.js")).store.flowTotal >= 5);
  await take("graph", "Graph", "Group by", "busy", "recent messages", "6 sessions");

  await page.emulateMedia({ colorScheme: "dark" });
  await agents["calm-otter"].send("kim", "You told me to ask you here. May I drop the column `orders.legacy_id`?\n\n- nothing in *shop* or *api* reads it\n- the last query that did ran 41 days ago\n\n```sql\nalter table orders drop column legacy_id;\n```", { intent: "request" });
  await go(page, "talk/calm-otter");
  await page.locator("#letters-list", { hasText: "legacy_id" }).waitFor();
  await page.locator("#said").evaluate((toast) => (toast.textContent = ""));
  await take("messages-dark", "calm-otter", "Requests to you", "asks you for an answer", "the last query that did ran 41 days ago", "alter table orders");

  mkdirSync(FOLDER, { recursive: true });
  for (const [name, picture] of Object.entries(pictures)) {
    const path = join(FOLDER, `${name}.png`);
    if (process.env.JUNCTION_UPDATE_DOCS) writeFileSync(path, picture);
    // Width and height stand in the header of a PNG.
    const size = (png) => [png.readUInt32BE(16), png.readUInt32BE(20)];
    assert.deepEqual(size(readFileSync(path)), size(picture), `Renew it with JUNCTION_UPDATE_DOCS=1: ${path}`);
    for (const shown of [picture, readFileSync(path)]) {
      const colours = await coloursOf(page, shown);
      assert.ok(colours.size >= FEWEST_COLOURS, `${name} has ${colours.size} colours`);
    }
  }
  await blameless(opened);
  await browser.close();
  await junction.stop();
});
