import type { Caller, PolicyCall } from "../../../src/policy/call.ts";
import { decide } from "../../../src/policy/decide.ts";
import {
	type Command,
	type Policy,
	parsePolicy,
	runPermissions,
} from "../../../src/policy/policy.ts";
import {
	type PolicyValue,
	policyText,
} from "../../../src/policy/policy-text.ts";
import { limitsFor } from "../../../src/policy/proposal.ts";
import { shown } from "../../../src/policy/shown.ts";
import { mayOverlap } from "../../../src/policy/template.ts";
import { mask } from "../../../src/protocol/audit-line.ts";
import { parseHop } from "../../../src/protocol/hop.ts";
import { quotedWord } from "../../../src/protocol/words.ts";
import { openYaml, type YamlTree } from "../../../src/protocol/yaml.ts";
import { unsafe } from "../output/terminal.ts";
import { type AuditedCall, isMasked } from "./audited-calls.ts";
import {
	callsText,
	commandText,
	countOf,
	type DraftCommand,
	evidenceText,
	looksOf,
	parsedCommand,
	sightingsBy,
} from "./draft-command.ts";
import { learnKnown, valueAt, writtenValue } from "./known-commands.ts";
import { learnLines } from "./lines.ts";
import type { SeenCall, Sightings } from "./tally.ts";

/** A rule or command that somebody has to look at. */
export interface Look {
	/** `command disk`, `rule 2` */
	readonly at: string;
	readonly why: string;
}

/** A policy made from calls, for somebody to read. */
export interface Draft {
	readonly text: string;
	readonly commands: readonly DraftCommand[];
	/** Calls that it was made from. */
	readonly calls: number;
	readonly looks: readonly Look[];
	/** Successful calls that it does not permit, by the reason. */
	readonly leftOut: ReadonlyMap<string, number>;
}

/** What may stand in place of masked values where a call is tried: values of any type. */
export const placeholders: readonly string[] = ["masked", "1", "/masked"];

/**
 * An audited call as a policy decides about it.
 * @param instead what stands in place of masked values
 */
export function policyCallOf(
	{
		permission,
		command,
		hop,
	}: Pick<AuditedCall, "permission" | "command" | "hop">,
	caller: Caller,
	instead: string,
): PolicyCall {
	const words = command?.words.map((word) => word.replaceAll(mask, instead));
	const next = hop === undefined ? undefined : parseHop(hop);
	return {
		...{ caller, permission },
		...(command &&
			words && {
				command: command.isNrpe
					? { name: command.called, values: words }
					: {
							name: command.called,
							// a lone $ needs a shell, like the line that it stands for
							options: command.isUnsplit
								? "$"
								: words.map(quotedWord).join(" "),
						},
			}),
		...(next && { hop: next }),
	};
}

/** Commands of a program by their time limits. */
type ByLimit = Map<number | undefined, Command[]>;

/** The time limits of the commands that may fit a line of this one. */
function limitsBeside(
	command: Command,
	others: ByLimit,
): (number | undefined)[] {
	// nearly always: nothing to compare
	if ([...others.keys()].every((limit) => limit === undefined)) return [];
	return [...others]
		.filter(([, some]) => some.some((other) => mayOverlap(command, other)))
		.map(([limit]) => limit);
}

/**
 * Commands that are part of a sound policy, and the others. A learned command gets the time limit of
 * those that may fit the same lines, as one line may not have two.
 */
