// Wakes an idle session when a message waits for it. `junction-bridge hook --wait` blocks until there is one and prints a
// notice, with which a turn begins; the next call tells the bridge whether it did.

const LONGEST = 600_000; // as long as Claude Code lets a program run
const SHORT = 60_000; // a wait that ends sooner, without a notice, has found no bridge
let newest = 0;

export function register(on) {
  on('session.start', async ($, event, next) => {
    const answer = await next(event);
    if (event.isInteractive) {
      newest += 1;
      wakes($, newest).catch(() => {}); // the session has ended
    }
    return answer;
  });
}

async function wakes($, own) {
  let outcome = [];
  let pause = 0;
  // What became of a notice is told even if another session has begun since. That one's wait then begins again.
  while (own === newest || outcome.length) {
    const began = Date.now();
    let notice = '';
    try {
      const env = await $.process.hookEnv();
      const argv = ['junction-bridge', 'hook', '--wait', ...outcome];
      const { exitCode, stdout } = await $.process.run(argv, { env, timeoutMs: LONGEST });
      if (exitCode === 0) notice = stdout.trim();
    } catch {
      // The program is missing, or was ended.
    }
    outcome = [];
    if (notice) {
      pause = 0;
      outcome = [await isTaken($, notice) ? '--woken' : '--dropped'];
    } else if (Date.now() - began < SHORT) {
      pause = Math.min(Math.max(2 * pause, 1_000), LONGEST);
      await $.clock.sleep(pause);
    } else {
      pause = 0;
    }
  }
}

async function isTaken($, text) {
  try {
    return (await $.prompt.submit({ text })).drop === undefined;
  } catch {
    return false;
  }
}
