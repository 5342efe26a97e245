#!/usr/bin/env node

require("./launch.js").launch("junction-bridge", process.argv.slice(2));
