import { type Permission, permissions } from "../../generated/permissions.ts";
import { calledPlugin, checkPluginName } from "../protocol/plugin-name.ts";
import { openYaml, YamlError, type YamlTree } from "../protocol/yaml.ts";
import { DocumentReader, type Pairs, PolicyError } from "./document.ts";
import { type NextHop, parseNextHop } from "./next-hops.ts";
import { globMatches } from "./pattern.ts";
import { joined, shown } from "./shown.ts";
import { readDescription, readSlot, type Slot } from "./slot-types.ts";
import { mayOverlap, type Template, type TemplateWord } from "./template.ts";
import { type Callers, namePattern, readCallers } from "./who.ts";

export { PolicyError } from "./document.ts";

/** Whether a text can be the name of a caller, a key or a command. */
export const isPolicyName = (text: string): boolean => namePattern.test(text);

/** The permissions that run a command. */
export const runPermissions = ["check", "inventory"] as const;

export type RunPermission = (typeof runPermissions)[number];

/** A rule. */
export interface Rule {
	/** From 1, in the order of the file. */
	readonly number: number;
	/** Numbers of names in `Callers`. */
	readonly who: readonly number[];
	readonly permissions: ReadonlySet<Permission>;
	/** Names of commands that it permits. */
	readonly commands: ReadonlySet<string>;
	readonly to: readonly NextHop[];
	/** Calls per second. */
	readonly rate: number | undefined;
	readonly atOnce: number | undefined;
}

/** A command. */
export interface Command extends Template {
	readonly name: string;
	/** For people; undefined if the policy has none. */
	readonly description: string | undefined;
	/** The permission that it answers. */
	readonly permission: RunPermission;
	/** Its own time limit. */
	readonly timeoutSeconds: number | undefined;
	/** Rules that permit it, in their order. */
	readonly rules: readonly Rule[];
	/** The more, the less a request can choose: fixed words, then fixed characters. */
	readonly literalness: readonly [words: number, characters: number];
}

/** The rules with one permission, in their order. */
export interface GrantingRules {
	readonly all: readonly Rule[];
	/** By the number of a name in `Callers`. */
	readonly byCaller: ReadonlyMap<number, readonly Rule[]>;
}

function grantingRules(rules: readonly Rule[], permission: Permission) {
	const all = rules.filter((rule) => rule.permissions.has(permission));
	const byCaller = new Map<number, Rule[]>();
	for (const rule of all)
		for (const entry of rule.who) addTo(byCaller, entry, rule);
	return { all, byCaller };
}

/** A policy as `decide` takes it. Nobody changes it. */
export interface Policy {
	readonly mode: "observe" | "enforce";
	readonly goClients: "status-3" | undefined;
	/** Whether a slot of any command is secret. */
	readonly hasSecrets: boolean;
	/** Whether a path of any slot has to be resolved. */
	readonly hasRealPaths: boolean;
	/** Whether ping needs a rule as well. */
	readonly isPingByRules: boolean;
	readonly callers: Callers;
	readonly rules: readonly Rule[];
	readonly granting: Readonly<Record<Permission, GrantingRules>>;
	readonly commands: ReadonlyMap<string, Command>;
	/**
	 * By permission and program, in the order of their names; without checks that run a file by its
	 * absolute path, which a call can only find by their names.
	 */
	readonly commandsByProgram: Readonly<
		Record<RunPermission, ReadonlyMap<string, readonly Command[]>>
	>;
}

const maxRules = 10_000;
/** The longest `timeout` of a command. */
export const maxTimeoutSeconds = 86_400;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\x00-\x08\x0b-\x1f\x7f\p{Surrogate}]/u;

const slotInWord = /\{\{|\}\}|\{([A-Za-z][A-Za-z0-9_-]*)(\.\.\.)?\}|[{}]/g;

