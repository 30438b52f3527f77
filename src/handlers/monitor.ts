import type { Handlers } from "../../generated/handlers.ts";
import { AgentError } from "../agent-error.ts";
import { checkMessage, exitCode, missingAnswer } from "../commands/answer.ts";
import { CommandStartError } from "../commands/command.ts";
import {
	type MissingPlugin,
	missingPlugin,
	type Plugins,
} from "../commands/plugin.ts";
import type { RunCommand } from "../commands/runner.ts";
import type { Body, Call, Facts, Reply } from "../operation.ts";
import { calledPlugin } from "../protocol/plugin-name.ts";
import { factsOf, withFacts } from "./facts.ts";

/**
 * POST /monitor: runs a plugin and answers with its result. The contract describes the statuses and
 * texts, which are those of v1 (Go).
 */
export function createMonitor(parts: {
	plugins: Pick<Plugins, "find" | "prepare">;
	runCommand: RunCommand;
	/** Called after every answer with status 200 whose check is not OK; must neither throw nor block. */
	onFailure: () => void;
}): Handlers["runCheck"] {
	const run = async (
		body: Body<"runCheck">,
		call: Call,
		facts: Facts,
	): Promise<Reply<"runCheck">> => {
		const name = body.plugin_name;
		const option = body.plugin_option ?? "";
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
		const answerMissing = (missing: MissingPlugin) => {
			const { exitCode: status, message } = missingAnswer(missing);
			const reason = `${missing.missing}: ${missing.file}`;
			Object.assign(facts, { exitStatus: status, reason });
			return { status: 200, body: { return_value: status, message } } as const;
		};
		const answerTimeout = (message: string) =>
			({
				status: 500,
				type: "application/json",
				body: { return_value: 2, message: `Exec timeout: ${message}` },
			}) as const;
		if ("missing" in prepared) return answerMissing(prepared);
		if ("hanging" in prepared) {
			const reason = `plugin directory does not answer: ${prepared.hanging}`;
			Object.assign(facts, { timedOut: true, reason });
			return answerTimeout(`${prepared.file} ${prepared.option}: ${reason}`);
		}
		try {
			facts.pluginFound = true;
			const result = await parts.runCommand(prepared.line, call);
			Object.assign(facts, factsOf(result));
			return result.timedOut
				? answerTimeout(
						`${prepared.file} ${prepared.option}${result.started ? "" : ": the plugin could not be started in time, its file system may hang"}`,
					)
				: {
						status: 200,
						body: {
							return_value: exitCode(result),
							message: checkMessage(result),
						},
					};
		} catch (error) {
			const missing = missingPlugin(error, prepared);
			if (missing) return answerMissing(missing);
			if (!(error instanceof CommandStartError)) throw error;
			facts.reason = error.message;
			return {
				status: 500,
				type: "application/json",
				// status, value and prefix of v1 (Go) for a failed exec
				body: { return_value: 2, message: `exit code: 125, ${error.message}` },
			};
		}
	};
	return async (_params, body, call) => {
		const reply = await withFacts((facts) => run(body, call, facts));
		// a timeout is not a 200: as in v1 (Go), it saves no machine state
		if (reply.status === 200 && reply.facts?.exitStatus !== 0)
			parts.onFailure();
		return reply;
	};
}
