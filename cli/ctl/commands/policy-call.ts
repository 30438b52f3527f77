import { realpath } from "node:fs/promises";
import {
	type Permission,
	permissions,
} from "../../../generated/permissions.ts";
import {
	type Caller,
	nrpeCommand,
	type PolicyCall,
} from "../../../src/policy/call.ts";
import { pathsToResolve } from "../../../src/policy/decide.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import { parseFingerprint, parseHop } from "../../../src/protocol/hop.ts";
import { quotedWord } from "../../../src/protocol/words.ts";
import { UsageError } from "../../program/arguments.ts";
import { didYouMean } from "../../program/suggestion.ts";

/** A caller as the command line or a case describes it; empty texts are not given. */
export interface DescribedCaller {
	/** A name in `who`, all of whose conditions it fulfils. */
	as: string;
	address: string;
	/** Names in its certificate: `dns=web01.example.net`. */
	certificate: readonly string[];
	/** A name in `keys`. */
	key: string;
}

/** A call as the command line or a case describes it. */
export interface DescribedCall {
	operation: string;
	/** Plugin, program or command of the policy. */
	command: string;
	options: string;
	/** In place of both: what check_nrpe sends, `NAME!ARGUMENT!...`. */
	nrpe: string;
	/** The next hop of a relayed request. */
	to: string;
}

/** A word of a call for people: the * of what is masked needs no quotes. */
export const shownWord = (word: string): string =>
	/^[\w@%+=:,./*-]+$/.test(word) ? word : quotedWord(word);

const noNames = {
	...{ uris: [], dns: [], emails: [] },
	...{ commonName: undefined, fingerprint256: "" },
};

/** A certificate with the given names. */
function certificateOf(names: readonly string[]): Caller["certificate"] {
	if (names.length === 0) return undefined;
	let certificate: NonNullable<Caller["certificate"]> = noNames;
	for (const text of names) {
		const [, kind = "", value = ""] = /^(\w+)=(.+)$/s.exec(text) ?? [];
		const { uris, dns, emails } = certificate;
		const fingerprint256 = parseFingerprint(value);
		if (kind === "uri")
			certificate = { ...certificate, uris: [...uris, value] };
		else if (kind === "dns")
			certificate = { ...certificate, dns: [...dns, value] };
		else if (kind === "email")
			certificate = { ...certificate, emails: [...emails, value] };
		else if (kind === "cn") certificate = { ...certificate, commonName: value };
		else if (kind === "fingerprint" && fingerprint256)
			certificate = { ...certificate, fingerprint256 };
		else
			throw new UsageError(
				`certificate: not uri=, dns=, email=, cn= or fingerprint= with a value: ${text}`,
			);
	}
	return certificate;
}

/**
 * The caller that is described: that of `as`, changed by the rest.
 * @throws UsageError that names what is unknown
 */
export function callerOf(
	{ callers }: Policy,
	{ as, address, certificate, key }: DescribedCaller,
): Caller {
	const named = as === "" ? undefined : callers.exampleOf(as);
	if (as !== "" && !named)
		throw new UsageError(
			`nobody in who is called '${as}'${didYouMean(as, callers.names)}`,
		);
	const keyDigest = key === "" ? named?.keyDigest : callers.digestOf(key);
	if (key !== "" && keyDigest === undefined)
		throw new UsageError(`the policy has no key called '${key}'`);
	return {
		isAdmin: named?.isAdmin ?? false,
		address: address === "" ? named?.address : address,
		certificate: certificateOf(certificate) ?? named?.certificate,
		keyDigest,
	};
}

const isPermission = (text: string): text is Permission =>
	permissions.some((permission) => permission === text);

/**
 * The call that is described.
 * @param realPathOf the real path of a path, or undefined if it does not exist
 * @throws UsageError that names what is unknown or missing
 */
export async function callOf(
	policy: Policy,
	caller: Caller,
	{ operation, command, options, nrpe, to }: DescribedCall,
	realPathOf: (path: string) => Promise<string | undefined>,
): Promise<PolicyCall> {
	if (!isPermission(operation))
		throw new UsageError(
			`no operation '${operation}'${didYouMean(operation, permissions)}; there are ${permissions.join(", ")}`,
		);
	if (nrpe !== "" && (operation !== "check" || command !== ""))
		throw new UsageError(`nrpe: is for check, in place of a command: ${nrpe}`);
	const isRun = operation === "check" || operation === "inventory";
	if (nrpe === "" && isRun !== (command !== ""))
		throw new UsageError(
			isRun
				? `${operation}: needs a plugin, program or command`
				: `${operation}: takes no command: ${command}`,
		);
	if ((operation === "relay") !== (to !== ""))
		throw new UsageError(
			operation === "relay"
				? "relay: needs the next hop"
				: `${operation}: takes no next hop: ${to}`,
		);
	const hop = to === "" ? undefined : parseHop(to);
	if (to !== "" && !hop)
		throw new UsageError(`relay: not a host with an optional port: ${to}`);
	const call: PolicyCall = {
		...{ caller, permission: operation },
		...(isRun && {
			command: nrpe === "" ? { name: command, options } : nrpeCommand(nrpe),
		}),
		...(hop && { hop }),
	};
	const paths = await Promise.all(
		pathsToResolve(policy, call).map(
			async (path) => [path, await realPathOf(path)] as const,
		),
	);
	const realPaths = new Map<string, string>();
	for (const [path, real] of paths)
		if (real !== undefined) realPaths.set(path, real);
	return { ...call, realPaths };
}

/** The real path on this machine. */
export const realPathHere = (path: string): Promise<string | undefined> =>
	realpath(path).catch(() => undefined);
