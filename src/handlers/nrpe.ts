import { AgentError } from "../agent-error.ts";
import type { CommandResult } from "../commands/command.ts";
import type { Call, Facts } from "../operation.ts";
import type { NrpeCommand } from "../policy/call.ts";
import { withFacts } from "./facts.ts";
import type { CheckEnd, RunCheck } from "./monitor.ts";

/** The result of a check for a client of NRPE. */
export interface NrpeReply {
	/** Nagios' status, 0 to 3. */
	status: number;
	/** Without NUL. */
	text: Buffer;
	/** Bytes that the plugin has printed, of which `text` may be the first ones. */
	printed?: number;
	facts?: Facts;
}

const unknown = 3;

const unreadable = Buffer.from("NRPE: Unable to read output");

const newline = 0x0a;

/** The standard output of a plugin as NRPE sends it: without NUL, and without one newline at its end. */
function outputOf({ stdout }: CommandResult): Buffer {
	let output = stdout.raw ?? Buffer.from(stdout.text);
	if (output.includes(0))
		output = output.filter((byte) => byte !== 0) as Buffer;
	return output.at(-1) === newline ? output.subarray(0, -1) : output;
}

/** The status of NRPE for a plugin with output: all that is not 0 to 3 is unknown, also a signal. */
const statusOf = ({ exitStatus = unknown }: CommandResult): number =>
	Math.min(exitStatus, unknown);

/** Statuses and texts of NRPE. */
function replyTo(end: CheckEnd, seconds: number): NrpeReply {
	if ("late" in end)
		return {
			status: unknown,
			text: Buffer.from(`NRPE: Command timed out after ${seconds} seconds`),
		};
	if ("notStarted" in end)
		return {
			status: unknown,
			text: Buffer.from(`NRPE: ${end.notStarted.message}`),
		};
	// a shell says on standard error that it finds no plugin, which NRPE does not read
	if ("missing" in end || end.ended.stdout.bytes === 0)
		return { status: unknown, text: unreadable };
	const { ended } = end;
	const { bytes, kept } = ended.stdout;
	return {
		status: statusOf(ended),
		text: outputOf(ended),
		...(bytes > kept && { printed: bytes }),
	};
}

/**
 * Runs what the policy permits to an NRPE request, and answers like NRPE.
 * @param parts.timeoutSeconds the time limit of commands that have none of their own
 * @param parts.onFailure called after a check that ended and is not OK; must neither throw nor block
 */
export function createNrpeCheck(parts: {
	runCheck: RunCheck;
	timeoutSeconds: number;
	onFailure: () => void;
}): (requested: NrpeCommand, call: Call) => Promise<NrpeReply> {
	return async ({ name, values }, call) => {
		// without a policy's command, nothing says what it runs
		if (!call.permit?.run)
			throw new AgentError(
				"not-permitted",
				"the agent has no policy any more, which defines commands",
			);
		const reply = await withFacts(async (facts): Promise<NrpeReply> => {
			const option = values.join(" ");
			const end = await parts.runCheck({ name, option }, call, facts);
			return replyTo(end, call.timeoutSeconds ?? parts.timeoutSeconds);
		});
		const { exitStatus, timedOut } = reply.facts ?? {};
		if (exitStatus !== undefined && exitStatus !== 0 && !timedOut)
			parts.onFailure();
		return reply;
	};
}
