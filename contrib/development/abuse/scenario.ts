import type { Scope } from "../../../test/support/scope.ts";
import type { Tally } from "./tally.ts";
import type { Wire, WireOptions } from "./wires.ts";

/** A request of the attacker, who waits for the whole answer. */
export interface AttackerRequest {
	path: string;
	/** JSON, or the bytes of the body. Without a body the request is a GET. */
	body?: unknown;
	/** Source address; default 127.0.0.2. */
	from?: string;
}

/** The tools of a scenario during its attack. */
export interface Attack {
	/** The attacked agent's port on 127.0.0.1. */
	port: number;
	/** The agent's directory, and that of its plugins. */
	directory: string;
	plugins: string;
	/** Stops everything that the scenario starts. */
	scope: Scope;
	/** Aborted when the attack's time is over or the campaign is stopped. */
	over: AbortSignal;
	/** Counts the attacker's answers. */
	tally: Tally;
	/** Names the next step, so that the longest wait can be attributed to it. */
	step(name: string): void;
	/** Opens a connection, by default from 127.0.0.2; it ends with the attack. */
	wire(options?: Partial<WireOptions>): Wire;
	/** Sends a request on a new connection and counts the answer. Returns status and text, or undefined without an answer. */
	ask(
		request: AttackerRequest,
	): Promise<{ status: number; text: string } | undefined>;
	/** Waits until the attack's time is over. */
	hold(): Promise<void>;
	/** Starts another agent of the same build on 127.0.0.1. Returns its port. */
	anotherAgent(flags?: readonly string[]): Promise<number>;
	/** The present number of the plugins' processes. */
	processes(): number;
}

/** A sequence of requests that must harm nobody except its sender. */
export interface Scenario {
	name: string;
	/** Flags of the agent in addition to the default settings. */
	flags?: (plugins: string) => readonly string[];
	/** Maximum time of the attack in seconds; default 15. */
	seconds?: number;
	/** How long descriptors and processes may stay after the attack, in seconds; default 8. */
	settleSeconds?: number;
	/** Resources that the agent may keep in addition to those before the attack. */
	keeps?: { descriptors?: number; processes?: number };
	/** Runs before the measurements begin. */
	prepare?: (attack: Attack) => Promise<void>;
	/** The attack. Returns faults other than those of memory and waits. */
	run(attack: Attack): Promise<readonly string[] | undefined>;
}
