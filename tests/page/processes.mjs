// The real programs that the page is tried with: a hub and bridges of a configuration directory of their own, and the page.

import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The folder of the programs under test. */
export const PROGRAMS = process.env.JUNCTION_PROGRAMS ?? resolve(fileURLToPath(import.meta.url), "../../../target/debug");

/** A directory with its hub, and all that was started in it. */
export class Junction {
  constructor(home, settings) {
    this.home = home;
    this.ends = [];
    this.env = {
      PATH: process.env.PATH,
      HOME: home,
      USER: "kim",
      XDG_RUNTIME_DIR: join(home, "run"),
      JUNCTION_CONFIG_DIR: join(home, "config"),
      JUNCTION_SEND_LIMIT: "off",
      ...settings,
    };
  }

  static async start(settings = {}) {
    const home = await mkdtemp(join(tmpdir(), "junction-page-"));
    await mkdir(join(home, "run"), { mode: 0o700 });
    const junction = new Junction(home, settings);
    await junction.startHub();
    return junction;
  }

  /** Starts a program of the project. */
  spawn(name, args, options) {
    return this.spawnFile(join(PROGRAMS, name), args, options);
  }

  spawnFile(name, args = [], options = {}) {
    const child = spawn(name, args, { env: this.env, cwd: this.home, stdio: ["pipe", "pipe", "pipe"], ...options });
    child.on("error", (error) => console.error(`${name}: ${error.message}`));
    this.ends.push(() => end(child));
    return child;
  }

  /** Starts the hub, and waits until it serves. */
  async startHub() {
    this.hub = this.spawn("junction-hub", this.port ? ["--port", String(this.port)] : ["--port", "0"]);
    const said = await lineWith(this.hub.stderr, "serves");
    this.port = Number(/:(\d+)/.exec(said)[1]);
  }

  /** Kills the hub, so that nothing of it is left. */
  async killHub() {
    const ended = new Promise((done) => this.hub.once("exit", done));
    this.hub.kill("SIGKILL");
    await ended;
  }

  /** Starts a bridge for an agent, which registers. */
  async agent(alias, about = {}, cwd = this.home, env = this.env) {
    // Below a shell, as below a client: a program that starts a bridge itself counts as one, and may not be a person.
    const shell = this.spawnFile("/bin/sh", ["-c", '"$0"; exit $?', join(PROGRAMS, "junction-bridge")], { cwd, env });
    const agent = new Agent(shell, alias);
    await agent.begin(about);
    return agent;
  }

  /** The same for an agent that the page does not take for one of its person's: its socket is elsewhere. */
  async agentOfAnother(alias, about = {}) {
    const run = join(this.home, `run-${alias}`);
    await mkdir(run, { mode: 0o700 });
    return this.agent(alias, about, this.home, { ...this.env, XDG_RUNTIME_DIR: run });
  }

  /** Serves the page, and returns its link. */
  async page(...args) {
    const child = this.spawn("junction-bridge", ["ui", "--no-open", ...args]);
    child.stderr.on("data", (data) => (child.said = (child.said ?? "") + data));
    const link = await lineWith(child.stdout, "http://").catch((error) => Promise.reject(new Error(`${error.message} ${child.said}`)));
    return { child, link };
  }

  async stop() {
    await Promise.all(this.ends.map((stop) => stop()));
    // A bridge may have started a hub in the place of one that was killed.
    const stopping = this.spawn("junction-bridge", ["stop", "--yes"]);
    await new Promise((done) => stopping.once("exit", done));
    await rm(this.home, { recursive: true, force: true });
  }
}

/** An agent at its bridge: calls tools, as a client does. */
export class Agent {
  constructor(child, alias) {
    this.child = child;
    this.alias = alias;
    this.next = 1;
    this.waiting = new Map();
    createInterface({ input: child.stdout }).on("line", (line) => {
      const { id, result, error } = JSON.parse(line);
      this.waiting.get(id)?.(result ?? { error });
      this.waiting.delete(id);
    });
    child.stderr.resume();
  }

  async begin(about) {
    const clientInfo = { name: "claude-code", version: "2" };
    await this.request("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo });
    this.write({ method: "notifications/initialized" });
    await this.call("register", { alias: this.alias, ...about });
  }

  write(message) {
    this.child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  }

  request(method, params) {
    const id = this.next++;
    const answer = new Promise((done) => this.waiting.set(id, done));
    this.write({ id, method, params });
    return answer;
  }

  /** Calls a tool. An error of the tool is thrown. */
  async call(name, args = {}) {
    const result = await this.request("tools/call", { name, arguments: args });
    if (result.isError || result.error) throw new Error(result.content?.[0]?.text ?? JSON.stringify(result.error));
    return result.structuredContent;
  }

  send(to, message, more = {}) {
    return this.call("send_message", { target_alias: to, message, ...more });
  }

  /** The next message. */
  async read() {
    const { messages } = await this.call("read_messages", { wait_seconds: 30 });
    return messages[0];
  }
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once("exit", done));
  // A bridge ends with its input, and a shell above it then.
  child.stdin.end();
  if (!child.spawnfile.endsWith("sh")) child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 5000);
  await ended;
  clearTimeout(late);
}

/** The first line that has this in it. */
export function lineWith(stream, text) {
  return new Promise((found, failed) => {
    const said = [];
    const lines = createInterface({ input: stream });
    lines.on("line", (line) => {
      said.push(line);
      if (line.includes(text)) found(line);
    });
    lines.on("close", () => failed(new Error(`Nothing said ${text}: ${said.join("\n")}`)));
  });
}
