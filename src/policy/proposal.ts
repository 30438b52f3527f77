import type { Permission } from "../../generated/permissions.ts";
import { type AuditProof, mask } from "../protocol/audit-line.ts";
import { fittingCommand } from "./decide.ts";
import {
	isPolicyName,
	type Policy,
	PolicyError,
	parsePolicy,
	type RunPermission,
} from "./policy.ts";
import { fixedWord, type PolicyValue, policyText } from "./policy-text.ts";
import { joined } from "./shown.ts";
import { mayOverlap } from "./template.ts";

/** A request that a policy has refused, as the audit log describes it. */
export interface RefusedRequest {
	readonly permission: Permission;
	/** Names of the caller in the policy. */
	readonly who: readonly string[];
	readonly proof: AuditProof;
	/** What a check or inventory request named, and its words; some may be masked. */
	readonly command?: {
		readonly name: string;
		readonly words: readonly string[];
	};
	readonly isNrpe: boolean;
	/** Next hop of a relayed request. */
	readonly hop?: string;
}

/** A name for a command after its plugin or program, which no other one has. */
export function nameFor(
	program: string,
	isRare: boolean,
	taken: Set<string>,
): string {
	const base =
		(program.split("/").at(-1) ?? "")
			.replace(/^check_/, "")
			.replace(/\.(?:pl|py|rb|sh)$/, "")
			.replace(/[^A-Za-z0-9_.:-]/g, "")
			.replace(/^[^A-Za-z0-9_]+/, "")
			.slice(0, 60) || "command";
	const stem = isRare ? `once-${base}` : base;
	let name = stem;
	for (let number = 2; taken.has(name); number++) name = `${stem}-${number}`;
	taken.add(name);
	return name;
}

/** Programs that run others, or code. */
const runners =
	/^(?:(?:ba|da|k|z|a)?sh|busybox|env|sudo|su|doas|nice|nohup|setsid|timeout|xargs|find|negate|check_by_ssh|ssh|[gm]?awk|(?:perl|php|python|ruby|lua|node)[\d.]*)$/;

/** The programs that run others, among the words of a command. */
export const runnersIn = (run: readonly string[]) => [
	...new Set(
		run
			.map((word) => word.slice(word.lastIndexOf("/") + 1))
			.filter((word) => runners.test(word)),
	),
];

/** What somebody has to look at in a command with such programs. */
export const runnersLook = (runners: readonly string[]): string =>
	`has ${joined(runners)}, which may run any program`;

/** The limits of a caller's rules, of which the most generous count; none if one has none. */
export function limitsFor(
	policy: Policy,
	name: string,
	permission: Permission,
): Record<string, PolicyValue> {
	const entry = policy.callers.names.indexOf(name);
	const rules = policy.granting[permission].byCaller.get(entry) ?? [];
	if (rules.length === 0) return {};
	const greatest = (limits: readonly (number | undefined)[]) =>
		limits.includes(undefined)
			? undefined
			: Math.max(...limits.map((limit) => limit ?? 0));
	const rate = greatest(rules.map(({ rate }) => rate));
	const atOnce = greatest(rules.map(({ atOnce }) => atOnce));
	const [count, unit] =
		rate === undefined
			? []
			: Number.isInteger(rate)
				? [rate, "s"]
				: Number.isInteger(Number((rate * 60).toFixed(6)))
					? [Math.round(rate * 60), "m"]
					: [Math.max(1, Math.round(rate * 3_600)), "h"];
	return {
		...(count !== undefined && { rate: `${count}/${unit}` }),
		...(atOnce !== undefined && { "at-once": atOnce }),
	};
}

/** A caller in `who`: by its name, with the entry that a new one needs. */
interface ProposedCaller {
	readonly name: string;
	readonly entry?: PolicyValue;
}

/**
 * An entry for a caller that the policy does not know; undefined if it has proved nothing, or has
 * shown a key that the policy does not have any longer.
 */
function entryFor(
	{ callers }: Policy,
	{ address, certificate, key }: AuditProof,
) {
	if (key !== undefined && callers.digestOf(key) === undefined)
		return undefined;
	const named = (["uri", "dns", "email"] as const).flatMap((condition) => {
		const value = certificate?.[condition]?.find((text) => !text.includes("*"));
		return value === undefined ? [] : [[condition, value] as const];
	});
	const { cn, fingerprint } = certificate ?? {};
	const [condition, value] =
		named[0] ??
		(cn === undefined
			? (["fingerprint", fingerprint] as const)
			: (["cn", cn] as const));
	// a policy has no addresses with a zone
	const isPlain = address !== undefined && !address.includes("%");
	const entry = {
		...(value !== undefined && { certificate: { [condition]: value } }),
		...(value === undefined && isPlain && { address }),
		...(key !== undefined && { key }),
	};
	return Object.keys(entry).length > 0 ? entry : undefined;
}

function callerFor(
	policy: Policy,
	{ who, proof, permission }: RefusedRequest,
): ProposedCaller | undefined {
	const { callers, granting } = policy;
	const ruled = who.find((name) =>
		granting[permission].byCaller.has(callers.names.indexOf(name)),
	);
	const name = ruled ?? who[0];
	if (name !== undefined) return { name };
	const entry = entryFor(policy, proof);
	if (!entry) return undefined;
	const wanted = `host-${proof.address ?? ""}`;
	const stem = proof.address && isPolicyName(wanted) ? wanted : "caller";
	let free = stem;
	for (let number = 2; callers.names.includes(free); number++)
		free = `${stem}-${number}`;
	return { name: free, entry };
}

