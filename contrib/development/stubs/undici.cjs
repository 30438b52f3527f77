// Replaces undici in the bundle by the only part that is reached.
exports.Client = require("undici/lib/dispatcher/client.js");
