// The pictures of docs/people.md, made of the real page. With JUNCTION_UPDATE_DOCS=1 they are written again; otherwise the page
// must still be able to give them.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { blameless, go, launch, open, settled } from "./browser.mjs";
import { Junction } from "./processes.mjs";

const FOLDER = resolve(fileURLToPath(import.meta.url), "../../../docs/pictures");
const SIZE = { width: 1280, height: 720 };
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
  const folder = join(junction.home, "shop");
  mkdirSync(folder);
  execFileSync("git", ["init", "-q", "-b", "main", folder]);
  const agents = {};
  for (const [alias, about] of SESSIONS) agents[alias] = await junction.agent(alias, about, folder);
  const opened = await open(browser, link, { viewport: SIZE, colorScheme: "light", deviceScaleFactor: 2 });
  const { page } = opened;
  const pictures = {};
  const take = async (name) => {
    await settled(page);
    pictures[name] = await page.screenshot({ animations: "disabled" });
  };

  await page.getByRole("row", { name: /swift-ibis/ }).waitFor();
  await page.getByRole("button", { name: /quiet-lynx/ }).click();
  await page.getByRole("menuitem", { name: /1 hour/ }).click();
  await page.getByRole("row", { name: /quiet-lynx/ }).getByText(/held/).first().waitFor();
  await page.locator("#said").evaluate((toast) => (toast.textContent = ""));
  await take("who");

  await go(page, "flow");
  await page.getByRole("button", { name: "Graph" }).click();
  await page.locator("#flow-by").selectOption("repo");
  await settled(page);
  const pairs = [["calm-otter", "brisk-heron"], ["quiet-lynx", "calm-otter"], ["amber-finch", "calm-otter"], ["swift-ibis", "amber-finch"], ["brisk-heron", "quiet-lynx"]];
  await Promise.all(pairs.map(([from, to]) => agents[from].send(to, "about the rework")));
  await take("graph");

  await page.emulateMedia({ colorScheme: "dark" });
  await agents["calm-otter"].send("kim", "You told me to ask you here. May I drop the column `orders.legacy_id`?\n\n- nothing in *shop* or *api* reads it\n- the last query that did ran 41 days ago\n\n```sql\nalter table orders drop column legacy_id;\n```", { intent: "request" });
  await go(page, "talk/calm-otter");
  await page.locator("#letters-list", { hasText: "legacy_id" }).waitFor();
  await page.locator("#said").evaluate((toast) => (toast.textContent = ""));
  await take("messages-dark");

  await blameless(opened);
  await browser.close();
  await junction.stop();
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, picture] of Object.entries(pictures)) {
    const path = join(FOLDER, `${name}.png`);
    if (process.env.JUNCTION_UPDATE_DOCS) writeFileSync(path, picture);
    // Width and height stand in the header of a PNG.
    const size = (png) => [png.readUInt32BE(16), png.readUInt32BE(20)];
    assert.deepEqual(size(readFileSync(path)), size(picture), `Renew it with JUNCTION_UPDATE_DOCS=1: ${path}`);
    assert.ok(picture.length > 20_000, `${name} shows something`);
  }
});
