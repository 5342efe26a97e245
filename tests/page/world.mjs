// What each test of the page begins with: a hub, two agents, and the page in a browser. Set up before each test, and taken
// down behind it.

import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach } from "node:test";
import { blameless, go, launch, open } from "./browser.mjs";
import { Junction, PROGRAMS } from "./processes.mjs";

/**
 * Sets the hooks of a suite, and returns what they fill: `browser`, `junction`, `opened` with its `page`, `alice` and `bob`.
 * All programs get the settings.
 */
export function eachTestHasAPage(settings = {}) {
  const world = {};
  before(async () => (world.browser = await launch()));
  after(() => world.browser?.close());
  beforeEach(async () => {
    world.junction = await Junction.start(settings);
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

/** Makes a repository of git in the junction's home, and returns its folder. */
export function newRepository(junction, name, branch = "main") {
  const folder = join(junction.home, name);
  mkdirSync(folder);
  execFileSync("git", ["init", "-q", "-b", branch, folder]);
  return folder;
}

/** Has this machine know a hub of another by a link. Nothing answers at its address, since no name ends so. */
export function knowHub(junction, name) {
  const other = join(junction.home, "other");
  mkdirSync(other, { mode: 0o700 });
  const env = { ...junction.env, JUNCTION_CONFIG_DIR: other };
  execFileSync(join(PROGRAMS, "junction-bridge"), ["invite", "--new", "--hub", `${name}.invalid:4200`, "--name", name], { env, cwd: other, stdio: "pipe" });
  const [entry] = new RegExp(`^${name} = .*$`, "m").exec(readFileSync(join(other, "hosts.toml"), "utf8"));
  appendFileSync(join(junction.home, "config", "hosts.toml"), `${entry}\n`);
}
