#!/usr/bin/env node
// `npx agent-junction`: a hub in the foreground, and what to do with it. `npx agent-junction bridge`: the server that a client
// of MCP starts.

const { launch } = require("./launch.js");

const args = process.argv.slice(2);
if (args.length === 0) {
  console.error(`This is a hub, at which agents meet. It runs until you press Ctrl+C.
A machine needs none started by hand: the first agent starts one.

To connect your agents, in another terminal:
  npm install --global agent-junction
  junction-bridge setup
Then restart them, and ask one: who else is here?

Clients that are set up with the address http://127.0.0.1:4200/mcp go on with:
  junction-bridge gateway --compat
`);
}
if (args[0] === "bridge") launch("junction-bridge", args.slice(1));
else launch("junction-hub", args);
