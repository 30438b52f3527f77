import { displayWidth, safeLine, wrapped } from "./terminal.ts";

/** What is to be said about a host. */
export interface HostMessage {
	host: string;
	/** One line. */
	message: string;
}

/** A message, and the hosts that it is about. */
interface Group {
	message: string;
	hosts: string[];
}

/** A fingerprint, in which messages about certificates differ from host to host. */
const fingerprint = /(?:[0-9A-F]{2}:){31}[0-9A-F]{2}/gi;

/** Puts hosts with equal messages together, in the order of their first. */
function grouped(
	messages: readonly HostMessage[],
	key: (message: string) => string,
): Group[] {
	const groups = new Map<string, Group>();
	for (const { host, message } of messages) {
		const of = key(message);
		const group = groups.get(of);
		if (!group) groups.set(of, { message, hosts: [host] });
		else {
			group.hosts.push(host);
			if (group.message !== message) group.message = of;
		}
	}
	return [...groups.values()];
}

/** As many names as there are columns for, and the number of the others. */
function names(hosts: readonly string[], columns: number): string {
	let fitting = "";
	let text = "";
	for (const [at, host] of hosts.entries()) {
		text += at === 0 ? host : `, ${host}`;
		if (displayWidth(text) > columns) break;
		const others = hosts.length - at - 1;
		const whole = others === 0 ? text : `${text} and ${others} more`;
		if (displayWidth(whole) <= columns) fitting = whole;
	}
	return fitting;
}

/**
 * One line for each message, however many hosts it is about: `18 hosts: connection refused: web01,
 * web02 and 16 more`. Messages that differ only in fingerprints are one message, unless all names are
 * wanted.
 * @param columns width of the terminal, which decides how many names are shown; undefined: all
 * @param before width of what comes before the lines
 */
export function hostLines(
	messages: readonly HostMessage[],
	{ columns, before = 0 }: { columns: number | undefined; before?: number },
): string[] {
	const key =
		columns === undefined
			? (message: string) => message
			: (message: string) => message.replace(fingerprint, "…");
	return grouped(messages, key).map(({ message, hosts }) => {
		const [first = ""] = hosts;
		if (hosts.length === 1) return safeLine(`${first}: ${message}`);
		const text = safeLine(`${hosts.length} hosts: ${message}:`);
		const all = hosts.map(safeLine);
		if (columns === undefined) return `${text} ${all.join(", ")}`;
		const lines = wrapped(`${"x".repeat(before)}${text}`, columns, 2);
		const last = lines.slice(lines.lastIndexOf("\n") + 1);
		// if not even one name fits, they begin a line
		const shown =
			names(all, columns - displayWidth(last) - 1) || names(all, columns - 2);
		return shown === "" ? text.slice(0, -1) : `${text} ${shown}`;
	});
}
