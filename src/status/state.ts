import type { components } from "../../generated/schema.ts";
import type { SettingTable } from "../setting-table.ts";

type Status = Required<components["schemas"]["Status"]>;

/** What the agent is made of, as far as its status is concerned. */
export interface State {
	version: string;
	/** Milliseconds since 1970. */
	startedAt: number;
	now: () => number;
	commands(): {
		running: number;
		waiting: number;
		timeouts: number;
		survivors: number;
	};
	connections(): { open: number; waiting: number };
	eventLoop(): { mean_delay_ms: number; max_delay_ms: number };
	collection(): Status["collection"];
	buffer: { span(): Promise<{ oldest: number; newest: number }> };
	database: {
		readonly directory: string;
		readonly unavailable: string | undefined;
		diskBytes(): Promise<number>;
		properties(names: readonly string[]): Record<string, string>;
	};
	certificate(): Status["certificate"];
	settings: Readonly<Record<string, unknown>>;
	table: SettingTable;
}

/** Arrival of the oldest and newest metrics, seconds since 1970; zeros while the store cannot be used. */
export async function bufferSpan({ buffer }: Pick<State, "buffer">) {
	return buffer.span().catch(() => ({ oldest: 0, newest: 0 }));
}
