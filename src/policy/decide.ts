import type { Permission } from "../../generated/permissions.ts";
import { calledPlugin, checkPluginName } from "../protocol/plugin-name.ts";
import { splitWords } from "../protocol/words.ts";
import type {
	CalledCommand,
	Caller,
	Decision,
	Limits,
	PermittedRun,
	PolicyCall,
} from "./call.ts";
import { askedHop, namesAddress, permitsHop } from "./next-hops.ts";
import {
	type Command,
	type GrantingRules,
	isPolicyName,
	type Policy,
	type Rule,
	type RunPermission,
	runPermissions,
} from "./policy.ts";
import { joined, shown } from "./shown.ts";
import type { Paths } from "./slot-types.ts";
import {
	type Fit,
	fitArguments,
	fitValues,
	fitWords,
	hasFixedWords,
	isFit,
	type Misfit,
} from "./template.ts";
import type { Evidences } from "./who.ts";

type Allowed = Decision & { allowed: true };
type Refused = Decision & { allowed: false };

const noLimits: Limits = { rate: undefined, atOnce: undefined };

const isRun = (permission: Permission): permission is RunPermission =>
	permission === "check" || permission === "inventory";

/** Whether a rule names the caller. */
const names = ({ who }: Rule, evidence: Evidences) =>
	who.some((entry) => evidence.is(entry));

/** The rules with a permission that name the caller, in their order. */
function rulesOf(
	{ all, byCaller }: GrantingRules,
	evidence: Evidences,
): readonly Rule[] {
	const { entries } = evidence;
	if (entries.length === 0) return [];
	return entries.length === 1
		? (byCaller.get(entries[0] ?? 0) ?? [])
		: all.filter((rule) => names(rule, evidence));
}

/**
 * Decides about a call. It does no I/O, looks at no clock and never throws. Neither the order of
 * the policy's entries nor that of its rules changes whether a call is allowed or what it runs, and
 * another rule never takes anything away.
 */
export function decide(policy: Policy, call: PolicyCall): Decision {
	const { permission } = call;
	const evidence = policy.callers.evidenceOf(call.caller);
	const who = evidence.who();
	if (permission === "ping" && !policy.isPingByRules)
		return {
			...{ who, allowed: true, rule: undefined },
			reason: "ping needs no rule",
			...{ limits: noLimits, limitKey: "" },
		};
	const granting = policy.granting[permission];
	const own = rulesOf(granting, evidence);
	if (own.length === 0)
		return refuseCaller(policy, call, {
			who,
			evidence,
			granting: granting.all,
		});
	if (isRun(permission))
		return decideRun(policy, call, permission, { who, evidence, own });
	if (permission === "relay")
		return decideRelay(policy, call, { who, evidence, own });
	return allow(policy, { who, evidence }, own, permission);
}

/**
 * Whether some rule could permit this to the caller if it showed the right key, which may be in a
 * body that has not been read.
 */
export function mayReach(
	policy: Policy,
	caller: Caller,
	permission: Permission,
): boolean {
	if (permission === "ping" && !policy.isPingByRules) return true;
	const evidence = policy.callers.evidenceOf(caller);
	return policy.granting[permission].all.some(({ who }) =>
		who.some((entry) => evidence.isWithKey(entry)),
	);
}

/** The commands that a rule permits to the caller, in the order of their names. */
export function permittedCommands(policy: Policy, caller: Caller): Command[] {
	const evidence = policy.callers.evidenceOf(caller);
	const names = new Set<string>();
	for (const permission of runPermissions)
		for (const { commands } of rulesOf(policy.granting[permission], evidence))
			for (const name of commands) names.add(name);
	return [...names].toSorted().flatMap((name) => {
		const command = policy.commands.get(name);
		return command ? [command] : [];
	});
}

/**
 * The paths in a call that `decide` compares by their real paths: values of slots with `real:
 * true`. Usually there are none, and never for a caller without a rule for the permission: nobody
 * else has the agent look at files.
 */
