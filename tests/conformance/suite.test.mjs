// The scenarios of the official conformance suite, in each version of MCP that it knows. What comes of them is compared with
// expected.json: a check that fails, or passes, against what is expected there fails the test, and so does a scenario that is
// not in it.

import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Gateway } from "./gateway.mjs";

const SUITE = "conformance/dist/index.js";
const VERSIONS = ["2025-06-18", "2025-11-25", "2026-07-28"];
const { applies, extensions, notPassed, doesNotApply } = JSON.parse(await readFile(new URL("expected.json", import.meta.url)));
const known = new Set([...applies, ...extensions, ...Object.values(doesNotApply).flat()]);
const seen = new Set();
let gateway, address;

before(async () => {
  gateway = await Gateway.start();
  address = await gateway.add("desk");
});
after(() => gateway?.stop());

for (const version of VERSIONS) {
  test(`scenarios of ${version}`, async () => {
    compare(await run(version, "--suite", "all"), version);
  });
}

// Scenarios of extensions belong to no version.
for (const version of VERSIONS.slice(-2)) {
  test(`extensions in ${version}`, async () => {
    for (const name of extensions) compare(await run(version, "--scenario", name, "--force"), version);
  });
}

test("everything expected was seen", () => {
  assert.deepEqual([...known].filter((name) => !seen.has(name)), []);
});

/** Runs scenarios. Returns the checks of each, by its name. */
async function run(version, ...which) {
  const folder = await mkdtemp(join(gateway.junction.home, "results-"));
  const { stdout, stderr } = await gateway.run(SUITE, ["server", "--url", address, "--spec-version", version, "-o", folder, ...which]);
  const results = new Map();
  for (const name of await readdir(folder)) {
    const checks = JSON.parse(await readFile(join(folder, name, "checks.json")));
    results.set(/^server-(.*)-\d{4}-\d\d-\d\dT/.exec(name)[1], checks);
  }
  assert.ok(results.size > 0, `The suite ran nothing: ${stdout}${stderr}`);
  return results;
}

/** Compares the checks of scenarios with what is expected of them. */
function compare(results, version) {
  for (const [name, checks] of results) {
    seen.add(name);
    assert.ok(known.has(name), `expected.json does not have the scenario ${name}.`);
    const failed = checks.filter(({ status }) => status === "FAILURE" || status === "WARNING");
    if (Object.values(doesNotApply).flat().includes(name)) {
      // Whatever is answered is a message that the version allows.
      assert.equal(failed.find(({ id }) => id.startsWith("wire-"))?.errorMessage, undefined, `${name} in ${version}`);
      continue;
    }
    const expected = Object.values(notPassed[name] ?? {}).flat();
    const surprising = failed.filter(({ id }) => !expected.includes(id));
    assert.deepEqual(surprising.map(({ id, errorMessage }) => `${id}: ${errorMessage}`), [], `${name} in ${version}`);
    const passes = expected.filter((id) => !failed.some((check) => check.id === id));
    assert.deepEqual(passes, [], `${name} in ${version} passes checks that expected.json says it does not.`);
  }
}
