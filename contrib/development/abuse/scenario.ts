import type { Scope } from "../../../test/support/scope.ts";
import type { Tally } from "./tally.ts";
import type { Wire, WireOptions } from "./wires.ts";

/** A request of an attacker that waits for its whole answer. */
export interface AttackerRequest {
	path: string;
	/** JSON, or the bytes of a body; a GET without one. */
	body?: unknown;
	/** Address it comes from; 127.0.0.2 unless told. */
	from?: string;
}

/** What a scenario has in its hands while it attacks. */
export interface Attack {
	/** The attacked agent's port on 127.0.0.1. */
	port: number;
	/** The agent's directory, and the one of the plugins it runs. */
	directory: string;
	plugins: string;
	/** Ends what the scenario starts. */
	scope: Scope;
	/** Aborted when the time of the attack is over, and when the campaign is stopped. */
	over: AbortSignal;
	/** What the attacker got. */
	tally: Tally;
	/** Says what comes now, so that the longest wait can be put down to it. */
	step(name: string): void;
	/** Opens a connection, from 127.0.0.2 unless told; it ends with the attack. */
	wire(options?: Partial<WireOptions>): Wire;
	/** Sends a request on a connection of its own; gives its status and text, counted, or undefined where none came. */
	ask(
		request: AttackerRequest,
	): Promise<{ status: number; text: string } | undefined>;
	/** Waits for the end of the attack's time. */
	hold(): Promise<void>;
	/** Starts another agent of the same build on 127.0.0.1; gives its port. */
	anotherAgent(flags?: readonly string[]): Promise<number>;
	/** Processes of the agent's plugins that are there now. */
	processes(): number;
}

/** A sequence of requests that must not harm anyone but the one who sends it. */
export interface Scenario {
	name: string;
	/** Flags of the agent beyond the default settings. */
	flags?: (plugins: string) => readonly string[];
	/** The longest time of the attack in seconds; 15 unless told. */
	seconds?: number;
	/** How long after the attack descriptors and processes may stay, in seconds; 8 unless told. */
	settleSeconds?: number;
	/** What the agent rightly keeps beyond what it had before the attack. */
	keeps?: { descriptors?: number; processes?: number };
	/** Runs before anything is measured. */
	prepare?: (attack: Attack) => Promise<void>;
	/** The attack; gives what did not hold that must hold beyond memory and waits. */
	run(attack: Attack): Promise<readonly string[] | undefined>;
}
