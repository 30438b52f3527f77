// Replaces undici in the bundle by the only part that is reached.
// Strict on its own: esbuild takes that from tsconfig.json only for files it resolves itself, and a
// stub that a plugin resolves as well would be one or the other by chance.
"use strict";
exports.Client = require("undici/lib/dispatcher/client.js");
