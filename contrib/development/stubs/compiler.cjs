// Replaces Fastify's schema compilers in the bundle: no route has a schema.
// Strict on its own: esbuild takes that from tsconfig.json only for files it resolves itself, and a
// stub that a plugin resolves as well would be one or the other by chance.
"use strict";
const unreachable = () => {
	throw new Error("not in the bundle");
};
module.exports = () => unreachable;
