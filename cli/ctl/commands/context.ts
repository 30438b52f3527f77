import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { SettingTable } from "../../../src/setting-table.ts";
import { systemReason } from "../../../src/system-error.ts";
import { UsageError } from "../../program/arguments.ts";
import { createCommand, valuesOf } from "../command.ts";
import { configSettings, outputSettings } from "../flags.ts";
import { jsonText, withYamlKey, yamlText } from "../output/formats.ts";
import { table } from "../output/table.ts";
import {
	type Context,
	chosenContext,
	loadConfigFile,
	noContext,
} from "../target/config-file.ts";

const { config } = configSettings;
const listSettings = {
	config,
	...outputSettings(["table", "json", "yaml"]),
} satisfies SettingTable;
const fileSettings = { config } satisfies SettingTable;

/** A context as in its file: each value is a text or a list. */
const asWritten = (context: Context) =>
	Object.fromEntries(
		Object.entries(context).map(([name, texts]) =>
			name === "host" || name === "via"
				? [name === "host" ? "hosts" : name, texts]
				: [name, texts[0] ?? ""],
		),
	);

const listCommand = createCommand({
	name: "context list",
	help: {
		usage: "context list [OPTION...]",
		summary: "list the contexts of the configuration file",
		details: "A star marks the context that applies without --context.",
		examples: [
			"context list",
			"context list -o json",
			"context list --config ctl.yaml",
		],
		settings: listSettings,
	},
	async run({ flags, environment, screen, write, say }) {
		const settings = valuesOf(listSettings, flags);
		const file = await loadConfigFile(settings.config, environment);
		const current = environment.HAPPO_CTL_CONTEXT || file.current;
		const contexts = [...file.contexts].map(([name, context]) => ({
			name,
			current: name === current,
			settings: asWritten(context),
		}));
		if (settings.output === "json") await write(`${jsonText(contexts, 2)}\n`);
		else if (settings.output === "yaml") await write(yamlText(contexts));
		else if (contexts.length === 0)
			say(
				`${file.file}: ${file.exists ? "contains no contexts" : "does not exist"}`,
			);
		else
			await write(
				table(
					[{ title: "" }, { title: "NAME" }, { title: "SETTINGS" }],
					contexts.map(({ name, current, settings }) => [
						current ? { text: "*", colour: "green" as const } : "",
						name,
						Object.entries(settings)
							.map(([key, value]) => `${key}=${value}`)
							.join(" "),
					]),
					screen,
				),
			);
		return 0;
	},
});

/** Replaces a file atomically. */
async function replace(file: string, text: string) {
	try {
		await mkdir(dirname(file), { recursive: true });
		const next = `${file}.new`;
		await writeFile(next, text, { mode: 0o600 });
		await rename(next, file);
	} catch (error) {
		throw new UsageError(`${file}: ${systemReason(error)}`);
	}
}

const useCommand = createCommand({
	name: "context use",
	help: {
		usage: "context use [OPTION...] NAME",
		summary: "make a context the current one",
		details:
			"Sets current-context in the configuration file; the rest of the file stays as it is.",
		examples: [
			"context use production",
			"context use test",
			"context use production --config ctl.yaml",
		],
		settings: fileSettings,
	},
	operands: { minimum: 1, maximum: 1, name: "NAME" },
	async run({ flags, operands, environment, say }) {
		const settings = valuesOf(fileSettings, flags);
		const file = await loadConfigFile(settings.config, environment);
		const [name = ""] = operands;
		if (!file.contexts.has(name)) throw new UsageError(noContext(file, name));
		const text = await readFile(file.file, "utf8");
		await replace(file.file, withYamlKey(text, "current-context", name));
		say(`${name} is now the current context`);
		return 0;
	},
});

const showSettings = {
	config,
	...outputSettings(["yaml", "json"]),
} satisfies SettingTable;

const showCommand = createCommand({
	name: "context show",
	help: {
		usage: "context show [OPTION...] [NAME]",
		summary: "show the settings of a context",
		details: "Without NAME, shows the current context.",
		examples: [
			"context show",
			"context show production",
			"context show production -o json",
		],
		settings: showSettings,
	},
	operands: { minimum: 0, maximum: 1, name: "NAME" },
	async run({ flags, operands, environment, write }) {
		const settings = valuesOf(showSettings, flags);
		const file = await loadConfigFile(settings.config, environment);
		const { name, context } = chosenContext(
			file,
			operands[0] ?? "",
			environment,
		);
		if (name === "")
			throw new UsageError(
				`${file.file}: no current context, see happo-ctl context use --help`,
			);
		const shown = { name, settings: asWritten(context) };
		await write(
			settings.output === "json" ? `${jsonText(shown, 2)}\n` : yamlText(shown),
		);
		return 0;
	},
});

export const contextCommands = [listCommand, useCommand, showCommand];
