#!/usr/bin/env node

require("./launch.js").launch("junction-hub", process.argv.slice(2));
