import type { Fields, Log } from "../log.ts";
import { createLogRepeats, type LogRepeats } from "../log-repeats.ts";
import type { Answered } from "./reply.ts";

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

/** A hop that answers again within this time comes and goes. */
const leastOutageMilliseconds = 60_000;

const hopSubject = (hop: string) => JSON.stringify([cut(hop)]);

/** Who is the matter: a next hop that does not answer, for all clients, or else the client with its operation. */
function subjectOf({ client, operationId = "", facts, refusal }: Answered) {
	return facts.hop === undefined || facts.hopAnswered || refusal !== undefined
		? JSON.stringify([client, operationId])
		: hopSubject(facts.hop);
}

/** The same for what is refused or fails for the same reason, whatever the figures in it. */
function causeOf(answered: Answered) {
	const { facts, status, target, operationId } = answered;
	const names = [facts.hop, facts.plugin, facts.command, operationId ?? target];
	const reason = reasonOf(answered)?.replace(/\d+(\.\d+)?/g, "0");
	return JSON.stringify([
		status,
		...names.map((name) => cut(name ?? "")),
		reason,
	]);
}

/**
 * Writes a line for each request that is over: at `info`, or at `warning` when it
 * was refused or failed. Of requests that are refused or fail again and again for the
 * same reason the first one alone is a warning, and once an hour a line says how many
 * there were. A denied peer has its own line at `error`. Options of plugins and
 * commands, which may be passwords, are shown at `debug` only.
 * @param repeats keeps what lasts from filling the log
 */
export function createAccessLog(
	log: Pick<Log, "debug" | "info" | "warning" | "error">,
	repeats: LogRepeats = createLogRepeats({ log }),
): (answered: Answered) => void {
	return (answered) => {
		const { facts, refusal, status = 0, isDenied } = answered;
		// a health check that only connects ends so
		const isSilent = status === 408 && answered.method === "";
		const failed =
			(refusal !== undefined && !isDenied && !isSilent) || status >= 500;
		const { option, plugin, command, hop, hopAnswered } = facts;
		if (hop !== undefined && hopAnswered)
			repeats.right(
				hopSubject(hop),
				`relay to ${cut(hop)}`,
				leastOutageMilliseconds,
			);
		const fields = () => fieldsOf(answered);
		const isNews =
			failed &&
			repeats.wrong(subjectOf(answered), {
				kind: causeOf(answered),
				level: "warning",
				lines: ["Access"],
				fields,
			});
		if (!isNews) log.info("Access", fields);
		if (option !== undefined)
			log.debug("Options", {
				client: address(answered),
				plugin,
				command,
				option: cut(option),
			});
	};
}
