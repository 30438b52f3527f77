import {
	type Permission,
	permissionOf,
} from "../../../generated/permissions.ts";
import {
	type AuditResult,
	AuditVerifier,
} from "../../../src/protocol/audit-chain.ts";
import {
	isCut,
	mask,
	parseAuditLine,
	type ReadLine,
} from "../../../src/protocol/audit-line.ts";
import { counted } from "../../message-text.ts";
import { eachLine } from "../input-file.ts";
import type { Progress } from "../output/progress.ts";

/** A request as the audit log has it. */
export interface AuditedCall {
	readonly id: string;
	/** Milliseconds since 1970. */
	readonly time: number;
	readonly who: readonly string[];
	readonly proof: {
		readonly admin: boolean;
		readonly address: string | undefined;
		/** Name of the key in the policy. */
		readonly key: string | undefined;
		readonly certificate:
			| {
					readonly fingerprint: string;
					readonly uri: readonly string[];
					readonly dns: readonly string[];
					readonly email: readonly string[];
					readonly cn: string | undefined;
			  }
			| undefined;
	};
	readonly permission: Permission;
	/** For `check` and `inventory`. */
	readonly command:
		| {
				/** The plugin, program or command that the request names. */
				readonly called: string;
				/** The command of the policy that it fitted; undefined if it fitted none. */
				readonly fitted: string | undefined;
				readonly words: readonly string[];
				/** The words are pieces of a line that no policy can permit. */
				readonly isUnsplit: boolean;
				/** Over NRPE the words are arguments, which are not split. */
				readonly isNrpe: boolean;
				readonly slots: ReadonlyMap<string, string | readonly string[]>;
		  }
		| undefined;
	/** For `relay`. */
	readonly hop: string | undefined;
	readonly decision: string;
	/** Why the line does not say what was asked; undefined if it does. */
	readonly unclear: string | undefined;
}

/** How a request ended. */
export interface AuditedOutcome {
	readonly httpStatus: number | undefined;
	readonly exitStatus: number | undefined;
}

const textOf = (value: unknown) =>
	typeof value === "string" ? value : undefined;

const textsOf = (value: unknown): string[] =>
	Array.isArray(value)
		? value.filter((each): each is string => typeof each === "string")
		: [];

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
	typeof value === "object" && value !== null && !Array.isArray(value)
		? (value as Record<string, unknown>)
		: {};

const isOperation = (text: string): text is keyof typeof permissionOf =>
	Object.hasOwn(permissionOf, text);

/** Whether a word of the log stands for one that it does not show. */
export const isMasked = (word: string): boolean => word.includes(mask);

function proofOf(value: unknown): AuditedCall["proof"] {
	const { admin, address, key, certificate } = fieldsOf(value);
	const { fingerprint, uri, dns, email, cn } = fieldsOf(certificate);
	return {
		admin: admin === true,
		address: textOf(address),
		key: textOf(key),
		certificate:
			typeof fingerprint === "string"
				? {
						fingerprint,
						uri: textsOf(uri),
						dns: textsOf(dns),
						email: textsOf(email),
						cn: textOf(cn),
					}
				: undefined,
	};
}

function commandOf({
	command,
	called,
	options,
	slots,
	protocol,
	unsplit,
}: ReadLine): AuditedCall["command"] {
	const name = textOf(command);
	if (name === undefined) return undefined;
	const values = Object.entries(fieldsOf(slots)).map(
		([slot, value]) =>
			[slot, typeof value === "string" ? value : textsOf(value)] as const,
	);
	return {
		called: textOf(called) ?? name,
		fitted: slots === undefined ? undefined : name,
		words: textsOf(options),
		isUnsplit: unsplit === true,
		isNrpe: protocol === "nrpe",
		slots: new Map(values),
	};
}

