// Replaces modules in the bundle that are never reached (contrib/development/build.mjs).
// Strict on its own: esbuild takes that from tsconfig.json only for files it resolves itself, and a
// stub that a plugin resolves as well would be one or the other by chance.
"use strict";
const unreachable = () => {
	throw new Error("not in the bundle");
};
module.exports = {
	__esModule: true,
	default: class {},
	mock: unreachable,
	parse: unreachable,
};