/** A word of `run` with the names of its slots; text and names in turn. */
function partsOf(
	word: string,
): { parts: (string | { slot: string; isSeveral: boolean })[] } | undefined {
	const parts: (string | { slot: string; isSeveral: boolean })[] = [];
	let text = "";
	let end = 0;
	const flush = () => {
		if (text !== "") parts.push(text);
		text = "";
	};
	for (const match of word.matchAll(slotInWord)) {
		const [all, slot, dots] = match;
		text += word.slice(end, match.index);
		end = match.index + all.length;
		if (slot !== undefined) {
			flush();
			parts.push({ slot, isSeveral: dots !== undefined });
		} else if (all.length === 2) text += all[0];
		else return undefined;
	}
	text += word.slice(end);
	flush();
	return { parts };
}

/** Options that end before the value: `-w`, `--warning=`, `/w:`. */
const completeOption =
	/^(?:-[A-Za-z]|-{1,2}[A-Za-z0-9][\w.-]*=.*|-{1,2}[A-Za-z0-9][\w.-]*:.*)$/s;

function readRunWord(
	text: string,
	at: { line: number },
	place: string,
	reader: DocumentReader,
	slots: ReadonlyMap<string, Slot | undefined>,
	used: Slot[],
	named: Set<string>,
): TemplateWord | undefined {
	const refuse = (reason: string) => {
		reader.refuse(at, place, reason);
		return undefined;
	};
	if (controls.test(text)) return refuse("has a control character");
	const read = partsOf(text);
	if (!read)
		return refuse(
			`${shown(text)} has a brace that belongs to no slot; write {{ or }} for a brace`,
		);
	const parts: (string | (Slot & { kind: "word" }))[] = [];
	for (const part of read.parts) {
		if (typeof part === "string") {
			parts.push(part);
			continue;
		}
		named.add(part.slot);
		if (!slots.has(part.slot))
			return refuse(`unknown slot ${part.slot}; slots does not have it`);
		const slot = slots.get(part.slot);
		// its type has a problem of its own
		if (!slot) return undefined;
		if (part.isSeveral !== (slot.kind === "words"))
			return refuse(
				part.isSeveral
					? `{${part.slot}...} needs a slot of type words`
					: `${part.slot} takes several words: write {${part.slot}...}`,
			);
		if (slot.kind === "words") {
			if (read.parts.length > 1)
				return refuse(`{${part.slot}...} must be a word of its own`);
			if (used.some(({ kind }) => kind === "words"))
				return refuse("has a second slot for several words");
			used.push(slot);
			return { kind: "several", slot };
		}
		if (typeof parts.at(-1) === "object")
			return refuse("has two slots with nothing between them");
		if (!used.includes(slot)) used.push(slot);
		parts.push(slot);
	}
	const [first] = parts;
	if (parts.length > 4 * 2) return refuse("has more than four slots in a word");
	if (parts.every((part) => typeof part === "string"))
		return { kind: "fixed", text: first === undefined ? "" : String(first) };
	if (
		typeof first === "string" &&
		first.startsWith("-") &&
		!completeOption.test(first)
	)
		return refuse(
			`${shown(text)} lets a request complete the name of an option; write = before the slot`,
		);
	return { kind: "made", parts };
}

function timeoutOf(
	pair: Pairs extends ReadonlyMap<string, infer P> ? P | undefined : never,
	place: string,
	reader: DocumentReader,
) {
	if (!pair) return undefined;
	const text = reader.text(pair.value, place);
	if (text === undefined) return undefined;
	const [, count, unit = "s"] = /^(\d{1,6})(s|m|h)?$/.exec(text) ?? [];
	const seconds =
		Number(count) * { s: 1, m: 60, h: 3_600 }[unit as "s" | "m" | "h"];
	if (seconds >= 1 && seconds <= maxTimeoutSeconds) return seconds;
	reader.refuse(
		pair.value,
		place,
		`expected a time such as 30s or 5m, of at most a day, got ${shown(text)}`,
	);
	return undefined;
}

type UnruledCommand = Omit<Command, "rules" | "hasSecrets"> & {
	rules: Rule[];
	hasSecrets: boolean;
	line: number;
};

const commandKeys = [
	...["description", "run", "slots", "for", "timeout", "at-most"],
];

const valueBytes = { minimum: 1, maximum: 1_000_000, isWhole: true };

