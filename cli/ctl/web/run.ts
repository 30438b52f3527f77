import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { webContract } from "../../../generated/web-contract.ts";
import { bindContract } from "../../../src/http/bind.ts";
import { systemReason } from "../../../src/system-error.ts";
import type { AgentCall } from "../agent-command.ts";
import type { Target } from "../target/targets.ts";
import { createAsk } from "./asking.ts";
import { hasDisplay, openBrowser } from "./browser.ts";
import { createWebHandlers } from "./handlers.ts";
import { Hosts } from "./hosts.ts";
import { readPageFiles } from "./page-files.ts";
import { createUserCheck } from "./peer-user.ts";
import { startWebServer, type WebServer } from "./server.ts";
import { Sessions } from "./sessions.ts";

/** How long the first link, and one after Enter, may wait for a browser. */
const linkMilliseconds = 5 * 60_000;

/** Where the build puts the files of the page: beside the program. */
export const pageDirectory = fileURLToPath(new URL("web", import.meta.url));

/** The page cannot be served. */
export class WebError extends Error {
	override name = "WebError";
}

/** What the command line says about the page. */
export interface WebOptions {
	/** 0 takes a free port. */
	port: number;
	/** Whether to open the browser. */
	opens: boolean;
	/** Directory with the files of the page. */
	directory: string;
	/** What the user asked for, in words. */
	asked: string;
}

type WebCommandCall = Pick<
	AgentCall<Record<never, never>>,
	| "askOne"
	| "keepKnownHosts"
	| "targets"
	| "listTargets"
	| "reach"
	| "verification"
	| "environment"
	| "stdin"
	| "write"
	| "say"
>;

/**
 * Serves the page until the signal aborts.
 * @throws WebError if it cannot listen, or the page is not there
 */
export async function serveWeb(
	call: WebCommandCall,
	options: WebOptions,
	signal: AbortSignal,
): Promise<void> {
	const { targets, reach, verification, environment, stdin, say } = call;
	const files = await readPageFiles(options.directory).catch((error) => {
		throw new WebError(
			`the page is not there: ${options.directory}: ${systemReason(error)}; the package happo-check has it, that of the agent has not`,
		);
	});
	const sessions = new Sessions();
	const ask = createAsk(call.askOne, say);
	const hosts = new Hosts({
		...{ targets, ask, asked: options.asked, parallel: reach.parallel },
		relist: call.listTargets && { list: call.listTargets, complain: say },
	});
	let server: WebServer | undefined;
	const linkWith = (token: string) =>
		`http://${server?.host ?? ""}/#token=${token}`;
	server = await startWebServer({
		bound: await bindContract(webContract),
		handlers: createWebHandlers({
			...{ sessions, hosts, ask, linkWith },
			way: { reach, verification },
		}),
		...{ sessions, files, port: options.port, complain: say },
		isUser: createUserCheck(environment),
	}).catch((error) => {
		throw new WebError(
			`127.0.0.1 port ${options.port}: ${systemReason(error)}`,
		);
	});
	call.keepKnownHosts(signal);
	const newLink = () => linkWith(sessions.createToken(linkMilliseconds));
	const opens = options.opens && hasDisplay(environment);
	try {
		const link = newLink();
		const isOpened = opens && (await openBrowser(link, environment));
		say(
			isOpened
				? "opens the page in your browser; Enter prints a link, which works once within five minutes, Ctrl-C ends"
				: "open this link, which works once within five minutes; Enter prints another, Ctrl-C ends",
		);
		if (!isOpened) await call.write(`${link}\n`);
		await untilAborted(signal, stdin, () => call.write(`${newLink()}\n`));
	} finally {
		hosts.stop();
		await server.close();
	}
}

/** Waits for the signal; calls `onLine` for each line of standard input until it ends. */
async function untilAborted(
	signal: AbortSignal,
	stdin: Readable,
	onLine: () => Promise<void>,
): Promise<void> {
	const lines = createInterface({ input: stdin });
	const failed = new Promise<never>((_resolve, reject) => {
		lines.on("line", () => onLine().catch(reject));
	});
	const aborted = new Promise<void>((resolve) => {
		if (signal.aborted) resolve();
		signal.addEventListener("abort", () => resolve(), { once: true });
	});
	try {
		await Promise.race([aborted, failed]);
	} finally {
		lines.close();
		stdin.destroy();
	}
}

/** The agents of the page in words. */
export function askedFor(
	targets: readonly Target[],
	{ group }: { group: string },
): string {
	if (group !== "") return `group ${group}`;
	const [first, second] = targets;
	const names = targets.length <= 3 ? targets.map(({ name }) => name) : [];
	return first && second && names.length === 0
		? `${first.name}, ${second.name} and ${targets.length - 2} more`
		: names.join(", ");
}
