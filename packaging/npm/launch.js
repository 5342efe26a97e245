// Starts a program of the package for this system. The programs find each other beside them, so they are started where
// they are.

const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const { dirname, join } = require("node:path");

const PLATFORM = `agent-junction-${process.platform}-${process.arch}`;

/** Where the program is, or undefined where there is none for this system. */
function find(name) {
  try {
    const folder = dirname(require.resolve(`${PLATFORM}/package.json`));
    return join(folder, "bin", process.platform === "win32" ? `${name}.exe` : name);
  } catch {
    return undefined;
  }
}

/** Runs the program in place of this one: with its input and output, its signals and its exit status. */
function launch(name, args) {
  const program = find(name);
  if (!program) {
    console.error(`The package ${PLATFORM} is not installed. Install agent-junction again with its optional dependencies, or build it from source if there is none for this system.`);
    process.exit(1);
  }
  const child = spawn(program, args, { stdio: "inherit" });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`${program} cannot be started (${error.code}). Install agent-junction again.`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}

module.exports = { launch };