export function pathsToResolve(policy: Policy, call: PolicyCall): string[] {
	const { permission } = call;
	if (!policy.hasRealPaths || !isRun(permission)) return [];
	const evidence = policy.callers.evidenceOf(call.caller);
	if (rulesOf(policy.granting[permission], evidence).length === 0) return [];
	const wanted = new Set<string>();
	const asked = askedCommand(call, permission);
	if (!("refused" in asked)) {
		const paths = { real: undefined, wanted };
		fitName(policy, permission, asked, paths);
		fitProgram(policy, permission, asked, paths);
	}
	return [...wanted];
}

/**
 * Whether words of a call may be values of secret slots, as it names a command or plugin that has
 * some. They are secrets even if the call fits no command.
 */
export function mayHaveSecrets(
	policy: Policy,
	{ permission, command }: PolicyCall,
): boolean {
	if (!policy.hasSecrets || !command || !isRun(permission)) return false;
	const name = calledName(command, permission);
	return (
		name === undefined ||
		policy.commands.get(name)?.slots.some(({ type }) => type.isSecret) ||
		(policy.commandsByProgram[permission].get(name) ?? []).some(
			({ hasSecrets }) => hasSecrets,
		)
	);
}

/** The command or plugin that a call names, also if its line cannot be split; undefined if unclear. */
function calledName(
	{ name }: CalledCommand,
	permission: RunPermission,
): string | undefined {
	if (permission === "check")
		return checkPluginName(name) ? undefined : calledPlugin(name).name;
	const [, plain] = /^[ \t]*([\w./+-]+)(?:[ \t]|$)/.exec(name) ?? [];
	return plain ?? splitWords(name)?.[0];
}

/** A command as a call names it. */
export interface AskedCommand {
	name: string;
	words: readonly string[];
	/** The words are arguments of NRPE, which names commands of the policy and never a plugin. */
	isNrpe?: true;
}

/**
 * Splits the requested line, as an agent without a policy does where it needs no shell; or says why
 * that is impossible.
 */
export function askedCommand(
	{ command }: PolicyCall,
	permission: RunPermission,
): AskedCommand | { refused: string } {
	if (!command) return { refused: `${permission}: names no command` };
	if ("values" in command)
		return { name: command.name, words: command.values, isNrpe: true };
	const shell =
		"the option line needs a shell, and a policy's commands run without one";
	if (permission === "inventory") {
		const words = splitWords(`${command.name} ${command.options}`);
		if (!words) return { refused: shell };
		const [name, ...rest] = words;
		return name === undefined
			? { refused: "inventory: names no command" }
			: { name, words: rest };
	}
	const fault = checkPluginName(command.name);
	if (fault) {
		// options may follow the name, and be secrets
		const [first = ""] = command.name.trim().split(/\s/, 1);
		return { refused: `plugin_name: ${shown(first)} ${fault}` };
	}
	const { name, options } = calledPlugin(command.name);
	const words = splitWords(
		options === "" ? command.options : `${options} ${command.options}`,
	);
	return words ? { name, words } : { refused: shell };
}

interface Compared<T> {
	command: Command;
	result: T;
}

/** Compares a call with the command of its name. */
function fitName(
	policy: Policy,
	permission: RunPermission,
	{ name, words, isNrpe }: AskedCommand,
	paths: Paths,
): Compared<Fit | Misfit>[] {
	const command = policy.commands.get(name);
	if (command?.permission !== permission) return [];
	const fit = isNrpe ? fitArguments : fitValues;
	return [{ command, result: fit(command, words, paths) }];
}

/**
 * Compares a call with the templates of its plugin or program. If some of them have the same fixed
 * words as the call, the others are left out, as none of them fits.
 */
function fitProgram(
	policy: Policy,
	permission: RunPermission,
	{ name, words, isNrpe }: AskedCommand,
	paths: Paths,
): Compared<Fit | Misfit>[] {
	if (isNrpe) return [];
	const all = policy.commandsByProgram[permission].get(name) ?? [];
	const likely = all.filter((command) => hasFixedWords(command, words));
	return (likely.length > 0 ? likely : all).map((command) => ({
		command,
		result: fitWords(command, words, paths),
	}));
}

