import { realpath } from "node:fs/promises";
import {
	permissionOf,
	type Permission as Right,
} from "../../generated/permissions.ts";
import { AgentError } from "../agent-error.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import type {
	Authorizer,
	Body,
	Permission,
	PermissionRequest,
	Permit,
} from "../operation.ts";
import type {
	Caller,
	Decision,
	PermittedRun,
	PolicyCall,
} from "../policy/call.ts";
import {
	askedCommand,
	decide,
	mayHaveSecrets,
	mayReach,
	pathsToResolve,
	permittedCommands,
} from "../policy/decide.ts";
import type { Policy } from "../policy/policy.ts";
import { createFileTurn } from "../polled-files.ts";
import {
	type AuditProof,
	auditId,
	type DecisionLine,
	mask,
	maskedOptions,
	maskedSlots,
	maskedWords,
} from "../protocol/audit-line.ts";
import { hopText, parseHop } from "../protocol/hop.ts";
import { splitWords } from "../protocol/words.ts";
import { type ListedRefusal, Refusals } from "./refusals.ts";
import { createThrottle, type Throttle, Throttled } from "./throttle.ts";

/** Decisions since the start. */
export interface DecisionCounts {
	allowed: number;
	refused: number;
	/** Refused if the mode were `enforce`. */
	would_refuse: number;
	/** Refused because of a rule's limits. */
	limited: number;
}

/** How long the real path of a value may take: its file system may hang. */
const maxPathMilliseconds = 1_000;

/** The call that a policy decides about. */
function callOf(
	{
		operationId,
		caller,
		body,
		nrpe,
	}: Pick<PermissionRequest, "operationId" | "caller" | "body" | "nrpe">,
	permission: Right,
): PolicyCall {
	if (nrpe) return { caller, permission, command: nrpe };
	switch (operationId) {
		case "runCheck": {
			const { plugin_name, plugin_option } = body as Body<"runCheck">;
			const command = { name: plugin_name, options: plugin_option ?? "" };
			return { caller, permission, command };
		}
		case "runInventoryCommand": {
			const given = body as Body<"runInventoryCommand">;
			const command = {
				name: given.command,
				options: given.command_option ?? "",
			};
			return { caller, permission, command };
		}
		case "relayRequest": {
			const [next = ""] = (body as Body<"relayRequest">).proxy_hostport;
			const hop = parseHop(next);
			return { caller, permission, ...(hop && { hop }) };
		}
		default:
			return { caller, permission };
	}
}

/** Names a caller in log lines. */
const callerName = ({ who }: Decision, { caller }: PolicyCall) =>
	who.join(", ") || caller.address || "the agent's own user";

const ruleText = ({ rule }: Decision) =>
	rule === undefined ? "" : ` (rule ${rule})`;

const nothing = () => {};

/** The decision about everything while there is no policy. */
const unlimited: Decision & { allowed: true } = {
	allowed: true,
	who: [],
	rule: undefined,
	reason: "no policy",
	limits: { rate: undefined, atOnce: undefined },
	limitKey: "",
};

/** An allowed call and what its handler gets. */
interface Permitted {
	decision: Decision & { allowed: true };
	permit: Permit;
}

interface Refused {
	decision: Decision & { allowed: false };
}

/** Limits of remembered permits, and of the characters that a call may have to be remembered. */
const maxKnown = 1_000;
const maxKnownCharacters = 1_000;

/**
 * Everything that a decision depends on besides the policy; undefined for a call that is not
 * remembered: a long one, or one that depends on the file system.
 */
function keyOf({
	caller: { isAdmin, address, certificate, keyDigest },
	permission,
	command,
	hop,
	realPaths,
}: PolicyCall): string | undefined {
	if (realPaths) return undefined;
	const key = JSON.stringify([
		...[isAdmin, address, certificate?.fingerprint256, keyDigest, permission],
		...(command ? Object.values(command) : []),
		...(hop ? [hop.host, hop.port] : []),
	]);
	return key.length > maxKnownCharacters ? undefined : key;
}

/** What the list of commands has; worked out late, as permits are remembered. */
const listingOf = (
	policy: Policy,
	{ permission, caller }: PolicyCall,
): Pick<Permit, "permitted"> =>
	permission === "read-commands"
		? {
				permitted: () => ({
					mode: policy.mode,
					commands: permittedCommands(policy, caller),
				}),
			}
		: {};

const certificateProof = ({
	fingerprint256,
	uris,
	dns,
	emails,
	commonName,
}: NonNullable<Caller["certificate"]>): NonNullable<
	AuditProof["certificate"]
