// What the page says of its hub: while it connects, while the hub is away, and how the person starts a stopped one.

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { axe, go, settled } from "./browser.mjs";
import { eachTestHasAPage, letter, talkTo, write } from "./world.mjs";

describe("the hub of the page", { timeout: 300_000 }, () => {
  const world = eachTestHasAPage();

  const stopHub = async () => {
    const stopping = world.junction.spawn("junction-bridge", ["stop", "--yes"]);
    await once(stopping, "exit");
    await world.page.locator("#hub-banner", { hasText: "The hub was stopped." }).waitFor();
  };

  test("a stopped hub is started by a button, and the list shows until then that it may be out of date", async () => {
    const { page } = world;
    await stopHub();
    const banner = page.locator("#hub-banner");
    assert.match(await banner.innerText(), /so does sending a message.*this machine only.*junction-hub --host 0\.0\.0\.0/s);
    await page.locator("#page-who.stale").waitFor();
    assert.match(await page.locator("#who-lead").innerText(), /As last seen/);
    assert.deepEqual(await axe(page), []);
    await banner.getByRole("button", { name: "Start the hub" }).focus();
    await page.keyboard.press("Enter");
    await banner.waitFor({ state: "hidden" });
    await page.locator("#page-who:not(.stale)").waitFor();
    await page.getByRole("row", { name: /alice/ }).waitFor();
    assert.notEqual(await page.evaluate(() => document.activeElement.tagName), "BODY");
  });

  test("sending starts a stopped hub", async () => {
    const { page, alice } = world;
    await stopHub();
    await talkTo(page, "alice");
    await write(page, "are you there?");
    await letter(page, "are you there?").waitFor();
    assert.equal((await alice.read()).message, "are you there?");
    await page.locator("#hub-banner").waitFor({ state: "hidden" });
  });

  test("while the page connects it says so, and claims neither that nobody is here nor that nothing is shown", async () => {
    const { page } = world;
    const connecting = () => page.evaluate(async () => {
      const [{ store }, { apply }, { ask }] = await Promise.all([import("/app.js"), import("/store.js"), import("/work.js")]);
      apply(store, { hello: { you: { alias: "", fingerprint: "" }, hub: { name: "attic", flow: false, local: false } }, hub: { state: "connecting" } });
      for (const view of ["hub", "who", "flow"]) ask(view);
    });
    await connecting();
    await settled(page);
    assert.equal(await page.locator("#who-empty").innerText(), "Connecting to attic…");
    assert.equal(await page.locator("#hub-state").innerText(), "Connecting");
    await go(page, "flow");
    await connecting();
    await settled(page);
    assert.equal(await page.locator("#flow-empty").innerText(), "Connecting to attic…");
  });
});

describe("the hub of the page, which no session starts", { timeout: 300_000 }, () => {
  const world = eachTestHasAPage({ JUNCTION_AUTOSTART: "false" });

  test("a hub that was killed is away until it is started again", async () => {
    const { page, junction, alice } = world;
    await junction.killHub();
    const banner = page.locator("#hub-banner");
    await banner.filter({ hasText: "Hub is away." }).waitFor();
    await page.locator("#page-who.stale").waitFor();
    await junction.startHub();
    await banner.waitFor({ state: "hidden" });
    await page.locator("#page-who:not(.stale)").waitFor();
    await talkTo(page, "alice");
    await write(page, "still there?");
    assert.equal((await alice.read()).message, "still there?");
  });
});