/**
 * The name of the most literal command that a call fits, whoever may run it; undefined if there is
 * none. Paths are not compared by their real paths.
 */
export function fittingCommand(
	policy: Policy,
	permission: RunPermission,
	asked: AskedCommand,
): string | undefined {
	const paths: Paths = { real: undefined, wanted: new Set() };
	const fits = [
		...fitName(policy, permission, asked, paths),
		...fitProgram(policy, permission, asked, paths),
	].filter(({ result }) => isFit(result));
	const [first, ...others] = fits.map(({ command }) => command);
	return others.reduce(
		(best, each) => (best && isMoreLiteral(each, best) > 0 ? each : best),
		first,
	)?.name;
}

/** A caller that has rules for what it asks. */
interface RuledCaller {
	who: string[];
	evidence: Evidences;
	/** At least one. */
	own: readonly Rule[];
}

function decideRun(
	policy: Policy,
	call: PolicyCall,
	permission: RunPermission,
	caller: RuledCaller,
): Decision {
	const { who, evidence, own } = caller;
	const refuse = (reason: string, rule = own[0]?.number): Refused => ({
		...{ who, allowed: false, rule, reason },
	});
	const asked = askedCommand(call, permission);
	if ("refused" in asked) return refuse(asked.refused);
	const paths = { real: call.realPaths };
	const named = fitName(policy, permission, asked, paths);
	// a command's name wins over a plugin's, whatever the rules say: so another rule never changes
	// what runs
	const compared = named.some(({ result }) => isFit(result))
		? named
		: [...fitProgram(policy, permission, asked, paths), ...named];
	const fits = compared.filter((each): each is Compared<Fit> =>
		isFit(each.result),
	);
	const permitted = fits.flatMap(({ command, result }) => {
		const rules = command.rules.filter((rule) => names(rule, evidence));
		return rules.length > 0 ? [{ command, result, rules }] : [];
	});
	if (permitted.length > 0) return allowRun(policy, caller, fits, permitted);

	const told = policy.hasRealPaths
		? withoutRealPaths(policy, caller, asked, permission, compared)
		: compared;
	const others = told.filter(({ result }) => isFit(result));
	if (others.length > 0) {
		const list = joined(
			others.map(({ command }) => command.name),
			"or",
		);
		return refuse(
			`command ${list}: no rule permits it to ${joined(who)}`,
			others.flatMap(({ command }) => command.rules)[0]?.number,
		);
	}
	return refuseMisfit(policy, caller, asked, permission, told);
}

/**
 * Compares a refused call with the commands that the caller may not run as if no path had to be
 * real: what is at a path of theirs is nothing that a refusal tells.
 */
function withoutRealPaths(
	policy: Policy,
	{ evidence }: RuledCaller,
	asked: AskedCommand,
	permission: RunPermission,
	compared: readonly Compared<Fit | Misfit>[],
): readonly Compared<Fit | Misfit>[] {
	const mayRun = ({ command }: Compared<Fit | Misfit>) =>
		command.rules.some((rule) => names(rule, evidence));
	const paths: Paths = { real: undefined, wanted: new Set() };
	return [
		...compared.filter(mayRun),
		...[
			...fitProgram(policy, permission, asked, paths),
			...fitName(policy, permission, asked, paths),
		].filter((each) => !mayRun(each)),
	];
}

