import { UsageError } from "../argv.ts";
import type { ProgramCommand } from "../program.ts";
import { didYouMean } from "../suggestion.ts";
import { createCommand } from "./command.ts";
import { completionCandidates } from "./completion-candidates.ts";
import { completionScripts } from "./completion-script.ts";
import { loadConfigFile } from "./config-file.ts";

const shells = Object.keys(completionScripts);

/** Prints the script for a shell. */
export const completionCommand = createCommand({
	name: "completion",
	help: {
		usage: "completion bash|zsh|fish",
		summary: "print what makes a shell complete happo-ctl",
		details:
			"Commands, options, their values, contexts and the hosts of contexts are completed.",
		examples: [
			"completion bash > /etc/bash_completion.d/happo-ctl",
			"completion zsh > ~/.zfunc/_happo-ctl",
			"completion fish > ~/.config/fish/completions/happo-ctl.fish",
		],
		settings: {},
	},
	operands: { minimum: 1, maximum: 1, name: "bash, zsh or fish" },
	async run({ operands, write }) {
		const [shell = ""] = operands;
		const script = completionScripts[shell];
		if (script === undefined)
			throw new UsageError(
				`completion: not bash, zsh or fish: ${shell}${didYouMean(shell, shells)}`,
			);
		await write(script);
		return 0;
	},
});

/** What the scripts call: candidates for the last word, one a line. */
export const createCompleteCommand = (
	commands: readonly ProgramCommand[],
): ProgramCommand =>
	createCommand({
		name: "complete",
		isHidden: true,
		help: {
			usage: "complete -- WORD...",
			summary: "print candidates for the last word",
			details: "",
			examples: [],
			settings: {},
		},
		operands: {
			minimum: 0,
			maximum: Number.POSITIVE_INFINITY,
			name: "WORD",
		},
		async run({ operands, environment, write }) {
			// a file that is broken completes nothing; every other command says why
			const config = await loadConfigFile("", environment).catch(
				() => undefined,
			);
			const contexts = config ? [...config.contexts] : [];
			const names = completionCandidates(operands, commands, {
				contexts: contexts.map(([name]) => name),
				hosts: [
					...new Set(
						contexts.flatMap(([, { host = [], via = [] }]) => [
							...host,
							...via,
						]),
					),
				],
			});
			await write(names.map((name) => `${name}\n`).join(""));
			return 0;
		},
	});
