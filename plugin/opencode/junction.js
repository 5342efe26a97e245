// Wakes an idle opencode session when a message waits for it. `junction-bridge hook --wait` blocks until there is one and
// prints a notice, with which a turn begins; the next call tells the bridge whether it did. In a turn, `junction-bridge
// hook` tells the bridge what the agent does, and the agent what waits for it. Without a bridge, nothing happens.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const BRIDGE = 'junction-bridge';
const NAME = 'JUNCTION_OPENCODE_PLUGIN';
const SKILLS = fileURLToPath(new URL('skills', import.meta.url));
const SHORT = 60_000; // a wait that ends sooner, without a notice, has found no bridge
const LONGEST_PAUSE = 600_000;
const HOOK_TIME = 2_000; // as long as an event may hold up the agent
const BEGIN_TIME = 10_000; // as long as a turn may take to begin after its prompt
const PROMPT_START = 200; // as much of a prompt as tells whether a person typed it
// A run that ends with its answer is not woken. Its command is the first word that belongs to no option.
const HAS_VALUE = /^(--(log-level|model|session|prompt|agent|port|hostname|mdns-domain|cors|replay-limit)|-m|-s)$/;
const isRun =
  process.argv.slice(2).find((word, at, words) => !word.startsWith('-') && !HAS_VALUE.test(words[at - 1])) === 'run';

// opencode 1 calls `server`, opencode 2 calls `setup`.
export default { id: 'junction', server, setup };

async function server({ client, directory }) {
  const session = new Session(directory, async ({ id, agent, model }, text) => {
    // Synthetic: these are not the person's words, so they are not on the screen either.
    const parts = [{ type: 'text', text, synthetic: true }];
    const body = { agent, model, variant: model?.variant, parts };
    const { error } = await client.session.promptAsync({ path: { id }, body });
    if (error) throw error;
    client.tui.showToast({ body: { message: text, variant: 'info' } }).catch(() => {});
  });
  const isSubagent = async (id) => (await client.session.get({ path: { id } })).data?.parentID !== undefined;
  return {
    async config(config) {
      const isProgram = (word) => /(^|[/\\])junction-bridge(\.exe)?$/.test(word);
      const program = ({ command }) => [command].flat().find(isProgram);
      const servers = Object.entries(config.mcp ?? {});
      const [name, own] = servers.find(([, server]) => program(server)) ?? ['junction', config.mcp?.junction];
      let server = own ?? { type: 'local', command: [BRIDGE] };
      if (program(server)) {
        session.program = program(server);
        if (!isRun) session.name = randomUUID();
        // By the name, the bridge knows before the first prompt that this can wake the session, and which plugin is its
        // own. The settings of several folders may share what is in them, so nothing of that is changed.
        if (session.name) server = { ...server, environment: { ...server.environment, [NAME]: session.name } };
      }
      config.mcp = { ...config.mcp, [name]: server };
      if (existsSync(SKILLS)) config.skills = { ...config.skills, paths: [...(config.skills?.paths ?? []), SKILLS] };
    },
    async 'chat.message'({ sessionID }, { message, parts }) {
      if (await isSubagent(sessionID)) return;
      session.isAt({ id: sessionID, agent: message.agent, model: message.model });
      const text = parts.find((part) => part.type === 'text')?.text ?? '';
      const context = await session.isPrompted(message.id, text);
      if (!context || !parts.length) return;
      const { id, messageID } = parts.at(-1);
      parts.push({ id: `${id}0`, messageID, sessionID, type: 'text', text: context, synthetic: true });
    },
    // The model is about to be asked: nothing has refused the prompt.
    async 'chat.params'({ sessionID, message }) {
      if (session.id === sessionID) session.begins(message?.id);
    },
    async 'tool.execute.after'({ sessionID }, result) {
      const context = session.id === sessionID && (await session.tells('PostToolUse')).context;
      if (!context) return;
      if (Array.isArray(result.content)) result.content.push({ type: 'text', text: context });
      else if (typeof result.output === 'string') result.output += `\n\n${context}`;
    },
    async event({ event: { type, properties } }) {
      if (!properties?.sessionID || properties.sessionID !== session.id) return;
      if (type === 'session.error') session.fails(properties.error?.name);
      else if (type === 'session.idle') await session.ends();
      else if (/^(permission|question)\.asked$/.test(type)) session.tells('PermissionRequest');
      else if (/^(permission|question)\.(replied|rejected)$/.test(type)) session.tells('PreToolUse');
    },
    async dispose() {
      session.close();
    },
  };
}

// As opencode 2 documents it. Not tried.
async function setup(ctx) {
  const session = new Session(ctx.location?.directory, async ({ id }, text) => {
    await ctx.session.synthetic({ sessionID: id, text, description: 'Agent Junction', delivery: 'queue' });
    session.isTaken();
  });
  await ctx.session.hook('prompt', async ({ sessionID }) => {
    const found = await ctx.session.get({ sessionID });
    if (!(found?.data ?? found)?.parentID) session.isAt({ id: sessionID });
  });
  return () => session.close();
}

// The session that a person wrote to last, and its bridge.
class Session {
  program = BRIDGE;
  name; // which the bridge was given
  #directory;
  #submit;
  #at;
  #submitted = {};
  #prompt; // the message that no turn has begun with yet
  #isInTurn = false;
  #failure; // why the turn will have ended, if it fails
  #isHeldUp = false;
  #ending = Promise.resolve(); // of the last turn, until the bridge has replied to it
  #waking = Promise.resolve();
  #events = Promise.resolve();
  #taken = () => {};
  #waits;
  #children = new Set();
  #isClosed = false;