function readCommand(
	name: string,
	tree: YamlTree,
	line: number,
	reader: DocumentReader,
	warn: (line: number, text: string) => void,
): UnruledCommand | undefined {
	const place = `commands.${name}`;
	if (!namePattern.test(name)) reader.refuse({ line }, place, "is not a name");
	const pairs = reader.mapping(tree, place, commandKeys);
	if (!pairs) return undefined;
	const description = readDescription(pairs, place, reader);
	const slots = new Map<string, Slot | undefined>();
	const slotsPair = pairs.get("slots");
	for (const [slotName, { line, value }] of (slotsPair &&
		reader.mapping(slotsPair.value, `${place}.slots`)) ??
		[]) {
		const at = `${place}.slots.${slotName}`;
		if (!/^[A-Za-z][A-Za-z0-9_-]{0,99}$/.test(slotName))
			reader.refuse({ line }, at, "is not a name");
		const slot = readSlot(slotName, value, at, reader);
		if (slot?.kind === "words" && slot.type.options === undefined)
			warn(
				line,
				`${at}: loose-words passes any option to the plugin; list the options with words`,
			);
		slots.set(slotName, slot);
	}
	const forPair = pairs.get("for");
	const permission =
		(forPair &&
			reader.choice(forPair.value, `${place}.for`, ["check", "inventory"])) ??
		"check";
	const timeoutSeconds = timeoutOf(
		pairs.get("timeout"),
		`${place}.timeout`,
		reader,
	);
	const atMost = pairs.get("at-most");
	const maxValueBytes =
		atMost && reader.number(atMost.value, `${place}.at-most`, valueBytes);
	const run = pairs.get("run");
	if (!run) {
		reader.refuse({ line }, place, "has no run: the plugin and its arguments");
		return undefined;
	}
	const [first, ...rest] = reader.list(run.value, `${place}.run`);
	if (!first) return undefined;
	const program = reader.text(first, `${place}.run[0]`) ?? "";
	const fault = programFault(program, permission);
	if (fault && first.kind === "text")
		reader.refuse(first, `${place}.run[0]`, fault);
	const used: Slot[] = [];
	const named = new Set<string>();
	const words = rest.flatMap((entry, index) => {
		const at = `${place}.run[${index + 1}]`;
		const text = reader.text(entry, at);
		const word =
			text === undefined
				? undefined
				: readRunWord(text, entry, at, reader, slots, used, named);
		return word ? [word] : [];
	});
	const shellSlot = isAbsolute(program) ? slotOfShell(program, words) : -1;
	if (shellSlot >= 0)
		reader.refuse(
			rest[shellSlot] ?? run.value,
			`${place}.run[${shellSlot + 1}]`,
			`lets a request write what a shell runs; write "$1" there, and the slot as a word after it: [/bin/sh, -c, 'echo "$1"', sh, "{slot}"]`,
		);
	for (const [slotName] of slots)
		if (!named.has(slotName))
			reader.refuse(
				slotsPair?.value.kind === "mapping"
					? (slotsPair.value.pairs.get(slotName) ?? { line })
					: { line },
				`${place}.slots.${slotName}`,
				"is not used in run",
			);
	const characters = words
		.flatMap((word) =>
			word.kind === "fixed"
				? [word.text]
				: word.kind === "made"
					? word.parts.filter((part) => typeof part === "string")
					: [],
		)
		.join("").length;
	return {
		...{ name, line, description, permission, program, words },
		...{ timeoutSeconds, rules: [] },
		slots: used,
		maxValueBytes,
		hasSecrets: used.some(({ type }) => type.isSecret),
		literalness: [
			words.filter(({ kind }) => kind === "fixed").length,
			characters,
		],
	};
}

const shells = new Set(["sh", "ash", "bash", "busybox", "dash", "ksh", "zsh"]);

/**
 * Position of a slot in what a shell is to run: its text after `-c`, its script, or an option in
 * front of them. -1 without one.
 */
function slotOfShell(program: string, words: readonly TemplateWord[]): number {
	if (!shells.has(program.slice(program.lastIndexOf("/") + 1))) return -1;
	const is = (word: TemplateWord, pattern: RegExp) =>
		word.kind === "fixed" && pattern.test(word.text);
	const text = words.findIndex((word) => is(word, /^-[A-Za-z]*c$/)) + 1;
	const script = words.findIndex((word) => !is(word, /^[-+]/));
	const fixed = Math.max(text, script);
	return words.findIndex(({ kind }, at) => at <= fixed && kind !== "fixed");
}

