// MCP Inspector on the command line, in both versions of MCP: an agent at the gateway's address, and its conversation with
// another there and with one at a bridge.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Gateway } from "./gateway.mjs";

const INSPECTOR = "inspector/clients/launcher/build/index.js";
const ERAS = ["legacy", "modern"];
let gateway, bob;
const address = {};

before(async () => {
  gateway = await Gateway.start();
  for (const name of ["desk", "shop"]) address[name] = await gateway.add(name);
  bob = await gateway.junction.agent("bob");
});
after(() => gateway?.stop());

for (const era of ERAS) {
  test(`lists in the ${era} era`, async () => {
    const { tools } = await inspect(era, "desk", "tools/list", "--strict");
    for (const name of ["register", "list_peers", "send_message", "read_messages"]) {
      assert.ok(tools.some((tool) => tool.name === name), `There is no tool ${name}.`);
    }
    assert.ok((await inspect(era, "desk", "prompts/list")).prompts.length > 0);
    assert.ok((await inspect(era, "desk", "resources/list")).resources.length > 0);
  });

  test(`skills are as they say in the ${era} era`, async () => {
    const { status, stdout, stderr } = await command(era, "desk", "skills/list", "--verify");
    assert.equal(status, 0, stdout + stderr);
  });

  test(`two agents of the gateway talk in the ${era} era`, async () => {
    assert.equal((await call(era, "shop", "register", { role: "shop" })).alias, "shop");
    const { id } = await call(era, "desk", "send_message", { target_alias: "shop", message: "Open?" });
    const { messages } = await call(era, "shop", "read_messages", { wait_seconds: 20 });
    assert.deepEqual(messages.map(({ from, message }) => [from, message]), [["desk", "Open?"]]);
    assert.equal((await receipt(era, "desk", id)).status, "read");
  });

  test(`an agent of the gateway and one at a bridge talk in the ${era} era`, async () => {
    const question = await call(era, "desk", "send_message", { target_alias: "bob", message: "Which port?" });
    const read = await bob.read();
    assert.deepEqual([read.from, read.message], ["desk", "Which port?"]);
    const answer = await bob.send("desk", "4200.", { reply_to: read.id });
    const { messages, receipts } = await call(era, "desk", "read_messages", { wait_seconds: 20 });
    assert.deepEqual(messages.map(({ message, reply_to }) => [message, reply_to]), [["4200.", question.id]]);
    assert.deepEqual(receipts.map(({ id, status }) => [id, status]), [[question.id, "read"]]);
    assert.equal((await receiptOfBob(answer.id)).status, "read");
  });
}

test("an address that leads nowhere is refused with what to do", async () => {
  const nowhere = address.desk.replace(/[^/]+$/, "nowhere");
  const { status, stderr } = await gateway.run(INSPECTOR, ["--cli", nowhere, "--transport", "http", "--method", "tools/list"]);
  assert.notEqual(status, 0);
  assert.match(stderr, /There is no agent at this address\. Run junction-bridge gateway add NAME/);
});

/** Runs Inspector at the address of an agent. */
function command(era, name, method, ...more) {
  const how = ["--transport", "http", "--protocol-era", era, "--format", "json", "--quiet"];
  return gateway.run(INSPECTOR, ["--cli", address[name], ...how, "--method", method, ...more]);
}

async function inspect(...words) {
  const { status, stdout, stderr } = await command(...words);
  assert.equal(status, 0, stdout + stderr);
  return JSON.parse(stdout).result;
}

/** Calls a tool of an agent, each time with a client of its own. */
async function call(era, name, tool, args) {
  const result = await inspect(era, name, "tools/call", "--tool-name", tool, "--tool-args-json", JSON.stringify(args));
  assert.ok(!result.isError, JSON.stringify(result));
  return result.structuredContent;
}

async function receipt(era, name, id) {
  const { receipts } = await call(era, name, "read_messages", {});
  return receipts.find((receipt) => receipt.id === id);
}

async function receiptOfBob(id) {
  const { receipts } = await bob.call("read_messages");
  return receipts.find((receipt) => receipt.id === id);
}
