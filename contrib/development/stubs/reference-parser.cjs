// Replaces, in the bundle, a parser that reads documents from files and URLs:
// openapi-backend gets the contract as an object.
// Strict on its own: esbuild takes that from tsconfig.json only for files it resolves itself, and a
// stub that a plugin resolves as well would be one or the other by chance.
"use strict";
const parse = async (document) => document;
module.exports = {
	__esModule: true,
	default: { parse, resolve: parse, dereference: parse },
};