> => ({
	fingerprint: fingerprint256,
	...(uris.length > 0 && { uri: uris }),
	...(dns.length > 0 && { dns }),
	...(emails.length > 0 && { email: emails }),
	...(commonName !== undefined && { cn: commonName }),
});

/** What the caller has shown, for the audit log. */
function proofOf(caller: Caller, policy: Policy | undefined): AuditProof {
	const { isAdmin, address, certificate, keyDigest } = caller;
	const key = keyDigest && policy?.callers.nameOfKey(keyDigest);
	return {
		...(isAdmin && { admin: true }),
		...(address !== undefined && { address }),
		...(certificate && { certificate: certificateProof(certificate) }),
		...(key !== undefined && { key }),
	};
}

/** An argument of NRPE, which may be several words. */
const maskedArgument = (text: string, plugin: string) => {
	const words = splitWords(text) ?? text.split(/[ \t]+/);
	const masked = maskedOptions(words, plugin);
	return masked.every((word, at) => word === words[at])
		? text
		: masked.join(" ");
};

/**
 * The words of an allowed call, for the audit log. Values of secret slots are masked; other slots
 * for one word are no secrets, whatever the option before them.
 */
function permittedWords(
	words: readonly string[],
	{ argv: [program], slots, secrets }: PermittedRun,
	isNrpe = false,
): string[] {
	const hidden: string[] = [];
	const open = new Set<string>();
	for (const [name, value] of Object.entries(slots))
		if (secrets.includes(name))
			hidden.push(...[value].flat().filter((text) => text !== ""));
		else if (typeof value === "string") open.add(value);
	// quotes in an argument of several words may hide a secret
	if (isNrpe && secrets.length > 0)
		return words.map((word) => (open.has(word) ? word : mask));
	if (isNrpe)
		return words.map((word) =>
			open.has(word) ? word : maskedArgument(word, program),
		);
	const masked = maskedOptions(words, program);
	return words.map((word, at) => {
		const [option = ""] = /^(?:--?[A-Za-z][\w.-]*=|-[A-Za-z])/.exec(word) ?? [];
		if (hidden.some((text) => word.includes(text)))
			return hidden.some((text) => option.includes(text))
				? mask
				: `${option}${mask}`;
		return open.has(word) || open.has(word.slice(option.length))
			? word
			: (masked[at] ?? mask);
	});
}

/** Longest line that is split to be shown in a list only. */
const maxListedCharacters = 8_192;

/** The command of a call without its words, if they are too long to be split for a list. */
function longOf({ command }: PolicyCall) {
	if (!command || "values" in command) return undefined;
	const { name, options } = command;
	if (name.length + options.length <= maxListedCharacters) return undefined;
	const [first = ""] = name.slice(0, maxListedCharacters).split(/[ \t]/, 1);
	return { command: first, options: ["…"], unsplit: true as const };
}

/** The command of a call, for the audit log: what was called, and the values of its slots. */
function askedOf(
	call: PolicyCall,
	decision: Decision,
	policy: Policy | undefined,
) {
	const { command, permission } = call;
	if (!command || (permission !== "check" && permission !== "inventory"))
		return {};
	const asked = askedCommand(call, permission);
	const run = decision.allowed ? decision.run : undefined;
	if (run && !("refused" in asked))
		return {
			command: run.command,
			...(asked.name !== run.command && { called: asked.name }),
			options: permittedWords(asked.words, run, asked.isNrpe),
			slots: maskedSlots(run.slots, run.secrets, run.argv[0]),
		};
	const hide = (name: string, words: readonly string[], isNrpe = false) => {
		if (policy && mayHaveSecrets(policy, call)) return maskedWords(words);
		return isNrpe
			? words.map((word) => maskedArgument(word, name))
			: maskedOptions(words, name);
	};
	if (!("refused" in asked)) {
		const { name, words, isNrpe } = asked;
		return { command: name, options: hide(name, words, isNrpe) };
	}
	const [name = "", ...more] = command.name.split(/[ \t]+/);
	const line = "options" in command ? command.options : "";
	const words = splitWords(line) ?? line.split(/\s+/);
	return {
		command: name,
		options: hide(name, [...more, ...words]),
		unsplit: true as const,
	};
}

/**
 * Decides about requests by the policy, counts the decisions and writes them to the audit log.
 * @param parts.policy the policy in use now; undefined without one: then everything is allowed
 * @param parts.patienceMilliseconds the longest wait for a turn
 */
