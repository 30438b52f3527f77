import type { permissionOf } from "../generated/permissions.ts";
import type { operations } from "../generated/schema.ts";
import type { Abandonment } from "./abandonment.ts";
import type { Caller, NrpeCommand, PermittedRun } from "./policy/call.ts";
import type { Command, Policy } from "./policy/policy.ts";
import type { AskedBy } from "./protocol/audit-line.ts";

type Content<T> = T extends { content: infer C } ? C : never;

/** Path parameters of an operation. */
export type Params<Op extends keyof operations> =
	operations[Op]["parameters"]["path"] extends infer P
		? [Exclude<P, undefined>] extends [never]
			? Record<never, never>
			: Exclude<P, undefined>
		: never;

/** Request body of an operation; undefined if it takes none. */
export type Body<Op extends keyof operations> =
	Exclude<operations[Op]["requestBody"], undefined> extends infer B
		? [B] extends [never]
			? undefined
			: Content<B>[keyof Content<B>]
		: never;

/** Facts about a handled request, for the log and the metrics. Clients do not see them. */
export interface Facts {
	/** The requested name of the plugin. */
	plugin?: string;
	/** The plugin exists. Only then may its name become a label: clients can invent names. */
	pluginFound?: boolean;
	/** Program of an inventory command line, if the line begins with a plain name. */
	command?: string;
	/** Options of the plugin or command; may contain a secret. */
	option?: string;
	/** Exit status of the plugin or command. */
	exitStatus?: number;
	/** The plugin or command was stopped at the time limit. */
	timedOut?: boolean;
	/** Run time of the plugin or command, in milliseconds. */
	ranMilliseconds?: number;
	/** The next hop that the request was relayed to. */
	hop?: string;
	/** The answer came from the next hop, whatever it says. */
	hopAnswered?: boolean;
	/** Why the request failed or was refused. */
	reason?: string;
}

/** What a policy permits a request to do; one that only observes restricts nothing. */
export interface Permit {
	/** For checks and inventory: whether a word may be a secret of the policy, for no log to have. */
	readonly hasSecrets?: boolean;
	/** For checks and inventory: what runs. */
	readonly run?: PermittedRun;
	/** For the list of commands: the policy's mode, and the commands that the caller may run. */
	readonly permitted?: () => {
		mode: Policy["mode"];
		commands: readonly Command[];
	};
	/** For relays: whether this address of the next hop is forbidden, as it is one of this host. */
	readonly refuseOwn?: (address: string, port: number) => boolean;
}

/** A request for which a permission is needed. */
export interface PermissionRequest {
	readonly operationId: keyof typeof permissionOf;
	readonly caller: Caller;
	/** The parsed body, as the contract has accepted it. */
	readonly body: unknown;
	/** What an NRPE request asks, in place of a body; a policy decides about it in any mode. */
	readonly nrpe?: NrpeCommand | undefined;
	/** Number of agents that have relayed the request, as the last one says. */
	readonly hopsPassed: number;
	/** How long the client will still wait, in milliseconds; undefined if unknown. */
	readonly millisecondsLeft: number | undefined;
	/** Aborted when the client has disconnected. */
	readonly signal: Abandonment;
}

/** A permission that was given. */
export interface Permission {
	/** undefined without a policy. */
	readonly permit?: Permit;
	/** Names of the caller in the policy, who share limits; without one its address does. */
	readonly who: readonly string[];
	/** To be called once, when the operation has ended, with the status of its answer. */
	ended(status: number | undefined, facts: Readonly<Facts>): void;
}

/** Decides whether requests may run. */
export interface Authorizer {
	/**
	 * Refuses a request before its body is read, if no key in the body could change that. Returns the
	 * promise of an AgentError `not-permitted`; undefined, at once, if the body is to be read.
	 */
	refuseUnread(
		request: Omit<PermissionRequest, "body" | "signal">,
	): Promise<Error> | undefined;
	/**
	 * Decides about a request, and waits for its turn if the policy limits how often it may come. Does
	 * not return a promise if nothing has to be waited for: that would cost as much as the decision.
	 * @throws AgentError `not-permitted`, `rate-limited`, `bad-relay`
	 */
	authorize(request: PermissionRequest): Permission | Promise<Permission>;
}