  constructor(directory, submit) {
    this.#directory = directory;
    this.#submit = submit;
  }

  get id() {
    return this.#at?.id;
  }

  isAt(session) {
    if (session.id !== this.id) this.#isInTurn = false;
    this.#at = session;
    // Before, there is no session that could be woken.
    this.#waits ??= isRun ? Promise.resolve() : this.#wait();
  }

  // A turn is to begin, unless something refuses the prompt. Returns what its model should be told.
  async isPrompted(message, text) {
    this.#failure = undefined;
    const isOurs = text === this.#submitted.text;
    this.#prompt = { message, isOurs, at: Date.now() };
    if (isOurs) return;
    this.#isHeldUp = false;
    return (await this.tells('UserPromptSubmit', { prompt: text.slice(0, PROMPT_START) })).context;
  }

  // The turn with this message has begun.
  begins(message) {
    if (!this.#prompt || this.#prompt.message !== message) return;
    if (this.#prompt.isOurs) this.tells('UserPromptSubmit', { prompt: this.#submitted.notice });
    this.#prompt = undefined;
    this.#isInTurn = true;
    this.isTaken();
  }

  isTaken(isTaken = true) {
    this.#taken(isTaken);
  }

  // The turn fails, or the prompt before it is refused. Then no end follows.
  fails(why) {
    this.#failure = why ?? 'unknown';
    if (!this.#prompt) return;
    if (!this.#isInTurn) this.ends();
    this.#prompt = undefined;
    this.isTaken(false);
  }

  ends() {
    // Before its turn, a notice has told the bridge of nothing.
    if (!this.#isInTurn && (this.#prompt?.isOurs ?? true)) return;
    this.#isInTurn = false;
    this.#prompt = undefined;
    this.#ending = this.#tellsEnd();
    return this.#ending;
  }

  async #tellsEnd() {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) {
      await this.tells(failure === 'MessageAbortedError' ? 'Interrupt' : 'StopFailure');
      return;
    }
    const { block } = await this.tells('Stop', { stop_hook_active: this.#isHeldUp });
    this.#isHeldUp = block !== undefined;
    if (block && !(await this.#wakes(block))) await this.tells('Stop', { stop_hook_active: true });
  }

  // Tells the bridge of an event, after those before it. Returns what the bridge says to it.
  tells(event, more) {
    const input = JSON.stringify({ hook_event_name: event, session_id: this.id, ...more });
    const reply = this.#events.then(() => this.#run(['hook'], input, HOOK_TIME));
    this.#events = reply;
    return reply.then((output) => {
      try {
        const { hookSpecificOutput, reason } = JSON.parse(output);
        return { context: hookSpecificOutput?.additionalContext, block: reason };
      } catch {
        return {};
      }
    });
  }

  close() {
    this.#isClosed = true;
    for (const child of this.#children) child.kill();
  }

  async #wait() {
    let outcome = [];
    let pause = 0;
    while (!this.#isClosed) {
      const began = Date.now();
      const notice = await this.#run(['hook', '--wait', ...outcome]);
      outcome = [];
      if (notice) {
        pause = 0;
        outcome = await this.#passesOn(notice);
      } else if (Date.now() - began < SHORT) {
        pause = Math.min(Math.max(2 * pause, 1_000), LONGEST_PAUSE);
        await new Promise((resolve) => setTimeout(resolve, pause).unref());
      } else {
        pause = 0;
      }
    }
  }

  // Begins a turn with a notice, unless one is going on: at its end, the bridge says what is still unread then.
  async #passesOn(notice) {
    if (this.#isBusy()) return [];
    await this.#ending;
    if (this.#isBusy()) return [];
    return [(await this.#wakes(notice)) ? '--woken' : '--dropped'];
  }

  // A prompt may stay without a turn.
  #isBusy() {
    const { isOurs = true, at } = this.#prompt ?? {};
    return this.#isInTurn || (!isOurs && Date.now() - at < BEGIN_TIME);
  }

  // Begins a turn with a notice, after those before it. Returns whether it began.
  #wakes(notice) {
    this.#waking = this.#waking.then(() => this.#submits(notice));
    return this.#waking;
  }

  async #submits(notice) {
    const text = `The junction plugin sent a message: ${notice}`;
    this.#submitted = { text, notice };
    const taken = new Promise((resolve) => {
      this.#taken = resolve;
      setTimeout(resolve, BEGIN_TIME, false).unref();
    });
    return this.#submit(this.#at, text).then(() => taken, () => false);
  }

  // What a program prints; nothing if it fails, or cannot be started.
  async #run(words, input = '', limit) {
    let child;
    try {
      const env = this.name ? { ...process.env, [NAME]: this.name } : process.env;
      const options = { cwd: this.#directory, env, timeout: limit, stdio: ['pipe', 'pipe', 'ignore'] };
      child = spawn(this.program, words, options);
      this.#children.add(child);
      let output = '';
      child.stdout?.on('data', (data) => (output += data));
      child.stdin?.on('error', () => {});
      child.stdin?.end(input);
      child.unref?.();
      const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
      return status === 0 ? output.trim() : '';
    } catch {
      return '';
    } finally {
      this.#children.delete(child);
    }
  }
}