/** Refuses a call that fits no command, with the sentence about the command that it fits best. */
function refuseMisfit(
	policy: Policy,
	{ who, evidence, own }: RuledCaller,
	{ name, isNrpe }: AskedCommand,
	permission: RunPermission,
	compared: readonly Compared<Fit | Misfit>[],
): Refused {
	let best:
		| { command: Command; misfit: Misfit; rule: Rule | undefined }
		| undefined;
	for (const { command, result } of compared) {
		if (isFit(result)) continue;
		const rule = command.rules.find((rule) => names(rule, evidence));
		const isBetter =
			best === undefined || (rule !== undefined) !== (best.rule !== undefined)
				? best === undefined || rule !== undefined
				: result.fitted > best.misfit.fitted;
		if (isBetter) best = { command, misfit: result, rule };
	}
	if (best)
		return {
			...{ who, allowed: false },
			rule: best.rule?.number ?? own[0]?.number,
			reason: best.misfit.why(best.command.name, best.rule?.number),
		};
	const other = policy.commands.get(name);
	const refused = { who, allowed: false, rule: own[0]?.number } as const;
	if (isNrpe && !other)
		return {
			...refused,
			reason: `Command '${isPolicyName(name) ? name : shown(name)}' not defined`,
			isUndefined: true,
		};
	return {
		...refused,
		reason:
			other && other.permission !== permission
				? `command ${name} is for ${other.permission}, not for ${permission}`
				: `no command for ${permission} is called ${shown(name)} or runs it`,
	};
}

/** A command that a call fits, with the rules that permit it to the caller. */
interface PermittedFit extends Compared<Fit> {
	rules: readonly Rule[];
}

/** The most generous limits of rules, and what they count. */
function limitsOf(
	policy: Policy,
	rules: readonly Rule[],
	evidence: Evidences,
): Counted {
	let rate: number | undefined = 0;
	let atOnce: number | undefined = 0;
	for (const rule of rules) {
		rate = greater(rate, rule.rate);
		atOnce = greater(atOnce, rule.atOnce);
	}
	if (rate === undefined && atOnce === undefined) return unlimited;
	const first = rules.find(
		(rule) =>
			(rate !== undefined && rule.rate === rate) ||
			(atOnce !== undefined && rule.atOnce === atOnce),
	);
	// entries are numbered in alphabetical order
	const entry = evidence.entries.find((entry) => first?.who.includes(entry));
	return {
		limits: { rate, atOnce },
		limitKey: `${policy.callers.names[entry ?? 0]} ${first?.number}`,
	};
}

/** Limits and what they count. */
interface Counted {
	limits: Limits;
	limitKey: string;
}

const unlimited: Counted = { limits: noLimits, limitKey: "" };

/** The greater of two limits; without one there is no limit. */
const greater = (one: number | undefined, other: number | undefined) =>
	one === undefined || other === undefined ? undefined : Math.max(one, other);

/** The smaller of two limits; without one there is no limit. */
const smaller = (one: number | undefined, other: number | undefined) =>
	one === undefined ? other : other === undefined ? one : Math.min(one, other);

const isMoreLiteral = (
	{ literalness: [words, characters] }: Command,
	{ literalness: [otherWords, otherCharacters] }: Command,
) => words - otherWords || characters - otherCharacters;

function allowRun(
	policy: Policy,
	{ who, evidence }: RuledCaller,
	fits: readonly Compared<Fit>[],
	permitted: readonly PermittedFit[],
): Allowed {
	// commands come in the order of their names, so the first of equals is taken
	const chosen = permitted.reduce((best, each) =>
		isMoreLiteral(each.command, best.command) > 0 ? each : best,
	);
	const { command, result, rules } = chosen;
	let counted = limitsOf(policy, chosen.rules, evidence);
	for (const other of permitted)
		if (other !== chosen)
			counted = stricter(counted, limitsOf(policy, other.rules, evidence));
	const slots: Record<string, string | readonly string[]> = {};
	for (const [name, value] of result.values) slots[name] = value;
	const rule = rules[0]?.number;
	// no spreads, which cost as much as the rest
	const run: PermittedRun = {
		command: command.name,
		argv: [command.program, ...result.words],
		slots,
		secrets: secretsOf(fits, result),
	};
	return {
		who,
		allowed: true,
		rule,
		run:
			command.timeoutSeconds === undefined
				? run
				: { ...run, timeoutSeconds: command.timeoutSeconds },
		reason: `rule ${rule} permits command ${command.name}`,
		limits: counted.limits,
		limitKey: counted.limitKey,
	};
}