function soundCommands(
	known: readonly DraftCommand[],
	learned: readonly DraftCommand[],
): { sound: DraftCommand[]; left: DraftCommand[] } {
	const sound: DraftCommand[] = [];
	const left: DraftCommand[] = [];
	const byProgram = new Map<string, ByLimit>();
	for (const command of [...known, ...learned]) {
		const parsed = parsedCommand(command);
		if (!parsed) {
			left.push(command);
			continue;
		}
		const key = `${parsed.permission} ${parsed.program}`;
		const others: ByLimit = byProgram.get(key) ?? new Map();
		byProgram.set(key, others);
		const limits = command.isKnown
			? [parsed.timeoutSeconds]
			: limitsBeside(parsed, others);
		if (limits.length > 1) {
			left.push(command);
			continue;
		}
		const [limit] = limits;
		const same = others.get(limit);
		if (same) same.push(parsed);
		else others.set(limit, [parsed]);
		sound.push(
			command.isKnown || limit === undefined
				? command
				: { ...command, more: { ...command.more, timeout: `${limit}s` } },
		);
	}
	return { sound, left };
}

interface DraftRule {
	readonly evidence: string;
	readonly looks: readonly string[];
	readonly pairs: Readonly<Record<string, PolicyValue>>;
}

/**
 * Whether a caller called a command too seldom, however often others did. As in the command itself,
 * what counts for one of the policy is all calls, and otherwise the calls with the same words.
 */
const isRareFor = (
	{ isRare, isKnown }: DraftCommand,
	seen: readonly Sightings[],
	atLeast: number,
) =>
	isRare ||
	(isKnown
		? countOf(seen) < atLeast
		: seen.every(({ count }) => count < atLeast));

/** Rules for the commands that a caller has called. */
function commandRules(
	policy: Policy,
	name: string,
	commands: readonly DraftCommand[],
	atLeast: number,
): DraftRule[] {
	const own = commands.flatMap((command) => {
		const seen = sightingsBy(name, command.calls);
		const isRare = isRareFor(command, seen, atLeast);
		return seen.length > 0 ? [{ command, seen, isRare }] : [];
	});
	return runPermissions.flatMap((permission) =>
		[false, true].flatMap((isRare) => {
			const some = own.filter(
				(each) =>
					each.command.permission === permission && each.isRare === isRare,
			);
			if (some.length === 0) return [];
			return [
				{
					evidence: evidenceText(some.flatMap(({ seen }) => seen)),
					looks: isRare
						? ["what was seen too seldom: delete what you do not know"]
						: [],
					pairs: {
						who: name,
						may: permission,
						commands: some.map(({ command }) => command.name),
						...limitsFor(policy, name, permission),
					},
				},
			];
		}),
	);
}

const ownAddress = /^(?:127\.|\[::1\]|localhost[.:]|0\.0\.0\.0:|\[::\])/;

/** Rules for everything that runs no command. */
function otherRules(
	policy: Policy,
	name: string,
	calls: readonly SeenCall[],
	atLeast: number,
): DraftRule[] {
	const own = calls.filter(({ command, by }) => !command && by.has(name));
	const isRare = (call: SeenCall) =>
		countOf(sightingsBy(name, [call])) < atLeast;
	const relays = own.filter(
		({ permission, hop }) =>
			permission === "relay" && hop !== undefined && parseHop(hop),
	);
	const others = own.filter(
		({ permission }) =>
			permission !== "relay" && (permission !== "ping" || policy.isPingByRules),
	);
	const rareHops = relays.filter(isRare);
	const local = relays.filter(({ hop }) => ownAddress.test(hop ?? ""));
	const shownHops = (some: readonly SeenCall[]) =>
		some
			.slice(0, 5)
			.map(({ hop }) => shown(hop ?? ""))
			.join(", ");
	return [
		...(relays.length === 0
			? []
			: [
					{
						evidence: evidenceText(sightingsBy(name, relays)),
						looks: [
							...(rareHops.length > 0
								? [
										`${rareHops.length} hops were seen too seldom to be sure: ${shownHops(rareHops)}`,
									]
								: []),
							...(local.length > 0
								? [`leads to this host itself: ${shownHops(local)}`]
								: []),
						],
						pairs: {
							who: name,
							may: "relay",
							to: relays.map(({ hop }) => hop ?? ""),
							...limitsFor(policy, name, "relay"),
						},
					},
				]),
		...others.map((call) => ({
			evidence: evidenceText(sightingsBy(name, [call])),
			looks: [
				...(isRare(call)
					? ["seen too seldom to be sure that it belongs here"]
					: []),
				...(call.permission === "configure"
					? ["permits to run any metric plugin with any options"]
					: []),
			],
			pairs: {
				who: name,
				may: call.permission,
				...limitsFor(policy, name, call.permission),
			},
		})),
	];
}

