import type { Handlers } from "../../generated/handlers.ts";
import { AgentError } from "../agent-error.ts";
import { checkMessage, exitCode, missingAnswer } from "../commands/answer.ts";
import { type CommandResult, CommandStartError } from "../commands/command.ts";
import {
	type HangingPlugin,
	type MissingPlugin,
	missingPlugin,
	type Plugins,
} from "../commands/plugin.ts";
import type { RunCommand } from "../commands/runner.ts";
import type { Call, Facts, Reply } from "../operation.ts";
import { calledPlugin } from "../protocol/plugin-name.ts";
import { factsOf, withFacts } from "./facts.ts";

/** How a requested check ended. */
export type CheckEnd =
	| { readonly ended: CommandResult }
	| { readonly missing: MissingPlugin }
	/** Stopped at its time limit, or not started within it; `why` for the latter. */
	| {
			readonly late: Pick<HangingPlugin, "file" | "option">;
			readonly why: string;
			/** What it had printed until then. */
			readonly stopped?: CommandResult;
	  }
	| { readonly notStarted: CommandStartError };

/**
 * Runs the plugin of a check, as the policy permits it or without one as it is requested. Adds to
 * the facts.
 * @throws AgentError for a request that cannot run
 */
export type RunCheck = (
	requested: { name: string; option: string },
	call: Call,
	facts: Facts,
) => Promise<CheckEnd>;

/** Creates what runs checks. */
export function createCheck(parts: {
	plugins: Pick<Plugins, "find" | "prepare">;
	runCommand: RunCommand;
}): RunCheck {
	return async ({ name, option }, call, facts) => {
		const permitted = call.permit?.run;
		const prepared = permitted
			? await parts.plugins.find(permitted.argv, call.millisecondsLeft)
			: await parts.plugins.prepare(name, option, call.millisecondsLeft);
		const called = permitted ? permitted.argv[0] : calledPlugin(name).name;
		// a refused name may include options
		if (/^\S{1,200}$/.test("refused" in prepared ? name : called))
			facts.plugin = "refused" in prepared ? name : called;
		if ("refused" in prepared)
			throw prepared.refused === "plugin_name"
				? new AgentError(
						"bad-request",
						`plugin_name: ${prepared.reason}: ${name}`,
						{
							logged: `plugin_name: ${prepared.reason}`,
						},
					)
				: new AgentError(
						"forbidden",
						`plugin_option: ${prepared.reason}: ${option}`,
						{
							logged: `plugin_option: ${prepared.reason}`,
						},
					);
		if (permitted) facts.command = permitted.command;
		// masked nowhere: what a policy calls a secret stays out of every log
		if (option !== "" && !call.permit?.hasSecrets) facts.option = option;
		const endMissing = (missing: MissingPlugin): CheckEnd => {
			const { exitCode: exitStatus } = missingAnswer(missing);
			const reason = `${missing.missing}: ${missing.file}`;
			Object.assign(facts, { exitStatus, reason });
			return { missing };
		};
		if ("missing" in prepared) return endMissing(prepared);
		if ("hanging" in prepared) {
			const reason = `plugin directory does not answer: ${prepared.hanging}`;
			Object.assign(facts, { timedOut: true, reason });
			return { late: prepared, why: `: ${reason}` };
		}
		try {
			facts.pluginFound = true;
			const result = await parts.runCommand(prepared.line, call);
			Object.assign(facts, factsOf(result));
			if (!result.timedOut) return { ended: result };
			return {
				late: prepared,
				stopped: result,
				why: result.started
					? ""
					: ": the plugin could not be started in time, its file system may hang",
			};
		} catch (error) {
			const missing = missingPlugin(error, prepared);
			if (missing) return endMissing(missing);
			if (!(error instanceof CommandStartError)) throw error;
			facts.reason = error.message;
			return { notStarted: error };
		}
	};
}

/** The answer to a check, with the statuses and texts of v1 (Go). */
function checkReply(end: CheckEnd): Reply<"runCheck"> {
	if ("ended" in end)
		return {
			status: 200,
			body: {
				return_value: exitCode(end.ended),
				message: checkMessage(end.ended),
			},
		};
	if ("missing" in end) {
		const { exitCode: status, message } = missingAnswer(end.missing);
		return { status: 200, body: { return_value: status, message } };
	}
	const message =
		"late" in end
			? `Exec timeout: ${end.late.file} ${end.late.option}${end.why}`
			: // status, value and prefix of v1 (Go) for a failed exec
				`exit code: 125, ${end.notStarted.message}`;
	return {
		status: 500,
		type: "application/json",
		body: { return_value: 2, message },
	};
}

/**
 * POST /monitor: runs a plugin and answers with its result. The contract describes the statuses and
 * texts, which are those of v1 (Go).
 */
export function createMonitor(parts: {
	runCheck: RunCheck;
	/** Called after every answer with status 200 whose check is not OK; must neither throw nor block. */
	onFailure: () => void;
}): Handlers["runCheck"] {
	return async (_params, body, call) => {
		const reply = await withFacts(async (facts) => {
			const name = body.plugin_name;
			const option = body.plugin_option ?? "";
			return checkReply(await parts.runCheck({ name, option }, call, facts));
		});
		// a timeout is not a 200: as in v1 (Go), it saves no machine state
		if (reply.status === 200 && reply.facts?.exitStatus !== 0)
			parts.onFailure();
		return reply;
	};
}