/** The smaller limits of two; they count what is first in the alphabet, so the order is no matter. */
function stricter(one: Counted, other: Counted): Counted {
	if (one.limitKey === "") return other;
	if (other.limitKey === "") return one;
	return {
		limits: {
			rate: smaller(one.limits.rate, other.limits.rate),
			atOnce: smaller(one.limits.atOnce, other.limits.atOnce),
		},
		limitKey: one.limitKey < other.limitKey ? one.limitKey : other.limitKey,
	};
}

/**
 * The slots whose values are secret: those that are secret themselves, and those whose words are in
 * a secret slot of another command that the call fits.
 */
function secretsOf(fits: readonly Compared<Fit>[], chosen: Fit): string[] {
	const hidden = new Set<string>();
	const names = new Set<string>();
	for (const { command, result } of fits)
		for (const { name, type } of command.slots)
			if (type.isSecret) {
				const value = result.values.get(name) ?? "";
				for (const text of typeof value === "string" ? [value] : value)
					if (text !== "") hidden.add(text);
				if (result === chosen) names.add(name);
			}
	if (hidden.size === 0) return [...names].toSorted();
	for (const [name, value] of chosen.values)
		for (const text of typeof value === "string" ? [value] : value)
			for (const secret of hidden)
				if (text !== "" && (text.includes(secret) || secret.includes(text)))
					names.add(name);
	return [...names].toSorted();
}

function decideRelay(
	policy: Policy,
	{ hop }: PolicyCall,
	caller: RuledCaller,
): Decision {
	const { who, evidence, own } = caller;
	const refuse = (reason: string): Refused => ({
		...{ who, allowed: false, rule: own[0]?.number, reason },
	});
	if (!hop) return refuse("relay: names no next hop");
	const asked = askedHop(hop);
	const rules = own.filter(({ to }) =>
		to.some((each) => permitsHop(each, asked)),
	);
	if (rules.length === 0) {
		const written = `${hop.host.includes(":") ? `[${hop.host}]` : hop.host}:${hop.port}`;
		const numbers = joined(
			own.map(({ number }) => String(number)),
			"or",
		);
		return refuse(`relay: ${shown(written)} is not in to of rule ${numbers}`);
	}
	const namesOwn = (address: string, port: number) => {
		const asked = askedHop({ host: address, port });
		return own.some(({ to }) => to.some((each) => namesAddress(each, asked)));
	};
	return { ...allow(policy, { who, evidence }, rules, "relay"), namesOwn };
}

function allow(
	policy: Policy,
	{ who, evidence }: { who: string[]; evidence: Evidences },
	rules: readonly Rule[],
	permission: Permission,
): Allowed {
	const rule = rules[0]?.number;
	const { limits, limitKey } = limitsOf(policy, rules, evidence);
	const reason = `rule ${rule} permits ${permission}`;
	return { who, allowed: true, rule, reason, limits, limitKey };
}

/** What a caller has shown, for a sentence. */
function shownCaller({ isAdmin, address, certificate, keyDigest }: Caller) {
	if (isAdmin) return "the admin socket";
	// over the admin socket, but nobody's: plugins have the agent's own user as well
	if (address === undefined) return "only the agent's own user";
	return joined([
		`address ${shown(address)}`,
		certificate ? "a client certificate" : "no client certificate",
		keyDigest === undefined ? "no key" : "a key",
	]);
}

/** Refuses a caller for whom no rule has the permission. */
function refuseCaller(
	policy: Policy,
	{ caller, permission }: PolicyCall,
	{
		who,
		evidence,
		granting,
	}: { who: string[]; evidence: Evidences; granting: readonly Rule[] },
): Refused {
	for (const rule of granting)
		for (const entry of rule.who) {
			const missing = evidence.missing(entry);
			if (missing)
				return {
					...{ who, allowed: false, rule: rule.number },
					reason: `${permission}: ${policy.callers.names[entry]} may, but ${missing} (rule ${rule.number})`,
				};
		}
	return {
		...{ who, allowed: false, rule: granting[0]?.number },
		reason:
			who.length > 0
				? `${permission}: no rule permits it to ${joined(who)}`
				: `${permission}: nobody in who has ${shownCaller(caller)}`,
	};
}