const ruleText = ({ evidence, looks, pairs }: DraftRule) =>
	[
		`# ${evidence}`,
		...looks.map((look) => `# look: ${look}`),
		...Object.entries(pairs).map(
			([key, value], index) =>
				`${index === 0 ? "- " : "  "}${key}: ${policyText(value)}`,
		),
	]
		.map((line) => `  ${line}\n`)
		.join("");

/** The callers of a policy that a draft has, with the keys that they need. */
function callersText(tree: YamlTree, names: readonly string[]): string {
	const who = valueAt(tree, "who");
	const keys = valueAt(tree, "keys");
	const needed = new Set<string>();
	const lines = names.flatMap((name) => {
		const entry = valueAt(who, name);
		if (!entry) return [];
		const key = valueAt(entry, "key");
		if (key?.kind === "text") needed.add(key.text);
		if (key?.kind === "list")
			for (const each of key.list)
				if (each.kind === "text") needed.add(each.text);
		return [`  ${policyText(name)}: ${policyText(writtenValue(entry))}\n`];
	});
	const digests = [...needed].flatMap((name) => {
		const entry = valueAt(keys, name);
		return entry
			? [`  ${policyText(name)}: ${policyText(writtenValue(entry))}\n`]
			: [];
	});
	return [
		...(lines.length > 0 ? ["who:\n", ...lines] : []),
		...(digests.length > 0 ? ["keys:\n", ...digests] : []),
	].join("");
}

/** The keys of a policy that a draft takes over as they are. */
const settingsText = (tree: YamlTree) =>
	["mode", "ping", "go-clients"]
		.flatMap((key) => {
			const value = valueAt(tree, key);
			return value ? [`${key}: ${policyText(writtenValue(value))}\n`] : [];
		})
		.join("");