export function createAuthorizer(parts: {
	policy: () => Policy | undefined;
	patienceMilliseconds: number;
	throttle?: Throttle;
	audit?: Pick<AuditLog, "decision" | "outcome"> | undefined;
	log: Pick<Log, "info" | "warning" | "error" | "debug">;
	/** Milliseconds since 1970. */
	now?: () => number;
}): Authorizer & {
	readonly counts: Readonly<DecisionCounts>;
	/** The last refusals. */
	refusals(): Promise<ListedRefusal[]>;
} {
	const { audit, log, throttle = createThrottle() } = parts;
	const refusals = new Refusals(parts.now ?? Date.now);
	const repeats = createLogRepeats({ log });
	const counts = { allowed: 0, refused: 0, would_refuse: 0, limited: 0 };
	const inPathTurn = createFileTurn({
		files: [],
		look: async () => {},
		lateMilliseconds: maxPathMilliseconds,
	});

	/** The call with the real paths of its values. */
	const withRealPaths = async (call: PolicyCall, paths: readonly string[]) => {
		const realPaths = new Map<string, string>();
		for (const path of paths)
			try {
				realPaths.set(path, await inPathTurn(() => realpath(path)));
			} catch {
				// a path that does not exist, or whose file system hangs, has no entry
			}
		return { ...call, realPaths };
	};

	/** A decision as the audit log has it. */
	const lineOf = (
		id: string,
		request: Pick<PermissionRequest, "operationId" | "hopsPassed" | "nrpe">,
		call: PolicyCall,
		decision: Decision,
		result: DecisionLine["decision"],
		reason = decision.reason,
	): DecisionLine => ({
		id,
		who: decision.who,
		proof: proofOf(call.caller, parts.policy()),
		...(request.hopsPassed > 0 && {
			via: { unproved_hops: request.hopsPassed },
		}),
		...(request.nrpe && { protocol: "nrpe" }),
		operation: request.operationId,
		...((audit ? undefined : longOf(call)) ??
			askedOf(call, decision, parts.policy())),
		...(call.hop && { hop: hopText(call.hop) }),
		decision: result,
		rule: decision.rule,
		reason,
	});

	/** Records a refusal and returns its error; strangers learn nothing but the id. */
	const refuse = async (
		policy: Policy,
		request: Pick<PermissionRequest, "operationId" | "hopsPassed" | "nrpe">,
		call: PolicyCall,
		decision: Decision,
	) => {
		const id = auditId();
		counts.refused++;
		const line = lineOf(id, request, call, decision, "refused");
		refusals.note("refused", call.permission, line);
		await audit?.decision(line);
		// whoever may open the admin socket is no stranger
		const isKnown =
			decision.who.length > 0 || call.caller.address === undefined;
		const told =
			!decision.allowed && decision.isUndefined
				? decision.reason
				: `not permitted: ${decision.reason}`;
		return new AgentError(
			"not-permitted",
			isKnown ? told : `not permitted (id ${id})`,
			{
				// without the reason, which may quote an option: options may be passwords
				logged: `not permitted to ${callerName(decision, call)}: ${call.permission}${ruleText(decision)} (id ${id})`,
				id,
				isCheckResult: policy.goClients === "status-3",
			},
		);
	};

	const noteWouldRefuse = (
		request: PermissionRequest,
		call: PolicyCall,
		decision: Decision,
	) => {
		counts.would_refuse++;
		const asked = lineOf("", request, call, decision, "would-refuse");
		refusals.note("would-refuse", call.permission, asked);
		const caller = callerName(decision, call);
		const line = `policy: would not permit ${call.permission} to ${caller}${ruleText(decision)}`;
		repeats.wrong(JSON.stringify([caller, call.permission, decision.rule]), {
			kind: line,
			level: "warning",
			lines: [line],
		});
	};

	const permitOf = (
		policy: Policy,
		call: PolicyCall,
		{ run, namesOwn }: Decision & { allowed: true },
	): Permit => ({
		...(run && { run, hasSecrets: run.secrets.length > 0 }),
		...listingOf(policy, call),
		refuseOwn: (address, port) => !namesOwn?.(address, port),
	});

	const waitForTurn = async (
		policy: Policy,
		call: PolicyCall,
		decision: Decision & { allowed: true },
		request: PermissionRequest,
	) => {
		const { limitKey, limits } = decision;
		const milliseconds = Math.min(
			parts.patienceMilliseconds,
			request.millisecondsLeft ?? Number.POSITIVE_INFINITY,
		);
		try {
			return await throttle.enter(limitKey, limits, {
				milliseconds,
				signal: request.signal,
			});
		} catch (error) {
			if (!(error instanceof Throttled))
				throw new AgentError("busy", "the client has disconnected");
			counts.limited++;
			const id = auditId();
			const reason = `${error.message}${ruleText(decision)}`;
			const line = lineOf(id, request, call, decision, "refused", reason);
			refusals.note("limited", call.permission, line);
			await audit?.decision(line);
			throw new AgentError("rate-limited", reason, {
				id,
				retryAfterSeconds: error.retryAfterSeconds,
				isCheckResult: policy.goClients === "status-3",
			});
		}
	};

	/** A permission, with what happens when the request has ended. */
	const given = (
		{ who }: Decision,
		permit: Permit | undefined,
		ended: Permission["ended"],
	): Permission => (permit ? { permit, who, ended } : { who, ended });

	/** Records that a request runs, and how it ended. */
	const recorded = async (
		log: NonNullable<typeof audit>,
		request: PermissionRequest,
		call: PolicyCall,
		decision: Decision,
		permit: Permit | undefined,
		leave: () => void,
	): Promise<Permission> => {
		const id = auditId();
		const result = decision.allowed
			? "allowed"
			: parts.policy()?.mode === "observe"
				? "would-refuse"
				: "refused";
		const began = performance.now();
		try {
			await log.decision(lineOf(id, request, call, decision, result));
		} catch (error) {
			leave();
			throw error;
		}
		return given(decision, permit, (status, { exitStatus }) => {
			leave();
			log.outcome({
				id,
				http_status: status,
				exit_status: exitStatus,
				milliseconds: Math.round(performance.now() - began),
			});
		});
	};

	const begin = (
		request: PermissionRequest,
		call: PolicyCall,
		decision: Decision,
		permit?: Permit,
		leave = nothing,
	) =>
		audit
			? recorded(audit, request, call, decision, permit, leave)
			: given(decision, permit, leave);

	/** Permits by what decides about them, under the policy that gave them. */
	const known = new Map<string, Permitted>();
	let knownUnder: Policy | undefined;

	/** Decides, or remembers: a monitoring server asks the same again and again. */
	const decidedBefore = (
		policy: Policy,
		call: PolicyCall,
	): Permitted | Refused => {
		if (policy !== knownUnder) {
			known.clear();
			knownUnder = policy;
		}
		const key = keyOf(call);
		const before = key === undefined ? undefined : known.get(key);
		if (before) return before;
		const decision = decide(policy, call);
		if (!decision.allowed) return { decision };
		const permitted = { decision, permit: permitOf(policy, call, decision) };
		if (key !== undefined) {
			if (known.size >= maxKnown) known.clear();
			known.set(key, permitted);
		}
		return permitted;
	};

	const decideAbout = (
		policy: Policy,
		request: PermissionRequest,
		call: PolicyCall,
	): Permission | Promise<Permission> => {
		const decided = decidedBefore(policy, call);
		const { decision } = decided;
		// without a policy's command, an NRPE request has nothing to run
		if (policy.mode === "observe" && !request.nrpe) {
			if (decision.allowed) counts.allowed++;
			else noteWouldRefuse(request, call, decision);
			const hasSecrets = mayHaveSecrets(policy, call);
			const permit = { hasSecrets, ...listingOf(policy, call) };
			return begin(request, call, decision, permit);
		}
		if (!("permit" in decided)) {
			// the handler says what is wrong with the name of a next hop
			const isUnclear = call.permission === "relay" && !call.hop;
			if (isUnclear && mayReach(policy, call.caller, call.permission)) {
				counts.refused++;
				return begin(request, call, decision);
			}
			return refuse(policy, request, call, decision).then((error) => {
				throw error;
			});
		}
		const { permit } = decided;
		if (decided.decision.limitKey === "") {
			counts.allowed++;
			return begin(request, call, decision, permit);
		}
		return waitForTurn(policy, call, decided.decision, request).then(
			(leave) => {
				counts.allowed++;
				return begin(request, call, decision, permit, leave);
			},
		);
	};

	return {
		counts,
		refusals: () => refusals.list(parts.policy()),
		refuseUnread(request) {
			const policy = parts.policy();
			const permission = permissionOf[request.operationId];
			// what a check would run is worth recording, and its body is small
			if (permission === "check" || permission === "inventory")
				return undefined;
			if (!policy || policy.mode === "observe") return undefined;
			const { caller } = request;
			if (mayReach(policy, caller, permission)) return undefined;
			const call: PolicyCall = { caller, permission };
			return refuse(policy, request, call, decide(policy, call));
		},
		authorize(request) {
			const policy = parts.policy();
			const call = callOf(request, permissionOf[request.operationId]);
			if (!policy) return begin(request, call, unlimited);
			const paths = pathsToResolve(policy, call);
			return paths.length === 0
				? decideAbout(policy, request, call)
				: withRealPaths(call, paths).then((resolved) =>
						decideAbout(policy, request, resolved),
					);
		},
	};
}