/** Why `run` cannot begin with this. */
function programFault(
	program: string,
	permission: RunPermission,
): string | undefined {
	if (/[{}]/.test(program)) return "the program cannot come from a slot";
	if (/\s/.test(program))
		return "has a blank; each argument is an entry of its own";
	if (permission === "inventory") {
		if (program === "") return "is empty";
		return controls.test(program) || program.startsWith("-")
			? "is not a program"
			: undefined;
	}
	const isFile = isAbsolute(program);
	const name = program.replace(/^\/+/, "");
	const fault = checkPluginName(name);
	if (fault)
		return `${shown(program)} ${fault}; name ${isFile ? "the file by its absolute path" : "the plugin as in its directory"}`;
	const shortest = `${isFile ? "/" : ""}${calledPlugin(name).name}`;
	return shortest === program
		? undefined
		: `is not the shortest way to write ${shortest}`;
}

/**
 * Whether a command runs exactly this file, instead of a plugin of the plugin directories. Only a
 * policy can name it: a call finds the command by its name alone.
 */
const isAbsolute = (program: string) => program.startsWith("/");

/** Parses `20/s`, `100/m` or `1000/h`. */
function rateOf(tree: YamlTree, place: string, reader: DocumentReader) {
	const text = reader.text(tree, place);
	if (text === undefined) return undefined;
	const [, count, unit] = /^([1-9]\d{0,6})\/(s|m|h)$/.exec(text) ?? [];
	if (count !== undefined)
		return Number(count) / { s: 1, m: 60, h: 3_600 }[unit as "s" | "m" | "h"];
	reader.refuse(
		tree,
		place,
		`expected a rate such as 20/s, 100/m or 1000/h, got ${shown(text)}`,
	);
	return undefined;
}

const ruleKeys = ["who", "may", "commands", "to", "rate", "at-once"];

function readRule(
	tree: YamlTree,
	number: number,
	reader: DocumentReader,
	callers: Callers,
	commands: ReadonlyMap<string, UnruledCommand>,
	warn: (line: number, text: string) => void,
): Rule | undefined {
	// as decisions name it
	const place = `rule ${number}`;
	const pairs = reader.mapping(tree, place, ruleKeys);
	if (!pairs) return undefined;
	const needed = (key: string, what: string) => {
		const pair = pairs.get(key);
		if (!pair) reader.refuse(tree, place, `has no ${key}: ${what}`);
		return pair ? reader.texts(pair.value, `${place}: ${key}`) : [];
	};
	const who = new Set<number>();
	for (const { text, line } of needed("who", "whom it permits something")) {
		const index = callers.names.indexOf(text);
		if (index >= 0) who.add(index);
		else
			reader.refuse(
				{ line },
				place,
				`who: ${shown(text)} is not a name in who`,
			);
	}
	const named = new Set<Permission>();
	let isAll = false;
	for (const { text, line } of needed("may", "what it permits")) {
		const permission = permissions.find((permission) => permission === text);
		if (permission) named.add(permission);
		else if (text === "*") isAll = true;
		else
			reader.refuse(
				{ line },
				`${place}: may`,
				`unknown permission ${shown(text)}; there are ${permissions.join(", ")}`,
			);
	}
	const granted: ReadonlySet<Permission> = isAll ? new Set(permissions) : named;
	const runs = runPermissions.filter((permission) => granted.has(permission));
	const commandsPair = pairs.get("commands");
	const patterns = commandsPair
		? reader.texts(commandsPair.value, `${place}: commands`)
		: [];
	if (commandsPair && runs.length === 0 && granted.size > 0)
		reader.refuse(
			commandsPair,
			place,
			"has commands, but may does not have check or inventory",
		);
	if (!commandsPair && runs.length > 0)
		reader.refuse(
			tree,
			place,
			`has no commands: ${joined(runs)} ${runs.length > 1 ? "need" : "needs"} them, "*" means all`,
		);
	const matched = new Set<string>();
	for (const { text, line } of patterns) {
		const found = [...commands.values()].filter(
			({ name, permission }) =>
				granted.has(permission) && globMatches(text, name),
		);
		if (found.length === 0)
			warn(
				line,
				`${place}: commands: no command of ${joined(runs, "or")} matches ${shown(text)}`,
			);
		for (const { name } of found) matched.add(name);
	}
	const toPair = pairs.get("to");
	const to = (toPair ? reader.texts(toPair.value, `${place}: to`) : []).flatMap(
		({ text, line }) => {
			const hop = parseNextHop(text);
			if (hop) return [hop];
			reader.refuse(
				{ line },
				`${place}: to`,
				`${shown(text)} is not an address, network, name or *.name with an optional port`,
			);
			return [];
		},
	);
	if (toPair && !granted.has("relay") && granted.size > 0)
		reader.refuse(toPair, place, "has to, but may does not have relay");
	if (!toPair && named.has("relay"))
		reader.refuse(tree, place, "has no to: relay needs the next hops");
	const rate = pairs.get("rate");
	const atOnce = pairs.get("at-once");
	if (
		granted.size > 0 &&
		[...granted].every(
			(permission) =>
				((permission === "check" || permission === "inventory") &&
					![...matched].some(
						(name) => commands.get(name)?.permission === permission,
					)) ||
				(permission === "relay" && to.length === 0),
		)
	)
		warn(tree.line, `${place}: can never match`);
	const limits = { minimum: 1, maximum: 1_000_000, isWhole: true };
	return {
		...{ number, who: [...who], permissions: granted, commands: matched, to },
		rate: rate && rateOf(rate.value, `${place}: rate`, reader),
		atOnce: atOnce && reader.number(atOnce.value, `${place}: at-once`, limits),
	};
}

