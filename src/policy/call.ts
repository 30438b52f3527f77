import type { Permission } from "../../generated/permissions.ts";

/** The names in a client certificate whose chain was verified. */
export interface CertificateNames {
	/** Subject alternative names of type URI, such as `spiffe://example.net/icinga`. */
	readonly uris: readonly string[];
	/** Subject alternative names of type DNS. */
	readonly dns: readonly string[];
	/** Subject alternative names of type e-mail. */
	readonly emails: readonly string[];
	/** Common name of the subject. */
	readonly commonName: string | undefined;
	/** SHA-256 of the certificate: upper-case hexadecimal pairs with colons. */
	readonly fingerprint256: string;
}

/** What a caller has proved, on its connection or in its request. Nothing else identifies it. */
export interface Caller {
	/** The connection came over the admin socket, which the operating system guards. */
	readonly isAdmin: boolean;
	/** Address of the peer, IPv4 even if it arrived mapped into IPv6; undefined on the admin socket. */
	readonly address: string | undefined;
	/** The client certificate; undefined if there is none, or it does not verify or is revoked. */
	readonly certificate: CertificateNames | undefined;
	/** SHA-256 of the key in the request, as `sha256:` and 64 hexadecimal digits. */
	readonly keyDigest: string | undefined;
}

/** The command that an NRPE request names, and its arguments. */
export interface NrpeCommand {
	readonly name: string;
	readonly values: readonly string[];
}

/** The command that a request names, and its option line, or else its arguments. */
export type CalledCommand =
	| { readonly name: string; readonly options: string }
	| NrpeCommand;

/**
 * The command of an NRPE request: a name, and arguments that follow it after `!`. Like NRPE, it takes
 * several `!` in a row as one.
 */
export function nrpeCommand(text: string): NrpeCommand {
	const [name = "", ...values] = text.split("!").filter((part) => part !== "");
	return { name, values };
}

/** A request, as far as a policy has to know it. */
export interface PolicyCall {
	readonly caller: Caller;
	readonly permission: Permission;
	/** For `check` and `inventory`. */
	readonly command?: CalledCommand;
	/** For `relay`: the next hop. */
	readonly hop?: { readonly host: string; readonly port: number };
	/**
	 * Real paths of path values, by the value, for slots with `real: true`; the caller of `decide`
	 * resolves them, because `decide` itself does no I/O. A value without an entry does not exist.
	 */
	readonly realPaths?: ReadonlyMap<string, string>;
}

/** The value of a slot: a word, or several for a slot of type `words`. */
export type SlotValue = string | readonly string[];

/** The process that an allowed check or inventory call runs. */
export interface PermittedRun {
	/** Name of the command in the policy; the most literal one if several match. */
	readonly command: string;
	/** Plugin or absolute path (for `check`) or program (for `inventory`), then its arguments. */
	readonly argv: readonly [string, ...string[]];
	/** Values by slot. */
	readonly slots: Readonly<Record<string, SlotValue>>;
	/** Slots whose values must never be logged. */
	readonly secrets: readonly string[];
	/** The command's own time limit, if it has one; a shorter time left still counts. */
	readonly timeoutSeconds?: number;
}

/** How often and how many at once; each caller's name in `who` has its own count. */
export interface Limits {
	/** Calls per second. */
	readonly rate: number | undefined;
	/** Calls in progress. */
	readonly atOnce: number | undefined;
}

/** What a policy says about a call. */
export type Decision = {
	/** Names in `who` that the caller matches, in alphabetical order. */
	readonly who: readonly string[];
} & (
	| {
			readonly allowed: true;
			/** Number of the rule that allows it, from 1; undefined for a ping that needs no rule. */
			readonly rule: number | undefined;
			/** One sentence. */
			readonly reason: string;
			/** For `check` and `inventory`. */
			readonly run?: PermittedRun;
			readonly limits: Limits;
			/** What the limits count: the same text for calls that share them; "" if there are none. */
			readonly limitKey: string;
			/**
			 * For `relay`: whether the rules name this address and port themselves, not by a network or
			 * a pattern. Only then may the hop be an address of this host.
			 */
			readonly namesOwn?: (address: string, port: number) => boolean;
	  }
	| {
			readonly allowed: false;
			/** Number of the rule that came nearest, from 1. */
			readonly rule: number | undefined;
			/** One sentence for a known caller: what was asked, what is missing, which command and rule. */
			readonly reason: string;
			/** Whether the reason is that the policy has no command of the name in an NRPE request. */
			readonly isUndefined?: true;
	  }
);
