// Everything by the keyboard alone, and that what has the focus can be seen.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { go } from "./browser.mjs";
import { eachTestHasAPage, knowHub, letter, newRepository } from "./world.mjs";

describe("the page by the keyboard alone", { timeout: 300_000 }, () => {
  const world = eachTestHasAPage();

  /** Presses a key until this has the focus. */
  const reach = async (key, selector, most = 80) => {
    const { page } = world;
    for (let presses = 0; presses < most; presses++) {
      if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
      await page.keyboard.press(key);
    }
    assert.fail(`${key} does not lead to ${selector}`);
  };
  const focused = () => world.page.evaluate(() => document.activeElement.id || document.activeElement.textContent);

  test("writes to a session, and closes what is open", async () => {
    const { page, alice } = world;
    await page.keyboard.press("3");
    await page.locator("#page-talk").waitFor();
    await page.keyboard.press("n");
    await page.locator("#to").waitFor();
    await page.keyboard.type("alice");
    await page.keyboard.press("Tab");
    await page.keyboard.type("by hand");
    await page.keyboard.press("Enter");
    assert.equal((await alice.read()).message, "by hand");
    await letter(page, "by hand").getByText("read").first().waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
  });

  test("holds, releases and removes a session", async () => {
    const { page } = world;
    const row = page.getByRole("row", { name: /alice/ });
    await row.getByText("yours").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("alice");
    await page.getByRole("row", { name: /bob/ }).waitFor({ state: "detached" });
    await page.keyboard.press("ArrowDown");
    await reach("Tab", "[aria-label='Actions for alice']");
    await page.keyboard.press("Enter");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await row.getByText(/held/).first().waitFor();
    await reach("Tab", "[aria-label='Actions for alice']");
    await page.keyboard.press("Enter");
    await reach("ArrowDown", "[role=menuitem]:nth-child(4)");
    assert.equal(await focused(), "Release");
    await page.keyboard.press("Enter");
    await row.getByText(/held/).first().waitFor({ state: "detached" });
    await reach("Tab", "[aria-label='Actions for alice']");
    await page.keyboard.press("Enter");
    await page.keyboard.press("End");
    assert.equal(await focused(), "Remove…");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await reach("Tab", "dialog button.danger", 4);
    await page.keyboard.press("Enter");
    await row.waitFor({ state: "detached" });
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    assert.equal(await focused(), "who-search");
  });

  test("attaches a file, and saves one", async () => {
    const { page, junction } = world;
    const folder = newRepository(junction, "project");
    writeFileSync(join(folder, "notes.txt"), "what was agreed\n");
    const carol = await junction.agent("carol", {}, folder);
    await carol.send("kim", "see this", { attachments: [{ path: "notes.txt" }] });
    await go(page, "talk/carol");
    await letter(page, "see this").waitFor();
    const download = page.waitForEvent("download");
    await reach("Shift+Tab", "[aria-label='Save notes.txt']");
    await page.keyboard.press("Enter");
    assert.equal(readFileSync(await (await download).path(), "utf8"), "what was agreed\n");
    await letter(page, "see this").getByText("Saved").waitFor();
    // The button has the focus still, so that one can go on from there.
    assert.equal(await focused(), "Saved");
    await reach("Tab", "#attach");
    const choosing = page.waitForEvent("filechooser");
    // That the browser has answered means that it notices the next chooser.
    assert.equal(await focused(), "attach");
    await page.keyboard.press("Enter");
    await (await choosing).setFiles({ name: "plan.md", mimeType: "text/markdown", buffer: Buffer.from("the plan\n") });
    await page.locator("#files", { hasText: "plan.md" }).waitFor();
    await page.locator("#files progress").waitFor({ state: "detached" });
    await reach("Shift+Tab", "#text");
    await page.keyboard.type("the plan");
    await page.keyboard.press("Enter");
    assert.deepEqual((await carol.read()).attachments.map(({ name }) => name), ["plan.md"]);
  });

  test("invites a machine to a hub", async () => {
    const { page, junction } = world;
    knowHub(junction, "attic");
    await page.keyboard.press("5");
    await page.getByRole("row", { name: /attic/ }).waitFor();
    await reach("Tab", "#invite");
    await page.keyboard.press("Enter");
    await page.keyboard.press("ArrowDown");
    assert.equal(await focused(), "To attic");
    await page.keyboard.press("Enter");
    await page.locator(".qr").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    assert.equal(await focused(), "invite");
  });

  test("scrolls before anything has the focus", async () => {
    const { page } = world;
    await page.setViewportSize({ width: 1000, height: 260 });
    await page.keyboard.press("PageDown");
    await page.waitForFunction(() => document.getElementById("view").scrollTop > 0);
  });

  test("each thing that Tab reaches shows that it has the focus", async () => {
    const { page } = world;
    const seen = new Set();
    for (let presses = 0; presses < 25; presses++) {
      await page.keyboard.press("Tab");
      const focus = await page.evaluate(() => {
        const at = document.activeElement;
        const { outlineStyle, boxShadow } = getComputedStyle(at);
        return { what: `${at.tagName} ${at.id} ${at.textContent.slice(0, 20)}`, shown: at === document.body || outlineStyle !== "none" || boxShadow !== "none" };
      });
      assert.ok(focus.shown, `${focus.what} shows no focus`);
      seen.add(focus.what);
    }
    assert.ok(seen.size > 8, [...seen].join(", "));
  });
});
