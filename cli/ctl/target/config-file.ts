import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { userFile } from "../../../src/known-hosts.ts";
import { openYaml, YamlError } from "../../../src/protocol/yaml.ts";
import { badTexts, type SettingTable } from "../../../src/setting-table.ts";
import { systemReason } from "../../../src/system-error.ts";
import { UsageError } from "../../program/arguments.ts";
import type { Flags } from "../../program/command.ts";
import { nearest } from "../../program/suggestion.ts";
import {
	outputFormats,
	outputSettings,
	targetSettings,
	trustSettings,
} from "../flags.ts";

/** Settings of a context, as flags. */
export type Context = Flags;

/** The contents of `ctl.yaml`. */
export interface ConfigFile {
	file: string;
	/** Whether the file exists. */
	exists: boolean;
	/** Value of `current-context`; empty if not set. */
	current: string;
	contexts: ReadonlyMap<string, Context>;
}

const { host, ...others } = targetSettings;

/** Keys of a context and their settings. The key `hosts` stands for the flag `--host`. */
const keys: SettingTable = {
	hosts: host,
	...others,
	...trustSettings,
	...outputSettings(outputFormats),
};

/** Keys whose values are paths, relative to the configuration file. */
const paths = new Set([
	"admin-socket",
	"hosts-file",
	"endpoint-ca-file",
	"key-file",
	"ca-file",
	"known-hosts",
	"certificate",
	"private-key",
]);

/** Path of the file unless a flag or a variable names it. */
export const defaultConfigFile = (environment: NodeJS.ProcessEnv): string =>
	join(dirname(userFile(environment)), "ctl.yaml");

/**
 * Parses a configuration file.
 * @throws UsageError that names the file, the line, the key and the value
 */
export function parseConfigFile(
	text: string,
	file: string,
	home: string,
): Omit<ConfigFile, "exists"> {
	try {
		const yaml = openYaml(text);
		const root = yaml.root();
		for (const [name, { key }] of root)
			if (name !== "current-context" && name !== "contexts")
				yaml.fail(key, unknownKey(name, ["current-context", "contexts"]));
		const contexts = new Map<string, Context>();
		const named = root.get("contexts");
		const entries = named ? yaml.pairs(named.value, "contexts") : new Map();
		for (const [name, { value }] of entries) {
			const where = `contexts.${name}`;
			const pairs = yaml.pairs(value, where);
			const context: Record<string, readonly string[]> = {};
			for (const [key, { key: node }] of pairs) {
				const setting = keys[key];
				if (!setting)
					return yaml.fail(
						node,
						`${where}: ${unknownKey(key, Object.keys(keys))}`,
					);
				const entry = `${where}.${key}`;
				const texts =
					setting.kind === "list"
						? yaml
								.list(pairs, key)
								.map((item) =>
									yaml.text(
										new Map([[entry, { key: node, value: item }]]),
										entry,
									),
								)
						: [yaml.text(pairs, key)];
				const wrong = badTexts(setting, texts);
				if (wrong) return yaml.fail(node, `${entry}: ${wrong}`);
				context[key === "hosts" ? "host" : key] = paths.has(key)
					? texts.map((path) => placed(path, file, home))
					: texts;
			}
			contexts.set(name, context);
		}
		const current = yaml.text(root, "current-context");
		return { file, current, contexts };
	} catch (error) {
		if (error instanceof YamlError)
			throw new UsageError(`${file} ${error.message}`);
		throw error;
	}
}

function unknownKey(name: string, known: readonly string[]) {
	const meant = nearest(name, known);
	return `${name}: no such key${meant === undefined ? "" : `, did you mean ${meant}?`}`;
}

function placed(path: string, file: string, home: string) {
	if (path === "" || path === "-") return path;
	return path.startsWith("~/")
		? join(home, path.slice(2))
		: resolve(dirname(file), path);
}

/**
 * Reads the configuration file. It may be missing unless a flag or a variable names it.
 * @param flag value of --config; empty if it was not given
 * @throws UsageError
 */
export async function loadConfigFile(
	flag: string,
	environment: NodeJS.ProcessEnv,
): Promise<ConfigFile> {
	const asked = flag || environment.HAPPO_CTL_CONFIG || "";
	const file = asked || defaultConfigFile(environment);
	try {
		const text = await readFile(file, "utf8");
		const home = environment.HOME ?? "/";
		return { ...parseConfigFile(text, file, home), exists: true };
	} catch (error) {
		if (error instanceof UsageError) throw error;
		const { code } = error as NodeJS.ErrnoException;
		if (asked === "" && (code === "ENOENT" || code === "ENOTDIR"))
			return { file, exists: false, current: "", contexts: new Map() };
		throw new UsageError(`${file}: ${systemReason(error)}`);
	}
}

/**
 * The context that applies: that of the flag, otherwise of the variable, otherwise of the file.
 * @throws UsageError if there is no context of that name
 */
export function chosenContext(
	config: ConfigFile,
	flag: string,
	environment: NodeJS.ProcessEnv,
): { name: string; context: Context } {
	const name = flag || environment.HAPPO_CTL_CONTEXT || config.current;
	if (name === "") return { name, context: {} };
	const context = config.contexts.get(name);
	if (!context) throw new UsageError(noContext(config, name));
	return { name, context };
}

/** The message for an unknown context. */
export function noContext(
	{ file, contexts }: ConfigFile,
	name: string,
): string {
	const known = [...contexts.keys()];
	const meant = nearest(name, known);
	if (meant !== undefined)
		return `${file}: no context '${name}', did you mean '${meant}'?`;
	return `${file}: no context '${name}'${known.length > 0 ? `, only ${known.join(", ")}` : ""}`;
}

const targets = ["host", "hosts-file", "group", "admin-socket"];
// --accept-new adds to what the context says, and does not replace it
const trusts = Object.keys(trustSettings).filter(
	(name) => name !== "accept-new",
);

/**
 * Adds flags to a context. If flags name agents, the context's agents are dropped; if flags say how
 * to verify certificates, so is the context's trust.
 */
export function overContext(
	context: Context,
	flags: Flags,
): Record<string, readonly string[]> {
	const given = (names: readonly string[]) =>
		names.some((name) => flags[name] !== undefined);
	const dropped = [
		...(given(targets) ? targets : []),
		...(given(trusts) ? trusts : []),
	];
	const kept = Object.entries(context).filter(
		([name]) => !dropped.includes(name),
	);
	return { ...Object.fromEntries(kept), ...flags };
}
