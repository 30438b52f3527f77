/**
 * Prevents SIGUSR1 from starting Node's debugger, which any user of the machine could then connect
 * to. Our own listener takes the signal instead. Importing this file has the effect; long-running
 * programs import it first. A debugger that has already started is closed, unless the command line
 * asked for it (`node --inspect`).
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
// an earlier signal may still be on its way to the debugger's thread
setTimeout(close, 100).unref();
