// What each test of the page begins with: a hub, two agents, and the page in a browser. Set up before each test, and taken
// down behind it.

import { after, afterEach, before, beforeEach } from "node:test";
import { blameless, go, launch, open } from "./browser.mjs";
import { Junction } from "./processes.mjs";

/** Sets the hooks of a suite, and returns what they fill: `browser`, `junction`, `opened` with its `page`, `alice` and `bob`. */
export function eachTestHasAPage() {
  const world = {};
  before(async () => (world.browser = await launch()));
  after(() => world.browser?.close());
  beforeEach(async () => {
    world.junction = await Junction.start();
    const { link } = await world.junction.page();
    world.opened = await open(world.browser, link);
    world.page = world.opened.page;
    [world.alice, world.bob] = await Promise.all([
      world.junction.agent("alice", { role: "lead", task: "plans the release", repo: "shop" }),
      world.junction.agent("bob", { role: "reviewer", task: "reviews the cart", repo: "shop" }),
    ]);
    await world.page.getByRole("row", { name: /bob/ }).waitFor();
  });
  afterEach(async () => {
    await blameless(world.opened);
    await world.opened.context.close();
    await world.junction.stop();
  });
  return world;
}

/** Opens the conversation with this session. */
export async function talkTo(page, name) {
  await go(page, `talk/${name}`);
  await page.locator("#talk-who", { hasText: name }).waitFor();
}

/** Writes and sends a message in the open conversation. */
export async function write(page, text) {
  await page.locator("#text").fill(text);
  await page.locator("#text").press("Enter");
}

/** A message of the open conversation. */
export function letter(page, text) {
  return page.locator("#letters-list > *", { hasText: text });
}