// every text that has one is in double quotes or a comment
const withoutControls = (text: string) =>
	text.replace(unsafe, (character) =>
		character === "\n"
			? character
			: `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);

/**
 * Makes a policy from calls: commands, and rules for the callers who called them. It permits every
 * call that it was made from, and nothing to anybody else.
 * @param parts.policyText the policy that the agent has: its callers, keys and commands are taken
 * over
 * @param parts.names callers, who are all in the policy
 * @param parts.atLeast how often a call has to be seen so that its values become types of slots
 */
export function makeDraft(parts: {
	policyText: string;
	names: readonly string[];
	calls: readonly SeenCall[];
	atLeast: number;
}): Draft {
	const { names, atLeast } = parts;
	const leftOut = new Map<string, number>();
	const leftOutCalls = new Set<SeenCall>();
	const leave = (reason: string, calls: readonly SeenCall[]) => {
		for (const call of calls) leftOutCalls.add(call);
		if (calls.length > 0)
			leftOut.set(reason, (leftOut.get(reason) ?? 0) + countOf(calls));
	};
	const { policy } = parsePolicy(parts.policyText);
	const tree = openYaml(parts.policyText).tree();
	const isKnown = ({ command, permission }: SeenCall) => {
		const known = policy.commands.get(command?.fitted ?? "");
		return (
			known?.permission === permission &&
			known.slots.length === command?.slots.size &&
			known.slots.every(({ name }) => command?.slots.has(name))
		);
	};
	const runs = parts.calls.filter(({ command }) => command !== undefined);
	const known = learnKnown(
		runs.filter(isKnown),
		valueAt(tree, "commands"),
		atLeast,
	);
	const unknown = runs.filter((call) => !isKnown(call));
	const isByPlugin = ({ command }: SeenCall) =>
		command?.fitted === undefined ||
		(command.fitted !== command.called && !command.isNrpe);
	const byPlugin = unknown.filter(isByPlugin);
	// without its template, nobody knows what ran
	leave(
		"of a command that the policy does not have any longer, or with other slots",
		unknown.filter((call) => !isByPlugin(call)),
	);
	const taken = new Set([
		...policy.commands.keys(),
		...runs.map(({ command }) => command?.called ?? ""),
	]);
	const learned = learnLines(byPlugin, { atLeast, taken, leave });
	const { sound, left } = soundCommands(known, learned);
	for (const { calls } of left)
		leave("no command of a policy can be like it", calls);
	const textOf = (commands: readonly DraftCommand[]) => {
		const rules = names.flatMap((name) => [
			...commandRules(policy, name, commands, atLeast),
			...otherRules(policy, name, parts.calls, atLeast),
		]);
		return {
			rules,
			body: [
				settingsText(tree),
				callersText(tree, names),
				commands.length > 0
					? `commands:\n${commands.map(commandText).join("")}`
					: "",
				rules.length > 0 ? `rules:\n${rules.map(ruleText).join("")}` : "",
			].join(""),
		};
	};
	const tried = parts.calls.filter((call) => !leftOutCalls.has(call));
	const refusedBy = (commands: readonly DraftCommand[]) =>
		refusedCalls(`version: 1\n${textOf(commands).body}`, names, tried);
	const refused = refusedBy(sound);
	leave("the draft would not permit it", [...refused]);
	// a rare call that other commands permit needs none of its own
	const commands = withoutNeedless(sound, refused, refusedBy);
	const { rules, body } = textOf(commands);
	const calls = countOf(tried.filter((call) => !refused.has(call)));
	const head = [
		`# A draft by happo-ctl policy learn, from ${callsText(calls)} of ${names.join(", ")}.`,
		"# Nothing loads it. Read it first, and above all the lines with look:.",
	];
	return {
		text: withoutControls(`${head.join("\n")}\nversion: 1\n${body}`),
		...{ commands, calls, leftOut },
		looks: [
			...commands.flatMap((command) =>
				looksOf(command).map((why) => ({ at: `command ${command.name}`, why })),
			),
			...rules.flatMap(({ looks }, index) =>
				looks.map((why) => ({ at: `rule ${index + 1}`, why })),
			),
		],
	};
}

/** The calls that a draft would refuse to a caller who was seen with them. */
function refusedCalls(
	text: string,
	names: readonly string[],
	calls: readonly SeenCall[],
): Set<SeenCall> {
	const { policy } = parsePolicy(text);
	const refused = new Set<SeenCall>();
	for (const name of names) {
		const caller = policy.callers.exampleOf(name);
		for (const call of calls)
			if (caller && call.by.has(name) && !isPermitted(policy, call, caller))
				refused.add(call);
	}
	return refused;
}

/** Leaves out commands of rare calls that the draft permits without them. */
function withoutNeedless(
	commands: readonly DraftCommand[],
	refused: ReadonlySet<SeenCall>,
	refusedBy: (commands: readonly DraftCommand[]) => ReadonlySet<SeenCall>,
): DraftCommand[] {
	const usual = commands.filter(({ isRare }) => !isRare);
	const without = usual.length > 0 ? refusedBy(usual) : undefined;
	return commands.filter(
		({ isRare, calls }) =>
			!isRare ||
			without === undefined ||
			calls.some((call) => without.has(call) && !refused.has(call)),
	);
}

function isPermitted(policy: Policy, call: SeenCall, caller: Caller): boolean {
	const words = call.command?.words ?? [];
	return placeholders.slice(0, words.some(isMasked) ? undefined : 1).some(
		(instead) =>
			decide(policy, {
				...policyCallOf(call, caller, instead),
				// what is real is so on the agent's host
				realPaths: new Map(words.map((word) => [word, word])),
			}).allowed,
	);
}