function whyUnclear(
	line: ReadLine,
	permission: Permission,
): string | undefined {
	if (permission === "relay")
		return textOf(line.hop) === undefined
			? "the next hop is not in the log"
			: undefined;
	if (permission !== "check" && permission !== "inventory") return undefined;
	if (textOf(line.command) === undefined)
		return "the command is not in the log";
	if (line.unsplit === true)
		return "the line needs a shell, and a policy's commands run without one";
	if (!Array.isArray(line.options))
		return "an agent of an older version did not record the words";
	const values = Object.values(fieldsOf(line.slots));
	if (
		[line.command, line.called, line.options, ...line.options].some(isCut) ||
		values.some((value) => isCut(value) || textsOf(value).some(isCut))
	)
		return "it is too long for the log";
	return undefined;
}

function callOf(line: ReadLine): AuditedCall | undefined {
	const { id, operation, decision } = line;
	if (
		typeof id !== "string" ||
		typeof operation !== "string" ||
		typeof decision !== "string" ||
		!isOperation(operation)
	)
		return undefined;
	const permission = permissionOf[operation];
	return {
		...{ id, permission, decision },
		time: Date.parse(line.time),
		who: textsOf(line.who),
		proof: proofOf(line.proof),
		command: commandOf(line),
		hop: textOf(line.hop),
		unclear: whyUnclear(line, permission),
	};
}

const numberOf = (value: unknown) =>
	typeof value === "number" ? value : undefined;

/**
 * Reads audit logs in order.
 * @param parts.since milliseconds since 1970: earlier requests are left out
 * @param parts.take gets each request
 * @param parts.end gets the end of each request, by its id
 * @param parts.during shows how far it is
 * @returns what `audit verify` finds
 * @throws UsageError if a file cannot be read
 */
export async function readAuditedCalls(parts: {
	files: readonly string[];
	since: number;
	take: (call: AuditedCall) => void;
	end?: (id: string, outcome: AuditedOutcome) => void;
	during: Progress["during"];
}): Promise<AuditResult> {
	const verifier = new AuditVerifier();
	for (const file of parts.files) {
		let number = 0;
		const take = (bytes: Buffer, isWhole: boolean) => {
			verifier.take(file, ++number, bytes, isWhole);
			const line = isWhole ? parseAuditLine(bytes.toString("utf8")) : undefined;
			if (line?.event === "decision") {
				const call = callOf(line);
				if (call && call.time >= parts.since) parts.take(call);
			} else if (line?.event === "outcome" && typeof line.id === "string")
				parts.end?.(line.id, {
					httpStatus: numberOf(line.http_status),
					exitStatus: numberOf(line.exit_status),
				});
		};
		await parts.during(
			() => `${file}: ${number} lines`,
			() => eachLine(file, take),
		);
	}
	return verifier.end();
}

/** Warns if the log is not the one that the agent has written. */
export function warnOfFindings(
	{ findings, more }: AuditResult,
	say: (line: string) => void,
): void {
	if (findings.length > 0)
		say(
			`warning: the audit log is wrong in ${counted(findings.length + more, "place")}, so somebody may have changed it: see happo-ctl audit verify`,
		);
}

const unitSeconds = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 } as const;

/** Milliseconds in a time such as `12h` or `1d`; undefined for anything else. */
export function parsePeriod(text: string): number | undefined {
	const [, count, unit] = /^([1-9]\d{0,5})([smhdw])$/.exec(text) ?? [];
	return count === undefined
		? undefined
		: Number(count) * unitSeconds[unit as keyof typeof unitSeconds] * 1_000;
}

/** The flags that name the part of an audit log. */
export const auditSettings = {
	since: {
		kind: "text",
		default: "1d",
		placeholder: "TIME",
		help: "how far to look back: 90m, 12h, 1d, 2w",
		check: (text: string) =>
			parsePeriod(text) === undefined
				? `not a time such as 12h or 1d: ${text}`
				: undefined,
	},
	"audit-log": {
		kind: "list",
		default: ["/var/log/happo-agent/audit.log"],
		placeholder: "FILE,...",
		help: "audit logs, the oldest first; .gz as well",
	},
} as const;