/** What a handler knows about a request besides its parameters and its body. */
export interface Call {
	/** Who shares limits with whom: the caller's names in the policy, otherwise its address. */
	client: string;
	/** Who asked, as the audit log names callers. */
	askedBy: AskedBy;
	/** undefined without a policy: the handler decides by the settings alone. */
	permit: Permit | undefined;
	/** The time limit of the command that the policy permits, in seconds, if it has one of its own. */
	timeoutSeconds: number | undefined;
	/**
	 * Reserves memory for this many more bytes of the answer, until the client has it. Returns a
	 * promise if that takes time; it rejects with AgentError `busy` if there is no memory in time.
	 */
	reserve(bytes: number): Promise<void> | undefined;
	/** Aborted when the client has disconnected: nobody will read the answer. */
	signal: Abandonment;
	/** How long the client will still wait, in milliseconds; undefined if unknown. */
	millisecondsLeft: number | undefined;
	/** Number of agents that have relayed the request. */
	hopsPassed: number;
	/** Media types of the Accept header, best first; empty if there is none. */
	accept: readonly string[];
}

type Headers<T> = T extends { headers: infer H }
	? { [K in keyof H as string extends K ? never : K]: H[K] }
	: Record<never, never>;

type WithHeaders<T> = keyof Headers<T> extends never
	? { headers?: Record<string, string> }
	: { headers: Headers<T> & Record<string, string> };

/** A body that is already JSON, as UTF-8: a large one need not exist as an object as well. */
export class EncodedJson<T> {
	/** Only for the compiler: the encoded value's type. */
	declare readonly encodes: T;
	readonly bytes: Uint8Array;

	constructor(bytes: Uint8Array) {
		this.bytes = bytes;
	}
}

/** A handler names the media type if there are several; otherwise it may leave it out. */
type WithBody<C> = [C] extends [never]
	? { body?: never; type?: never }
	: {
			[M in keyof C]: [keyof C] extends [M]
				? { body: C[M] | EncodedJson<C[M]>; type?: M }
				: { body: C[M]; type: M };
		}[keyof C];

type Status<S> = S extends number ? S : number;

// where the contract allows any media type, the handler names it
type Media<C> = C extends { "*/*": infer B } ? { [type: string]: B } : C;

/** A declared answer of an operation. */
export type Reply<Op extends keyof operations> = {
	[S in keyof operations[Op]["responses"]]: {
		status: Status<S>;
		/** Called once: whether the client has received the answer. */
		delivered?: (ok: boolean) => void;
		/** For the log and the metrics; clients do not see them. */
		facts?: Facts;
	} & WithHeaders<operations[Op]["responses"][S]> &
		WithBody<Media<Content<operations[Op]["responses"][S]>>>;
}[keyof operations[Op]["responses"]];

/** Handles one operation. An error that it throws becomes a problem answer. */
export type Handler<Op extends keyof operations> = (
	params: Params<Op>,
	body: Body<Op>,
	call: Call,
) => Reply<Op> | Promise<Reply<Op>>;

/** Query parameters of an operation. */
export type Query<Op extends keyof operations> = Exclude<
	operations[Op]["parameters"]["query"],
	undefined
>;

type WithJson<R> = R extends { content: { "application/json": infer B } }
	? { body: B }
	: { body?: never };

/** An answer of an operation with a status that the contract declares. */
export type ManagementReply<Op extends keyof operations> = {
	[S in Exclude<keyof operations[Op]["responses"], "default">]: {
		status: S;
	} & WithJson<operations[Op]["responses"][S]>;
}[Exclude<keyof operations[Op]["responses"], "default">];

/** Handles one operation. */
export type ManagementHandler<Op extends keyof operations> = (
	body: Body<Op>,
	query: Query<Op>,
) => ManagementReply<Op> | Promise<ManagementReply<Op>>;
