import type { Handlers } from "../../generated/handlers.ts";
import { AgentError } from "../agent-error.ts";
import { exitCode, outputText } from "../commands/answer.ts";
import {
	type CommandLine,
	CommandStartError,
	refuseLongLine,
} from "../commands/command.ts";
import type { RunCommand } from "../commands/runner.ts";
import type { Body, Call, Facts, Reply } from "../operation.ts";
import type { PermittedRun } from "../policy/call.ts";
import { splitWords } from "../protocol/words.ts";
import { factsOf, withFacts } from "./facts.ts";

/** The settings that decide what /inventory may run. */
export interface InventoryRules {
	/** Setting `inventory`. */
	allowed: boolean;
	/** Setting `shell`: run any line through /bin/sh. */
	allowShell: boolean;
	/** Setting `inventory-commands`: commands that may run without a shell. */
	commands: readonly string[];
}

/**
 * Builds the command line of a request. Throws AgentError `forbidden`, which names the rule.
 * @param permitted what the policy permits, if one is in force: that never needs a shell
 */
function lineOf(
	command: string,
	option: string,
	rules: InventoryRules,
	permitted: PermittedRun | undefined,
): CommandLine {
	if (!rules.allowed)
		throw new AgentError("forbidden", "/inventory: turned off (inventory)");
	if (rules.allowShell && !permitted)
		return {
			file: "/bin/sh",
			args: ["-c", `${command} ${option}`],
			merged: true,
		};
	const program = permitted?.argv[0] ?? command;
	if (!rules.allowShell && !rules.commands.includes(program))
		throw new AgentError(
			"forbidden",
			`command: not one of inventory-commands, and shell is off: ${program}`,
			{ logged: "command: not one of inventory-commands, and shell is off" },
		);
	// never the requested words: a command of the policy may be named like another program
	if (permitted)
		return { file: program, args: permitted.argv.slice(1), merged: true };
	const args = splitWords(option);
	if (!args)
		throw new AgentError(
			"forbidden",
			`command_option: needs a shell, and shell is off: ${option}`,
			{ logged: "command_option: needs a shell, and shell is off" },
		);
	return { file: command, args, merged: true };
}

/** The exit status of a shell for a command that does not exist or cannot be executed. */
const shellStatus: Readonly<Record<string, number>> = {
	ENOENT: 127,
	EACCES: 126,
	EPERM: 126,
	ETXTBSY: 126,
};

/** POST /inventory: runs a command and answers with its output. */
export function createInventory(parts: {
	rules: InventoryRules;
	runCommand: RunCommand;
}): Handlers["runInventoryCommand"] {
	const run = async (
		body: Body<"runInventoryCommand">,
		call: Call,
		facts: Facts,
	): Promise<Reply<"runInventoryCommand">> => {
		const option = body.command_option ?? "";
		refuseLongLine("command and command_option", body.command, option);
		const [, program] = /^\s*([\w./+-]+)(?=\s|$)/.exec(body.command) ?? [];
		// only a plain name is logged, as other text may be a password
		if (program !== undefined) facts.command = program;
		const permitted = call.permit?.run;
		if (!call.permit?.hasSecrets) facts.option = `${body.command} ${option}`;
		const line = lineOf(body.command, option, parts.rules, permitted);
		try {
			const result = await parts.runCommand(line, call);
			Object.assign(facts, factsOf(result));
			if (result.timedOut)
				// as in v1 (Go), without the output and the exit code
				return { status: 417, body: { return_code: 0, return_value: "" } };
			const code = exitCode(result);
			const answer = { return_code: code, return_value: outputText(result) };
			return code === 0
				? { status: 200, body: answer }
				: { status: 400, type: "application/json", body: answer };
		} catch (error) {
			if (!(error instanceof CommandStartError)) throw error;
			const code = shellStatus[error.code];
			if (code === undefined)
				throw new AgentError("not-started", error.message);
			Object.assign(facts, { exitStatus: code, reason: error.message });
			const body = { return_code: code, return_value: `${error.message}\n` };
			return { status: 400, type: "application/json", body };
		}
	};
	return (_params, body, call) => withFacts((facts) => run(body, call, facts));
}