/** What a template's call runs with, besides its words. */
const runOptions = ({ timeoutSeconds }: UnruledCommand) =>
	timeoutSeconds === undefined ? "no timeout" : `timeout ${timeoutSeconds}s`;

/** Refuses commands that one option line may mean with different run options. */
function refuseAmbiguous(
	commands: readonly UnruledCommand[],
	reader: DocumentReader,
) {
	// nearly all have the same one, and need not be compared
	const byTimeout = new Map<number | undefined, UnruledCommand[]>();
	for (const command of commands) {
		for (const [timeout, others] of byTimeout) {
			if (timeout === command.timeoutSeconds) continue;
			for (const other of others)
				if (mayOverlap(command, other))
					reader.refuse(
						command,
						`commands.${command.name}`,
						`one option line may fit it and ${other.name}, which have ${runOptions(command)} and ${runOptions(other)}`,
					);
		}
		addTo(byTimeout, command.timeoutSeconds, command);
	}
}

/** Adds a value to the list of a key. */
function addTo<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
	const list = lists.get(key);
	if (list) list.push(value);
	else lists.set(key, [value]);
}

const topKeys = [
	...["version", "mode", "ping", "go-clients"],
	...["who", "keys", "commands", "rules"],
];

/**
 * Parses a policy.
 * @returns the policy, and warnings such as `line 7: rule 2: commands: no command of check
 * matches web-*`
 * @throws PolicyError that lists all problems; nothing else
 */
export function parsePolicy(text: string): {
	policy: Policy;
	warnings: string[];
} {
	try {
		return read(text);
	} catch (error) {
		if (error instanceof PolicyError) throw error;
		const reason =
			error instanceof YamlError
				? error.message
				: `cannot be parsed: ${error instanceof Error ? error.message : error}`;
		throw new PolicyError([reason]);
	}
}

