import type { Answered } from "./answered.ts";
import type { Fields, Log } from "./log.ts";

/** Paths come from clients, who may send sixteen kilobytes of them. */
const mostCharacters = 200;

const cut = (text: string, most = mostCharacters) =>
	text.length > most ? `${text.slice(0, most)}...` : text;

/** `192.0.2.7:51234`, `[2001:db8::7]:51234`. */
function address({ client, clientPort }: Answered): string {
	const host = client.includes(":") ? `[${client}]` : client;
	return clientPort === undefined ? client : `${host}:${clientPort}`;
}

const rounded = (milliseconds: number) => Math.round(milliseconds * 10) / 10;

function reasonOf({ refusal, facts, isCut, status }: Answered) {
	const reason = refusal ?? facts.reason;
	if (reason !== undefined) return cut(reason, 4 * mostCharacters);
	if (status === undefined) return "the connection ended before the answer";
	return isCut ? "the connection ended within the answer" : undefined;
}

function fieldsOf(answered: Answered): Fields {
	const { facts, status, bytes } = answered;
	return {
		client: address(answered),
		method: answered.method,
		path: cut(answered.target),
		operation: answered.operationId,
		status: status ?? "none",
		bytes,
		ms: rounded(answered.milliseconds),
		plugin: facts.plugin && cut(facts.plugin),
		command: facts.command && cut(facts.command),
		exit_status: facts.exitStatus,
		hop: facts.hop,
		reason: reasonOf(answered),
	};
}

/**
 * Writes a line for each request that is over: at `info`, or at `warning` when it
 * was refused or failed. A denied peer has its own line at `error`. Options of
 * plugins and commands, which may be passwords, are shown at `debug` only.
 */
export function createAccessLog(
	log: Pick<Log, "debug" | "info" | "warning">,
): (answered: Answered) => void {
	return (answered) => {
		const { facts, refusal, status = 0, isDenied } = answered;
		// a health check that only connects ends so
		const isSilent = status === 408 && answered.method === "";
		const failed =
			(refusal !== undefined && !isDenied && !isSilent) || status >= 500;
		log[failed ? "warning" : "info"]("Access", () => fieldsOf(answered));
		const { option, plugin, command } = facts;
		if (option !== undefined)
			log.debug("Options", {
				client: address(answered),
				plugin,
				command,
				option: cut(option),
			});
	};
}
