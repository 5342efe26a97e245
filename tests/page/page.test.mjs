// The page in a real browser, with a real hub and real bridges: what a person sees, and what they do.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, test } from "node:test";
import { axe, blameless, brisk, go, open, readAll, settled } from "./browser.mjs";
import { eachTestHasAPage, letter, newRepository, talkTo, write } from "./world.mjs";

const SECTIONS = ["who", "flow", "talk", "claims", "machines"];

describe("the page", { timeout: 600_000 }, () => {
  let browser, junction, alice, bob, opened;

  const world = eachTestHasAPage();
  beforeEach(() => ({ browser, junction, alice, bob, opened } = world));

  test("shows who is there, and finds them", async () => {
    const { page } = opened;
    await go(page, "who");
    await page.getByRole("row", { name: /kim/ }).getByText("you", { exact: true }).waitFor();
    const row = page.getByRole("row", { name: /alice/ });
    for (const text of ["lead", "plans the release", "shop", "Claude Code"]) await row.getByText(text).first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("reviewer");
    await page.getByRole("row", { name: /alice/ }).waitFor({ state: "detached" });
    assert.equal(await page.getByRole("row", { name: /bob/ }).count(), 1);
    await page.locator("#who-search").fill("");
    alice.child.stdin.end();
    await page.getByRole("row", { name: /alice/ }).waitFor({ state: "detached" });
  });

  test("shows what goes on, and no text of it", async () => {
    const { page } = opened;
    await go(page, "flow");
    await alice.send("bob", "the password is swordfish");
    const row = page.locator("#flow-rows > *", { hasText: "alice" });
    await row.getByText("opened").waitFor();
    await bob.read();
    await row.getByText("read").waitFor();
    assert.match(await row.innerText(), /bob/);
    const { sessions } = await page.evaluate(() => ({ sessions: document.body.innerText }));
    assert.ok(!sessions.includes("swordfish"));
    await page.getByRole("button", { name: "Graph" }).click();
    await page.getByRole("img", { name: /session/ }).waitFor();
    for (const word of ["busy", "waits for user", "idle", "unknown", "away", "recent messages"]) await page.locator(".legend").getByText(word, { exact: true }).waitFor();
  });

  test("a message of the person shows how far it is, and the answer counts as read when it is shown", async () => {
    const { page } = opened;
    await talkTo(page, "alice");
    await write(page, "is the build green?");
    const mine = letter(page, "is the build green?");
    await mine.waitFor();
    const asked = await alice.read();
    assert.equal(asked.message, "is the build green?");
    assert.equal(asked.from_person, true);
    await mine.getByText(/^read/i).first().waitFor();
    const answer = await alice.send("kim", "yes, **all** of it", { reply_to: asked.id, notify_when: "read" });
    await letter(page, "all").waitFor();
    const read = await alice.call("read_messages", { wait_seconds: 20 });
    assert.ok(read.receipts?.some(({ id, status }) => id === answer.id && status === "read") || read.notifications, JSON.stringify(read));
  });

  test("what comes counts as read once its conversation is open and it is on the screen, one after the other", async () => {
    const { page } = opened;
    await go(page, "who");
    const sent = [];
    for (let number = 0; number < 12; number++) sent.push((await bob.send("kim", `point ${number}\n${"more of it\n".repeat(6)}`)).id);
    await page.locator("#count-talk", { hasText: "12" }).waitFor();
    const read = async () => {
      const { receipts = [] } = await bob.call("read_messages");
      return receipts.filter(({ status }) => status === "read").length;
    };
    assert.equal(await read(), 0, "the page is in sight, and the messages are not");
    assert.ok(!(await page.evaluate(() => document.body.textContent)).includes("point 0"));
    await talkTo(page, "bob");
    await letter(page, "point 0").waitFor();
    const badge = page.locator("#threads a", { hasText: "bob" }).locator(".badge");
    await page.waitForFunction(() => !document.querySelector("#letters-list > .waits .letter-box:empty")?.closest("li").matches(":first-child"));
    assert.ok(Number.parseInt(await badge.innerText(), 10) >= 6, "those further down wait");
    await readAll(page);
    await letter(page, "point 11").waitFor();
    await badge.waitFor({ state: "hidden" });
    assert.equal(await page.locator("#letters-list > .waits").count(), 0);
    const order = await page.locator("#letters-list .letter-box").allInnerTexts();
    assert.deepEqual(order.map((text) => text.split("\n")[0]).filter((line) => line.startsWith("point")), sent.map((_, number) => `point ${number}`));
  });

  test("regression: what leaves the screen before its text is there is read when it is back", async () => {
    const { page } = opened;
    await go(page, "who");
    for (const from of [alice, bob]) for (let number = 0; number < 9; number++) await from.send("kim", `${number}\n${"more of it\n".repeat(6)}`);
    await page.locator("#count-talk", { hasText: "18" }).waitFor();
    // A person who looks here and there, faster than texts come.
    for (let round = 0; round < 12; round++) {
      await page.evaluate((name) => (location.hash = `#talk/${name}`), round % 2 ? "alice" : "bob");
      for (const by of [400, -400]) {
        await page.evaluate((by) => document.getElementById("letters").scrollBy(0, by), by);
        await page.evaluate(() => new Promise(requestAnimationFrame));
      }
    }
    for (const name of ["alice", "bob"]) {
      await talkTo(page, name);
      await readAll(page);
    }
    await page.locator("#count-talk").filter({ hasText: /^$/ }).waitFor({ state: "attached" });
  });

  test("what is written where one request is open answers it", async () => {
    const { page } = opened;
    const asked = bob.send("kim", "Which port?", { intent: "request", wait_seconds: 60 });
    await talkTo(page, "bob");
    await page.locator("#reply", { hasText: "Which port?" }).waitFor();
    await write(page, "4200");
    assert.equal((await asked).reply.message, "4200");
    await page.locator("#requests").waitFor({ state: "hidden" });
  });

  test("regression: a message to a list of names is in the conversation that opens", async () => {
    const { page } = opened;
    await go(page, "talk/");
    await page.locator("#to").fill("bob,alice");
    await page.locator("#text").fill("to both");
    await page.locator("#text").press("Enter");
    await letter(page, "to both").waitFor();
    assert.equal(await page.locator("#threads a").count(), 1);
  });

  test("what comes while nobody sees the page waits unread", async () => {
    const { page, context } = opened;
    await talkTo(page, "alice");
    const other = await context.newPage();
    await other.goto("about:blank");
    await other.bringToFront();
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { get: () => window.isHidden ?? false });
      window.isHidden = true;
      document.dispatchEvent(new Event("visibilitychange"));
    });
    const { id } = await alice.send("kim", "when you are back");
    await page.waitForFunction(() => document.title.startsWith("(1)"));
    const { receipts } = await alice.call("read_messages");
    assert.ok(!receipts?.some((receipt) => receipt.id === id), "nobody has read it");
    await page.evaluate(() => {
      window.isHidden = false;
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await letter(page, "when you are back").waitFor();
    await other.close();
  });

  test("a request to the person waits until it is answered", async () => {
    const { page } = opened;
    const asked = alice.send("kim", "May I push to main?", { intent: "request", wait_seconds: 60 });
    await go(page, "talk");
    await page.locator("#requests-list a", { hasText: "asks you for an answer" }).click();
    await page.locator("#reply", { hasText: "May I push to main?" }).waitFor();
    await write(page, "Yes, go on.");
    const { reply } = await asked;
    assert.equal(reply.message, "Yes, go on.");
    await page.locator("#requests").waitFor({ state: "hidden" });
  });

  test("a group gets the message, and each member's status is shown", async () => {
    const { page } = opened;
    await talkTo(page, "role:reviewer");
    await write(page, "please look at the cart");
    const got = await bob.read();
    assert.equal(got.to, "role:reviewer");
    const sent = letter(page, "please look at the cart");
    await sent.getByText("1 of 1 read").click();
    await sent.getByText("bob").waitFor();
  });

  test("what becomes of a message to a group while the tab is hidden is shown behind that", async () => {
    const { page } = opened;
    await talkTo(page, "role:reviewer");
    await write(page, "please look at the cart");
    const sent = letter(page, "please look at the cart");
    await sent.getByText("0 of 1 read").waitFor();
    const hide = (isHidden) => page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden);
    await hide(true);
    await bob.read();
    await alice.send("bob", "nothing of this reaches a hidden tab");
    await hide(false);
    await sent.getByText("1 of 1 read").click();
    await sent.locator(".members").getByText("bob").waitFor();
  });

  test("a held session is woken by nothing, and its senders learn why", async () => {
    const { page } = opened;
    await go(page, "who");
    await page.getByRole("button", { name: /alice/ }).click();
    await page.getByRole("menuitem", { name: /1 hour/ }).click();
    await page.getByRole("row", { name: /alice/ }).getByText(/held/i).first().waitFor();
    const { peer } = await bob.send("alice", "wake up");
    assert.equal(peer.reach_why, "held");
    await page.getByRole("button", { name: /alice/ }).click();
    await page.getByRole("menuitem", { name: "Release", exact: true }).click();
    await page.getByRole("row", { name: /alice/ }).getByText(/held/i).first().waitFor({ state: "detached" });
    const again = await bob.send("alice", "and now?");
    assert.notEqual(again.peer.reach_why, "held");
  });

  test("a session is removed, and its agent is told", async () => {
    const { page } = opened;
    await go(page, "who");
    await page.getByRole("button", { name: /bob/ }).click();
    await page.getByRole("menuitem", { name: /Remove/ }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByRole("row", { name: /bob/ }).waitFor({ state: "detached" });
    await assert.rejects(bob.call("list_peers"), /removed/);
  });

  test("files come and go", async () => {
    const { page } = opened;
    const folder = newRepository(junction, "project");
    writeFileSync(join(folder, "notes.txt"), "what was agreed\n");
    const carol = await junction.agent("carol", {}, folder);
    const sent = await carol.send("kim", "see this", { attachments: [{ path: "notes.txt" }] });
    await talkTo(page, "carol");
    const download = page.waitForEvent("download");
    await letter(page, "see this").getByRole("button", { name: "Save notes.txt" }).first().click();
    const file = await download;
    assert.equal(file.suggestedFilename(), "notes.txt");
    assert.equal(readFileSync(await file.path(), "utf8"), "what was agreed\n");
    const saved = async () => (await carol.call("read_messages", { wait_seconds: 1 })).receipts?.some((it) => it.id === sent.id && it.status === "saved");
    for (let tries = 0; !(await saved()); tries++) assert.ok(tries < 20, "its sender learns that it was saved");
    const bytes = Buffer.from("all of the plan\n");
    await page.locator("#file").setInputFiles({ name: "plan ü.md", mimeType: "text/markdown", buffer: bytes });
    await write(page, "and here is the plan");
    const got = await carol.read();
    assert.deepEqual(got.attachments.map(({ name, bytes: size }) => [name, size]), [["plan ü.md", bytes.length]]);
    await carol.call("save_attachment", { message_id: got.id, attachment_id: got.attachments[0].id, path: "plan.md" });
    assert.equal(readFileSync(join(folder, "plan.md"), "utf8"), bytes.toString());
  });

  test("claims and their conflicts are shown", async () => {
    const { page } = opened;
    const folder = newRepository(junction, "shop");
    const [carol, dave] = [await junction.agent("carol", {}, folder), await junction.agent("dave", {}, folder)];
    await carol.call("claim", { paths: ["src/**"], note: "the new cart" });
    await dave.call("claim", { paths: ["src/cart.rs"] });
    await go(page, "claims");
    await page.getByText("the new cart").waitFor();
    const conflict = page.locator("#conflicts", { hasText: "carol" });
    await conflict.getByText("dave").first().waitFor();
    await conflict.getByText(/claimed at about the same time|dave yields/).first().waitFor();
  });

  test("the hub is killed and comes back", async () => {
    const { page } = opened;
    // The next hub is started by a session or by the page's own, maybe sooner than a page is painted. What the page says
    // meanwhile is tried where no session starts one.
    await junction.killHub();
    await page.locator("#hub-banner").waitFor({ state: "hidden", timeout: 30_000 });
    await page.getByRole("row", { name: /alice/ }).waitFor({ timeout: 30_000 });
    await talkTo(page, "alice");
    await write(page, "still there?");
    assert.equal((await alice.read()).message, "still there?");
    // The browser itself says that a websocket or a request failed; nothing of that is the page's.
  });

  test("two tabs show the same, and a link works once", async () => {
    const { page, context } = opened;
    const { link } = await junction.page();
    const second = await context.newPage();
    await second.goto(link);
    await talkTo(second, "alice");
    await talkTo(page, "alice");
    await write(page, "from the first tab");
    await letter(second, "from the first tab").waitFor();
    await write(second, "from the second tab");
    await letter(page, "from the second tab").waitFor();
    const third = await browser.newPage();
    const answer = await third.goto(link);
    assert.equal(answer.status(), 403);
    assert.match(await third.innerText("body"), /was used before/);
    await third.close();
  });

  test("an address with another key locks nobody out", async () => {
    const { page, context } = opened;
    const other = await context.newPage();
    await other.goto(`${new URL(page.url()).origin}/#${"0".repeat(64)}`);
    await other.locator("#hub-dot.on").waitFor();
    await page.reload();
    await page.locator("#hub-dot.on").waitFor();
    await talkTo(page, "alice");
    await write(page, "still mine");
    assert.equal((await alice.read()).message, "still mine");
  });

  test("whatever a peer writes is text", async () => {
    const { page } = opened;
    const texts = [
      "<script>document.title = 'taken'</script><img src=x onerror=\"alert(1)\"><b>bold</b>",
      "# Title\n\n[a link](javascript:alert(1)) <https://example.com> ![x](https://example.com/x.png)\n\n```js\nalert(2)\n```",
      "\u202egnp.exe\u202c and \u200bhidden, \u2066isolated",
      "x".repeat(64 * 1024),
      "`".repeat(60 * 1024),
      "[".repeat(30 * 1024) + "](".repeat(10 * 1024),
      "a\u0301".repeat(3000) + "Z\u0351\u036b\u0343\u036a".repeat(500),
    ];
    await talkTo(page, "alice");
    await brisk(browser, async () => {
      for (const text of texts) await alice.send("kim", text);
      await page.waitForFunction((count) => document.querySelectorAll("#letters-list > *").length >= count, texts.length);
      await readAll(page);
    });
    const found = await page.evaluate(() => ({
      made: document.querySelectorAll("#letters-list :is(script, img, iframe, b, object, form)").length,
      links: [...document.querySelectorAll("#letters-list a")].filter((link) => !link.href.startsWith(location.origin)).length,
      width: document.documentElement.scrollWidth <= innerWidth,
      text: document.querySelector("#letters-list").textContent,
      title: document.title,
    }));
    assert.deepEqual([found.made, found.links, found.width], [0, 0, true]);
    assert.ok(found.text.includes("<script>document.title") && found.text.includes("\\u{202e}gnp.exe"));
    assert.ok(!found.text.includes("\u202e") && !found.title.includes("taken"));
  });

  test("a long conversation of long letters is opened and scrolled without a pause", async () => {
    const { page } = opened;
    await talkTo(page, "bob");
    await brisk(browser, async () => {
      for (let sent = 0; sent < 60; sent++) {
        await bob.send("kim", `number ${sent} ${"`a` [b](c) ".repeat(360)}`);
        // As many at once as one may send to a receiver that reads none.
        if (sent % 30 < 29) continue;
        await page.locator("#letters-list > *").nth(sent === 29 ? 29 : 49).waitFor({ state: "attached" });
        await readAll(page);
        await letter(page, `number ${sent} `).waitFor();
      }
      await page.reload();
      await letter(page, "number 59 ").waitFor();
      await settled(page);
      await page.locator("#letters-more").click();
      await settled(page);
    });
  });

  for (const [name, options] of [
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["on a phone", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }],
  ]) {
    test(`${name}, each section is accessible and fits`, async () => {
      const { link } = await junction.page();
      const shown = await open(browser, link, options);
      await alice.send("kim", "Shall I?\n\n```sh\ncargo test\n```", { intent: "request" });
      for (const section of [...SECTIONS, "talk/alice"]) {
        await go(shown.page, section);
        await settled(shown.page);
        assert.deepEqual(await axe(shown.page), [], section);
        const { wide, at } = await shown.page.evaluate(() => ({ wide: document.documentElement.scrollWidth, at: innerWidth }));
        assert.ok(wide <= at, `${section} is ${wide} wide at ${at}`);
      }
      await blameless(shown);
      await shown.context.close();
    });
  }

  test("the first paint comes soon", async () => {
    const { link } = await junction.page();
    const shown = await open(browser, link);
    const paint = await shown.page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
    assert.ok(paint < 300, `${paint} ms`);
    await shown.context.close();
  });

  test("machines: without a hub that serves others, an invitation says what to do", async () => {
    const { page } = opened;
    await go(page, "machines");
    await page.getByRole("row", { name: /local/ }).waitFor();
    await page.getByRole("button", { name: "Invite a machine" }).click();
    // The hub serves this machine alone, and the page says what to do.
    await page.getByText(/junction-hub --host 0\.0\.0\.0/).waitFor();
    await page.keyboard.press("Escape");
  });
});
