import type { components } from "../../generated/schema.ts";
import type { SettingTable } from "../setting-table.ts";

type Status = Required<components["schemas"]["Status"]>;

/** Damage that the store found since the start. */
export interface Damages {
	readonly count: number;
	readonly lostEntries: number;
	/** `at` in milliseconds since 1970. */
	readonly last?: { at: number; reason: string; copy?: string };
}

/** The parts of the agent, as far as its status needs them. */
export interface State {
	version: string;
	/** Milliseconds since 1970. */
	startedAt: number;
	now: () => number;
	/** By the monotonic clock. */
	uptimeSeconds: () => number;
	commands(): {
		engine: "native" | "child_process";
		running: number;
		waiting: number;
		timeouts: number;
		survivors: number;
		survivors_total: number;
		left_behind: number;
		left_behind_stopped_total: number;
	};
	connections(): { open: number; waiting: number };
	relay(): { readonly requests: number; readonly slowHops: readonly string[] };
	nrpe(): Status["nrpe"];
	eventLoop(): { mean_delay_ms: number; max_delay_ms: number };
	collection(): Status["collection"];
	buffer: { span(): Promise<{ oldest: number; newest: number }> };
	database: {
		readonly directory: string;
		readonly unavailable: string | undefined;
		readonly damages: Damages;
		diskBytes(): Promise<number>;
		properties(names: readonly string[]): Record<string, string>;
	};
	/** Why retention does not trust the clock; undefined if it does. */
	retention: { readonly doubt: string | undefined };
	/** Why the store refuses writes now, and how many it has refused. */
	room: { readonly full: string | undefined; readonly refusals: number };
	certificate(): Status["certificate"];
	/** Undefined if there is none. */
	audit():
		| {
				readonly file: string;
				readonly written: number;
				readonly lost: number;
				readonly problem: string | undefined;
		  }
		| undefined;
	clientCertificates(): Status["client_certificates"];
	policy(): Status["policy"];
	settings: Readonly<Record<string, unknown>>;
	table: SettingTable;
}

/** A hanging disk must not delay the rest of the status. */
const maxWaitMilliseconds = 2_000;

/** A store's answer; undefined if it fails or takes too long. */
async function inTime<T>(answer: Promise<T>): Promise<T | undefined> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<undefined>((resolve) => {
		timer = setTimeout(() => resolve(undefined), maxWaitMilliseconds);
	});
	try {
		return await Promise.race([answer, late]);
	} catch {
		return undefined;
	} finally {
		clearTimeout(timer);
	}
}

/**
 * Arrival of the oldest and newest metrics, in seconds since 1970, 0 if there are none; undefined
 * while the store cannot be used.
 */
export const bufferSpan = ({ buffer }: Pick<State, "buffer">) =>
	inTime(buffer.span());

/** Size of the store's files in bytes; undefined if unknown. */
export const diskBytes = ({ database }: Pick<State, "database">) =>
	inTime(database.diskBytes());
