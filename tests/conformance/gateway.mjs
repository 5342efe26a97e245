// What each test begins with: a hub and a gateway of its own, on free ports.

import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Junction, lineWith } from "../page/processes.mjs";

const ANY_PORT = ["--listen", "0"];
const PACKAGES = resolve(fileURLToPath(import.meta.url), "../node_modules/@modelcontextprotocol");

export class Gateway {
  static async start() {
    const gateway = new Gateway();
    gateway.junction = await Junction.start();
    const serving = gateway.junction.spawn("junction-bridge", ["gateway", ...ANY_PORT]);
    await lineWith(serving.stderr, "Serving MCP at").catch(async (error) => {
      await gateway.stop();
      throw error;
    });
    return gateway;
  }

  /** Adds an agent, and returns its address. */
  async add(name) {
    return lineWith(this.junction.spawn("junction-bridge", ["gateway", "add", name]).stdout, "http://");
  }

  /** Runs the program of a package to its end. */
  async run(program, args) {
    const child = this.junction.spawnFile(process.execPath, [join(PACKAGES, program), ...args]);
    child.stdin.end();
    const said = { stdout: "", stderr: "" };
    for (const name of Object.keys(said)) child[name].setEncoding("utf8").on("data", (text) => (said[name] += text));
    const status = await new Promise((done) => child.once("close", done));
    return { status, ...said };
  }

  stop() {
    return this.junction.stop();
  }
}
