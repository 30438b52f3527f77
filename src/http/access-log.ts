import type { Fields, Log } from "../log.ts";
import { createLogRepeats, type LogRepeats } from "../log-repeats.ts";
import type { Answered } from "./reply.ts";

/** Limit of a logged path, as clients may send sixteen kilobytes. */
const maxCharacters = 200;

const cut = (text: string, max = maxCharacters) =>
	text.length > max ? `${text.slice(0, max)}...` : text;

/** `192.0.2.7:51234`, `[2001:db8::7]:51234`. */
function address({ client, clientPort }: Answered): string {
	const host = client.includes(":") ? `[${client}]` : client;
	return clientPort === undefined ? client : `${host}:${clientPort}`;
}

const rounded = (milliseconds: number) => Math.round(milliseconds * 10) / 10;

function reasonOf({ refusal, facts, isCut, status }: Answered) {
	const reason = refusal ?? facts.reason;
	if (reason !== undefined) return cut(reason, 4 * maxCharacters);
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

/** The recovery of a hop is logged only after a longer outage; otherwise it counts as flapping. */
const minOutageMilliseconds = 60_000;

/** Other subjects begin with a bracket. */
const hopSubject = (hop: string) => `hop ${cut(hop)}`;

/**
 * The subject of a failure: a next hop that does not answer, for all clients; otherwise the client
 * and operation.
 */
function subjectOf({ client, operationId = "", facts, refusal }: Answered) {
	return facts.hop === undefined || facts.hopAnswered || refusal !== undefined
		? JSON.stringify([client, operationId])
		: hopSubject(facts.hop);
}

/** The cause of a failure; equal for equal reasons, whatever the numbers in them. */
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
 * Logs each finished request: at `info`, or at `warning` if it was refused or failed. If requests
 * are refused or fail repeatedly for the same reason, only the first is a warning, and an hourly
 * line gives their number. A denied peer is logged at `error` when it connects. Options of plugins
 * and commands may be passwords, so they appear only at `debug`.
 * @param repeats keeps lasting failures from filling the log
 */
export function createAccessLog(
	log: Pick<Log, "debug" | "info" | "warning" | "error">,
	repeats: LogRepeats = createLogRepeats({ log }),
): (answered: Answered) => void {
	return (answered) => {
		const { facts, refusal, status = 0, isDenied } = answered;
		// a health check that only connects ends this way
		const isSilent = status === 408 && answered.method === "";
		const failed =
			(refusal !== undefined && !isDenied && !isSilent) || status >= 500;
		const { option, plugin, command, hop, hopAnswered } = facts;
		if (hop !== undefined && hopAnswered)
			repeats.right(
				hopSubject(hop),
				`relay to ${cut(hop)}`,
				minOutageMilliseconds,
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
