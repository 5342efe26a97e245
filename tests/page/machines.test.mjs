// Machines: what is said of each hub, how others are invited to one, and what is left to do behind a new secret.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { axe, coloursOf, go, settled } from "./browser.mjs";
import { eachTestHasAPage, knowHub, talkTo } from "./world.mjs";

describe("the machines of the page", { timeout: 300_000 }, () => {
  const world = eachTestHasAPage();

  const dialog = () => world.page.getByRole("dialog");

  test("each hub says whether it answers, and which machines it serves", async () => {
    const { page } = world;
    knowHub(world.junction, "attic");
    await go(page, "machines");
    await page.getByRole("row", { name: /local/ }).getByText("serves this machine only").waitFor();
    await page.getByRole("row", { name: /attic/ }).getByText("no answer").waitFor();
    assert.deepEqual(await axe(page), []);
  });

  test("a machine is invited to a joined hub by a link and a QR code that can be read, in dark colours, too", async () => {
    const { page } = world;
    knowHub(world.junction, "attic");
    await page.emulateMedia({ colorScheme: "dark" });
    await go(page, "machines");
    await page.getByRole("row", { name: /attic/ }).waitFor();
    await page.getByRole("button", { name: "Invite a machine" }).click();
    await page.getByRole("menuitem", { name: "To attic" }).click();
    await dialog().getByRole("heading", { name: "Invite a machine to attic" }).waitFor();
    assert.match(await dialog().innerText(), /junction:\/\/attic\.invalid:4200/);
    const qr = await page.locator(".qr").evaluate((code) => {
      const [width, height] = [code.clientWidth, code.clientHeight];
      const [, , size] = code.getAttribute("viewBox").split(" ").map(Number);
      const style = getComputedStyle(code);
      const module = width / size;
      const box = code.querySelector("path").getBBox();
      const edge = Math.min(box.x, box.y, size - box.x - box.width, size - box.y - box.height);
      return { width, height, module, quiet: edge, ground: style.backgroundColor, ink: style.fill, drawn: box.width };
    });
    assert.equal(qr.width, qr.height);
    assert.ok(qr.drawn > 20, "it has modules");
    assert.equal(qr.module, 4, "a module is whole pixels");
    // ISO/IEC 18004 asks for four modules of quiet zone.
    assert.ok(qr.quiet >= 4, `the quiet zone has ${qr.quiet} modules`);
    assert.deepEqual([qr.ground, qr.ink], ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]);
    const shown = await coloursOf(page, await page.locator(".qr").screenshot());
    assert.ok(shown.has("0,0,0") && shown.has("255,255,255"), "it is black and white on the screen");
    assert.deepEqual(await axe(page), []);
  });

  test("regression: behind a join the page says how an agent and a page get to the hub, and copies that command", async () => {
    const { page } = world;
    // That a machine joins a real hub is shown by tests/it/lan/page.rs. Here it is what the page says then.
    await page.route("**/do/join", (route) => route.fulfill({ json: { name: "attic", address: "192.0.2.7:4200", remark: "The host attic was known before, and has a new link." } }));
    await go(page, "machines");
    await page.getByRole("button", { name: "Join a hub" }).click();
    await dialog().getByLabel("Invite link").fill("junction://example");
    await dialog().getByRole("button", { name: "Join", exact: true }).click();
    await dialog().getByRole("heading", { name: "Joined attic" }).waitFor();
    assert.match(await dialog().innerText(), /was known before.*register with host attic.*JUNCTION_HUB=attic junction-bridge ui/s);
    await dialog().getByRole("button", { name: "Copy the command" }).waitFor();
    assert.deepEqual(await axe(page), []);
  });

  test("a hub that is known without an answer can be forgotten", async () => {
    const { page } = world;
    knowHub(world.junction, "attic");
    await go(page, "machines");
    await page.getByRole("button", { name: "Actions for attic" }).click();
    await page.getByRole("menuitem", { name: "Forget…" }).click();
    assert.match(await dialog().innerText(), /those that are on it stay until they end/);
    await dialog().getByRole("button", { name: "Forget" }).click();
    await page.getByRole("row", { name: /attic/ }).waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement.id), "join");
  });

  test("behind a new secret the page says that other machines have to join again", async () => {
    const { page } = world;
    await go(page, "machines");
    await page.locator("#rotate").click();
    await dialog().getByRole("button", { name: "Make a new secret" }).click();
    await dialog().getByRole("heading", { name: "The group has a new secret" }).waitFor();
    assert.match(await dialog().innerText(), /Every other machine has to join again.*Join a hub/s);
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press("Escape");
    await page.locator("#hub-dot.on").waitFor();
  });

  test("a link that is no longer valid, and a server that is no hub, are told from one that does not answer", async () => {
    const { page } = world;
    await go(page, "machines");
    const words = async (trouble) => {
      await page.route("**/do/machines", (route) => route.fulfill({ json: { hosts: [{ name: "attic", address: "198.51.100.7:4200", linked: false, reachable: false, kept: true, trouble }] } }));
      await page.getByRole("button", { name: "Refresh" }).click();
      await settled(page);
      return page.getByRole("row", { name: /attic/ });
    };
    await (await words("old_link")).getByText("answers, but the link is no longer valid").waitFor();
    await (await words("stranger")).getByText("did not prove to be the hub").waitFor();
    await page.getByRole("button", { name: "Actions for attic" }).click();
    assert.deepEqual(await page.getByRole("menuitem").allInnerTexts(), ["Forget…"]);
    await page.keyboard.press("Escape");
  });

  test("the words to compare are looked up in sight, and one's own session needs none", async () => {
    const { page } = world;
    await talkTo(page, "alice");
    await page.locator("#talk-verify").click();
    await dialog().getByText("alice is one of your own sessions").waitFor();
    await page.keyboard.press("Escape");
    let goOn;
    const held = new Promise((done) => (goOn = done));
    await page.route("**/do/verify", async (route) => {
      await held;
      await route.continue();
    });
    const stranger = await world.junction.agentOfAnother("zoe");
    await talkTo(page, "zoe");
    await page.locator("#talk-verify").click();
    await dialog().getByText("Looking up the key of zoe").waitFor();
    goOn();
    await dialog().getByText("junction-bridge verify kim").waitFor();
    assert.match(await dialog().locator(".words").innerText(), /^(\w+\W+){7}\w+$/);
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press("Escape");
    stranger.child.stdin.end();
  });
});
