// How the page fits: phones, a window at 200 %, and what must not be cut there.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { axe, go, open, settled } from "./browser.mjs";
import { eachTestHasAPage, knowHub, newRepository, talkTo } from "./world.mjs";

const LONG_NAME = "orders-and-fulfilment-service-for-the-northern-warehouses";
const LONG_BRANCH = "feature/checkout-rework-with-a-very-long-branch-name-indeed";

describe("the layout of the page", { timeout: 300_000 }, () => {
  const world = eachTestHasAPage();
  const phone = (width, height) => ({ viewport: { width, height }, hasTouch: true, isMobile: true });

  /** The page once more, in a window of another size. */
  const inWindow = async (options, use) => {
    const { link } = await world.junction.page();
    const { page, context } = await open(world.browser, link, options);
    await use(page);
    await context.close();
  };

  /** Nothing is wider than the window, nor found wanting by axe. */
  const fits = async (page, what) => {
    await settled(page);
    const { wide, at } = await page.evaluate(() => ({ wide: Math.max(document.documentElement.scrollWidth, document.getElementById("view").scrollWidth), at: innerWidth }));
    assert.ok(wide <= at, `${what} is ${wide} wide at ${at}`);
    assert.deepEqual(await axe(page), [], what);
  };

  /** Words in this element that stand on two lines. */
  const broken = (page, selector) =>
    page.locator(selector).evaluateAll((elements) => elements.flatMap((element) => {
      const found = [];
      const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        for (const { 0: word, index } of texts.currentNode.data.matchAll(/[\p{L}\p{N}]+/gu)) {
          const range = document.createRange();
          range.setStart(texts.currentNode, index);
          range.setEnd(texts.currentNode, index + word.length);
          if (new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1) found.push(word);
        }
      }
      return found;
    }));

  for (const width of [360, 390]) {
    test(`at ${width} pixels nothing is cut, and no word is broken`, async () => {
      const { junction, alice } = world;
      knowHub(junction, "attic");
      const folder = newRepository(junction, "shop", LONG_BRANCH);
      const carol = await junction.agent("carol", { task: "reworks the checkout", repo: LONG_NAME }, folder);
      await carol.call("claim", { paths: ["src/checkout/payment/client_of_the_bank.rs"], note: "the new payment client" });
      await alice.send("bob", "hello");
      await inWindow(phone(width, 740), async (page) => {
        await page.getByRole("row", { name: /carol/ }).waitFor();
        await fits(page, "who");
        const where = page.getByRole("row", { name: /carol/ }).locator(".where .clamp");
        assert.match(await where.getAttribute("title"), new RegExp(LONG_NAME));
        const isCut = () => where.evaluate((text) => text.scrollHeight > text.clientHeight);
        assert.ok(await isCut());
        await where.click();
        assert.ok(!(await isCut()), "all of it is shown to who presses on it");
        await go(page, "flow");
        await page.locator("#flow-rows > *").first().waitFor();
        await fits(page, "flow");
        assert.deepEqual(await page.locator("#flow-rows td:first-child").evaluateAll((cells) => cells.filter((cell) => cell.scrollWidth > cell.clientWidth).length), 0);
        await go(page, "claims");
        await page.getByText("the new payment client").waitFor();
        await fits(page, "claims");
        assert.deepEqual(await broken(page, "#claims td"), []);
        await go(page, "machines");
        await page.getByRole("row", { name: /attic/ }).waitFor();
        await fits(page, "machines");
        assert.deepEqual(await broken(page, "#hosts td"), []);
        await page.getByRole("button", { name: "Invite a machine" }).click();
        await page.getByRole("menuitem", { name: "To attic" }).click();
        await page.locator(".qr").waitFor();
        await fits(page, "invite");
        const [copy, dialog] = await Promise.all([page.getByRole("button", { name: "Copy the link" }).boundingBox(), page.getByRole("dialog").boundingBox()]);
        assert.ok(copy.x >= dialog.x && copy.x + copy.width <= dialog.x + dialog.width, "the button is whole");
        await page.keyboard.press("Escape");
      });
    });
  }

  test("at 200 % the letters of a conversation have most of the height", async () => {
    await world.alice.send("kim", "May I?");
    await inWindow({ viewport: { width: 640, height: 400 } }, async (page) => {
      await talkTo(page, "alice");
      await page.locator("#letters-list", { hasText: "May I?" }).waitFor();
      await fits(page, "conversation");
      const { height } = await page.locator("#letters").boundingBox();
      assert.ok(height >= 180, `the letters have ${height} pixels`);
      // With a reply begun, all of the composer is still there.
      await page.getByRole("button", { name: "Reply", exact: true }).click();
      await fits(page, "reply");
      assert.ok((await page.locator("#letters").boundingBox()).height >= 120);
      const send = await page.locator("#send").boundingBox();
      assert.ok(send.x + send.width <= 640 && send.y + send.height <= 400);
    });
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`${colorScheme}, each dialog is accessible, and dims the page up to its edge`, async () => {
      knowHub(world.junction, "attic");
      await world.junction.agentOfAnother("zoe");
      await inWindow({ colorScheme }, async (page) => {
        const dialog = page.getByRole("dialog");
        const shown = async (what) => {
          await dialog.waitFor();
          await fits(page, what);
          // A backdrop ends where the root's own scrollbar begins.
          assert.equal(await page.evaluate(() => innerWidth - document.documentElement.getBoundingClientRect().width), 0, what);
          await page.keyboard.press("Escape");
          await dialog.waitFor({ state: "hidden" });
        };
        await page.getByRole("row", { name: /alice/ }).getByText("yours").waitFor();
        await page.getByRole("button", { name: "Actions for alice" }).click();
        await page.getByRole("menuitem", { name: "Remove…" }).click();
        await shown("remove");
        await page.locator("#keys").click();
        await shown("keys");
        await go(page, "machines");
        await page.getByRole("button", { name: "Join a hub" }).click();
        const gap = await dialog.getByLabel("Invite link").evaluate((field) => {
          const text = document.createRange();
          text.selectNode(field.parentElement.firstChild);
          return field.getBoundingClientRect().top - text.getBoundingClientRect().bottom;
        });
        assert.ok(gap >= 4, `${gap} pixels between a label and its field`);
        await shown("join");
        await page.locator("#another").click();
        await shown("another browser");
        await page.locator("#rotate").click();
        await shown("new secret");
        await page.getByRole("button", { name: "Actions for attic" }).click();
        await page.getByRole("menuitem", { name: "Forget…" }).click();
        await shown("forget");
        await page.locator("#verify-name").fill("zoe");
        await page.locator("#verify-name").press("Enter");
        await page.locator(".words").waitFor();
        await shown("verify");
      });
    });
  }
});