function read(text: string): { policy: Policy; warnings: string[] } {
	const yaml = openYaml(text);
	const tree = yaml.tree();
	const reader = new DocumentReader();
	const duplicates = yaml.warnings();
	if (duplicates.length > 0)
		throw new PolicyError(
			duplicates.map((text) => text.replace(", the last one counts", "")),
		);
	if (yaml.hasMore) throw new PolicyError(["has more than one document"]);
	const warnings: { line: number; text: string }[] = [];
	const warn = (line: number, text: string) => {
		warnings.push({ line, text });
	};
	if (tree.kind === "nothing") throw new PolicyError(["line 1: is empty"]);
	const top = reader.mapping(tree, "file", topKeys);
	if (!top) throw new PolicyError(reader.problems());
	const version = top.get("version");
	if (version) reader.choice(version.value, "version", ["1"]);
	else reader.refuse({ line: 1 }, "version", "is missing; write version: 1");
	const choice = <const T extends string>(key: string, words: readonly T[]) => {
		const pair = top.get(key);
		return pair && reader.choice(pair.value, key, words);
	};
	const mode = choice("mode", ["observe", "enforce"]);
	const ping = choice("ping", ["everyone", "rules"]);
	const goClients = choice("go-clients", ["status-3"]);
	const { callers, unusedKeys } = readCallers(
		top.get("who")?.value,
		top.get("keys")?.value,
		reader,
	);
	for (const key of unusedKeys)
		warn(top.get("keys")?.line ?? 1, `keys.${key}: nobody in who has it`);
	const commands = new Map<string, UnruledCommand>();
	const commandsPair = top.get("commands");
	for (const [name, { line, value }] of (commandsPair &&
		reader.mapping(commandsPair.value, "commands")) ??
		[]) {
		const command = readCommand(name, value, line, reader, warn);
		if (command) commands.set(name, command);
	}
	const inOrder = [...commands.values()].toSorted((a, b) =>
		a.name < b.name ? -1 : 1,
	);
	const byProgram = (permission: RunPermission) => {
		const found = new Map<string, UnruledCommand[]>();
		for (const command of inOrder)
			if (
				command.permission === permission &&
				!(permission === "check" && isAbsolute(command.program))
			)
				addTo(found, command.program, command);
		return found;
	};
	const commandsByProgram = {
		check: byProgram("check"),
		inventory: byProgram("inventory"),
	};
	for (const group of Object.values(commandsByProgram))
		for (const same of group.values()) {
			refuseAmbiguous(same, reader);
			// a call may have meant the one with the secret
			const hasSecrets = same.some((command) => command.hasSecrets);
			for (const command of same) command.hasSecrets = hasSecrets;
		}

	const rulesPair = top.get("rules");
	const entries =
		rulesPair &&
		!(rulesPair.value.kind === "list" && rulesPair.value.list.length === 0)
			? reader.list(rulesPair.value, "rules")
			: [];
	if (entries.length > maxRules)
		reader.refuse(
			rulesPair ?? { line: 1 },
			"rules",
			`has more than ${maxRules} entries`,
		);
	const rules = entries.slice(0, maxRules).flatMap((entry, index) => {
		const rule = readRule(entry, index + 1, reader, callers, commands, warn);
		return rule ? [rule] : [];
	});
	if (!reader.isSound) throw new PolicyError(reader.problems());

	for (const rule of rules)
		for (const name of rule.commands) commands.get(name)?.rules.push(rule);
	for (const { name, line, rules } of commands.values())
		if (rules.length === 0) warn(line, `commands.${name}: nobody may run it`);
	if (rules.length === 0)
		warn(rulesPair?.line ?? 1, "rules: nobody may do anything");
	const usedWho = new Set(rules.flatMap(({ who }) => who));
	const who = top.get("who")?.value;
	callers.names.forEach((name, index) => {
		const pair = who?.kind === "mapping" ? who.pairs.get(name) : undefined;
		if (pair && !usedWho.has(index))
			warn(pair.line, `who.${name}: no rule names it`);
	});
	const granting = {} as Record<Permission, GrantingRules>;
	for (const permission of permissions)
		granting[permission] = grantingRules(rules, permission);
	return {
		policy: {
			mode: mode ?? "enforce",
			goClients,
			hasSecrets: inOrder.some(({ hasSecrets }) => hasSecrets),
			hasRealPaths: inOrder.some(({ slots }) =>
				slots.some(({ type }) => type.hasRealPaths),
			),
			isPingByRules: ping === "rules",
			...{ callers, rules, granting, commands, commandsByProgram },
		},
		warnings: warnings
			.toSorted((a, b) => a.line - b.line)
			.map(({ line, text }) => `line ${line}: ${text}`),
	};
}