/** Limit of masked values: more would leave nothing of a command but its plugin. */
const maxMasked = 2;

/** A command for the words of a request; masked values become slots. */
function commandFor(
	policy: Policy,
	permission: RunPermission,
	{ name: program, words }: NonNullable<RefusedRequest["command"]>,
) {
	const slots: string[] = [];
	const run = words.map((word) =>
		word
			.split(mask)
			.map(fixedWord)
			.reduce((before, text) => {
				const slot =
					slots.length === 0 ? "secret" : `secret-${slots.length + 1}`;
				slots.push(slot);
				return `${before}{${slot}}${text}`;
			}),
	);
	if (slots.length > maxMasked) return undefined;
	const name = nameFor(program, false, new Set(policy.commands.keys()));
	const pairs: Record<string, PolicyValue> = {
		run: [program, ...run],
		...(permission === "inventory" && { for: permission }),
		...(slots.length > 0 && {
			slots: Object.fromEntries(
				slots.map((slot) => [slot, { is: "text", secret: true }]),
			),
		}),
	};
	const looks = [...runnersIn([program, ...words]).slice(0, 3)];
	return {
		name,
		pairs,
		looks: [
			...(looks.length > 0 ? [runnersLook(looks)] : []),
			...slots.map((slot) => `slot ${slot} permits any text`),
		],
	};
}

/** The time limit that a command needs because another one fits the same lines; "" without one. */
function timeoutFor(
	policy: Policy,
	permission: RunPermission,
	program: string,
	pairs: Readonly<Record<string, PolicyValue>>,
): string | undefined {
	const { policy: alone } = parsePolicy(
		`version: 1\ncommands: ${policyText({ c: pairs })}\n`,
	);
	const command = alone.commands.get("c");
	const limits = new Set(
		(policy.commandsByProgram[permission].get(program) ?? []).flatMap(
			(other) =>
				command && mayOverlap(command, other) ? [other.timeoutSeconds] : [],
		),
	);
	if (limits.size > 1) return undefined;
	const [seconds] = limits;
	return seconds === undefined ? "" : `${seconds}s`;
}

/** Whether a rule permits a command to a caller. */
const mayRun = (
	{ callers, commands }: Policy,
	who: readonly string[],
	command: string,
) =>
	commands
		.get(command)
		?.rules.some((rule) =>
			rule.who.some((entry) => who.includes(callers.names[entry] ?? "")),
		);

interface ProposedLines {
	readonly commands?: { name: string; lines: readonly string[] };
	readonly rule: Readonly<Record<string, PolicyValue>>;
}

/** What permits a check or inventory request; undefined if nothing can. */
function runLines(
	policy: Policy,
	permission: RunPermission,
	{ who, command, isNrpe }: RefusedRequest,
): ProposedLines | undefined {
	if (!command) return undefined;
	const known = fittingCommand(policy, permission, {
		...command,
		...(isNrpe && { isNrpe }),
	});
	if (known !== undefined)
		// with a rule already, what the file system has at a path is at fault
		return mayRun(policy, who, known)
			? undefined
			: { rule: { commands: known } };
	// a command's name cannot mean another command as well
	const isPlugin = policy.commandsByProgram[permission].has(command.name);
	if (isNrpe || (policy.commands.has(command.name) && !isPlugin))
		return undefined;
	const made = commandFor(policy, permission, command);
	if (!made) return undefined;
	const { name, pairs, looks } = made;
	const timeout = timeoutFor(policy, permission, command.name, pairs);
	if (timeout === undefined) return undefined;
	return {
		commands: {
			name,
			lines: [
				...looks.map((look) => `# look: ${look}`),
				...Object.entries({ ...pairs, ...(timeout && { timeout }) }).map(
					([key, value]) => `${key}: ${policyText(value)}`,
				),
			],
		},
		rule: { commands: name },
	};
}

function linesFor(
	policy: Policy,
	request: RefusedRequest,
): ProposedLines | undefined {
	const { permission, hop } = request;
	if (permission === "check" || permission === "inventory")
		return runLines(policy, permission, request);
	if (permission !== "relay") return { rule: {} };
	return hop === undefined ? undefined : { rule: { to: hop } };
}

/**
 * Lines of a policy that would permit a refused request, for somebody to read: a caller, a command
 * and a rule, as far as they are needed. They permit to nobody else anything. undefined if no lines
 * can do that, or what was asked is not known well enough.
 */
export function proposal(
	policy: Policy,
	request: RefusedRequest,
): string | undefined {
	try {
		const caller = callerFor(policy, request);
		const proposed = caller && linesFor(policy, request);
		if (!caller || !proposed) return undefined;
		const { name, entry } = caller;
		const { commands, rule } = proposed;
		const { permission } = request;
		const whole = {
			...{ who: name, may: permission, ...rule },
			...limitsFor(policy, name, permission),
		};
		return [
			...(entry ? ["who:", `  ${policyText(name)}: ${policyText(entry)}`] : []),
			...(commands
				? [
						...["commands:", `  ${policyText(commands.name)}:`],
						...commands.lines.map((line) => `    ${line}`),
					]
				: []),
			...["rules:", `  - ${policyText(whole)}`],
		]
			.map((line) => `${line}\n`)
			.join("");
	} catch (error) {
		// a policy can have no such command
		if (error instanceof PolicyError) return undefined;
		throw error;
	}
}
