// Replaces modules in the bundle that are never reached (contrib/development/build.mjs).
const unreachable = () => {
	throw new Error("not in the bundle");
};
module.exports = {
	__esModule: true,
	default: class {},
	mock: unreachable,
	parse: unreachable,
};
