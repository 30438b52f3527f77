/**
 * Node opens its debugger on a local port, for every user of the machine, when it gets SIGUSR1. A listener of ours takes
 * the signal in its place. Imported first by programs that live long: importing has the effect. What opened before is
 * closed again, unless the command line asked for it (`node --inspect`).
 */
import inspector from "node:inspector";

const isAskedFor = process.execArgv.some((option) =>
	/^--inspect(-brk|-wait)?(=|$)/.test(option),
);

const close = () => {
	if (!isAskedFor && inspector.url() !== undefined) inspector.close();
};

process.on("SIGUSR1", () => {});
close();
// a signal that came before the listener may still be on its way to the debugger's thread
setTimeout(close, 100).unref();
