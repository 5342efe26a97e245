// What the person has begun to write, and files that are dropped.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { go, settled } from "./browser.mjs";
import { eachTestHasAPage, letter, talkTo, write } from "./world.mjs";

describe("the composer of the page", { timeout: 300_000 }, () => {
  const world = eachTestHasAPage();
  const focused = () => world.page.evaluate(() => document.activeElement.id);
  const kept = () => world.page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith("page-draft:")));

  test("Messages leads back to the conversation that was open, with the focus where one writes", async () => {
    const { page } = world;
    await talkTo(page, "alice");
    await page.locator("#text").fill("half a sent");
    await page.keyboard.press("Escape");
    await page.keyboard.press("1");
    await page.locator("#page-who").waitFor();
    assert.equal(await focused(), "view");
    await page.keyboard.press("3");
    await page.locator("#talk-who", { hasText: "alice" }).waitFor();
    assert.equal(await focused(), "text");
    await page.keyboard.type("ence");
    assert.equal(await page.locator("#text").inputValue(), "half a sentence");
    await go(page, "claims");
    await page.locator("nav").getByRole("link", { name: /Messages/ }).click();
    await page.locator("#talk-who", { hasText: "alice" }).waitFor();
    // Within Messages the same link leads to the list.
    await page.locator("nav").getByRole("link", { name: /Messages/ }).click();
    await page.locator("#talk-head").waitFor({ state: "hidden" });
    await go(page, "who");
    await page.keyboard.press("3");
    await settled(page);
    assert.equal(await page.locator("#talk-head").isVisible(), false);
  });

  test("drafts survive a reload, each in its conversation, and go once they are sent", async () => {
    const { page, alice } = world;
    await talkTo(page, "bob");
    await page.locator("#text").fill("for bob");
    const { id } = await alice.send("kim", "May I?", { intent: "request" });
    await talkTo(page, "alice");
    await letter(page, "May I?").getByRole("button", { name: "Reply" }).click();
    await page.locator("#text").fill("for alice");
    await page.locator("#done").check();
    await page.reload();
    await page.locator("#hub-dot.on").waitFor();
    await page.locator("#reply", { hasText: "Reply to alice" }).waitFor();
    assert.equal(await page.locator("#text").inputValue(), "for alice");
    assert.ok(await page.locator("#done").isChecked());
    await talkTo(page, "bob");
    assert.equal(await page.locator("#text").inputValue(), "for bob");
    assert.deepEqual(await page.evaluate(() => Object.values(localStorage).filter((value) => value.includes("for "))), []);
    await talkTo(page, "alice");
    await page.locator("#text").press("Enter");
    const got = await alice.read();
    assert.deepEqual([got.message, got.reply_to, got.intent], ["for alice", id, "done"]);
    await page.waitForFunction(() => sessionStorage.getItem("page-draft:alice") === null);
    assert.deepEqual(await kept(), ["page-draft:bob"]);
    await talkTo(page, "bob");
    await page.locator("#text").fill("");
    assert.deepEqual(await kept(), []);
  });

  /** Lets go of a file over an element, after dragging it there. */
  const drag = async (selector, name, ...events) => {
    const data = await world.page.evaluateHandle((file) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(["dropped"], file));
      return transfer;
    }, name);
    for (const event of events) await world.page.dispatchEvent(selector, event, { dataTransfer: data });
  };

  test("a file that is dragged over a conversation shows where to drop it, and is attached", async () => {
    const { page, alice } = world;
    await talkTo(page, "alice");
    await drag("#letters", "dropped.txt", "dragover");
    await page.locator("#drop", { hasText: "Drop files to attach them" }).waitFor();
    await page.dispatchEvent("#letters", "dragleave");
    await page.locator("#drop").waitFor({ state: "hidden" });
    await drag("#letters", "dropped.txt", "dragover", "drop");
    await page.locator("#drop").waitFor({ state: "hidden" });
    await page.locator("#files", { hasText: "dropped.txt" }).waitFor();
    await page.locator("#files progress").waitFor({ state: "detached" });
    await write(page, "");
    const { attachments } = await alice.read();
    assert.equal(attachments[0].name, "dropped.txt");
  });

  test("a file that is dropped elsewhere is not taken, and the page says what to do", async () => {
    const { page } = world;
    for (const section of ["who", "flow", "talk", "claims", "machines"]) {
      await go(page, section);
      await page.locator("#said").evaluate((toast) => (toast.textContent = ""));
      await drag("#view", "lost.txt", "dragover", "drop");
      await page.locator("#said", { hasText: "Open a conversation in Messages" }).waitFor();
    }
    assert.equal(await page.locator("#drop").isVisible(), false);
  });

  test("a picture of a text that is pasted with it is not attached", async () => {
    const { page } = world;
    await talkTo(page, "alice");
    const paste = (types) => page.evaluate((types) => {
      const data = new DataTransfer();
      if (types.includes("text")) data.setData("text/plain", "a cell");
      data.items.add(new File(["x"], "image.png", { type: "image/png" }));
      return document.getElementById("text").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, cancelable: true, bubbles: true }));
    }, types);
    assert.equal(await paste("text and file"), true, "the browser puts the text in");
    assert.equal(await paste("file"), false);
    await page.locator("#files li", { hasText: "image.png" }).waitFor();
    assert.equal(await page.locator("#files li").count(), 1);
  });
});
