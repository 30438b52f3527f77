// In the bundle in place of Fastify's compilers of schemas: no route has one.
const unreachable = () => {
	throw new Error("not in the bundle");
};
module.exports = () => unreachable;
