// Replaces Fastify's schema compilers in the bundle: no route has a schema.
const unreachable = () => {
	throw new Error("not in the bundle");
};
module.exports = () => unreachable;
