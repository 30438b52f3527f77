/** Operations with POST that change nothing when they run again. */
const repeatable: ReadonlySet<string> = new Set([
	// a plugin looks at something; Nagios runs it again and again
	"/monitor",
	"/metric/peek",
	"/metric/ack",
	"/commands",
	"/results",
	"/refusals",
]);

/**
 * Whether a request may run twice. If a kept connection ends before the first byte of its answer,
 * nobody knows whether it ran: an agent that stops closes its idle connections, perhaps at the
 * moment when a request is sent. Only such a request is sent again then. Others may add metrics,
 * take them, or run a command with effects.
 */
export const mayRunTwice = (method: string, path: string): boolean =>
	method === "GET" || repeatable.has(path);
