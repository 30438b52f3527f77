import type { Status } from "../../../src/client/index.ts";

/**
 * One figure of the status, for programs. Its value is undefined if the agent does not report it.
 */
interface StatusFigure {
	name: string;
	help: string;
	value(status: Status, asked: Asked): number | undefined;
}

/**
 * When the status was requested and when it had arrived, in seconds since 1970 by this machine's
 * clock.
 */
export interface Asked {
	before: number;
	after: number;
}

/**
 * The time of the agent's clock, in seconds since 1970; this machine's time if the agent does not
 * report it.
 */
export const agentClock = ({ now }: Status, { after }: Asked) => now ?? after;

/**
 * Seconds that the agent's clock is ahead of this machine's; negative if it is behind. `uncertainty`
 * is the largest possible error in seconds: the agent may have read its clock at any moment between
 * request and answer. Undefined if the agent does not report its time.
 */
export function clockSkew(
	{ now }: Status,
	{ before, after }: Asked,
): { seconds: number; uncertainty: number } | undefined {
	if (now === undefined) return undefined;
	// agents report whole seconds
	const seconds = now + 0.5 - (before + after) / 2;
	return { seconds, uncertainty: 0.5 + (after - before) / 2 };
}

/** Seconds since the start of the last pass; negative only if the agent's clock was set back. */
export function passAge(status: Status, asked: Asked): number | undefined {
	const pass = status.collection?.last_pass;
	if (!pass) return undefined;
	return pass.age_seconds ?? agentClock(status, asked) - pass.started_at;
}

/** Age of the oldest stored metrics, in seconds; undefined if there are none. */
export function bufferAge(status: Status, asked: Asked): number | undefined {
	const { oldest_timestamp } = status.metric_buffer_status;
	return oldest_timestamp > 0
		? Math.max(0, Math.floor(agentClock(status, asked)) - oldest_timestamp)
		: undefined;
}

export const statusFigures: readonly StatusFigure[] = [
	{
		name: "uptime_seconds",
		help: "Seconds since the agent started.",
		value: ({ uptime_seconds }) => uptime_seconds,
	},
	{
		name: "metric_buffer_age_seconds",
		help: "Age of the oldest stored metrics; 0 if there are none.",
		// an alert on the age must not turn green in an outage of the store
		value: (status, asked) =>
			status.store?.available === false
				? undefined
				: (bufferAge(status, asked) ?? 0),
	},
	{
		name: "commands_running",
		help: "Plugins and commands that are running.",
		value: ({ commands }) => commands?.running,
	},
	{
		name: "commands_waiting",
		help: "Requests that wait for a place (max-commands).",
		value: ({ commands }) => commands?.waiting,
	},
	{
		name: "commands_left_behind",
		help: "Answered plugins and commands whose processes are still there.",
		value: ({ commands }) => commands?.left_behind,
	},
	{
		name: "event_loop_max_delay_seconds",
		help: "Longest delay of the event loop in the last minute.",
		value: ({ event_loop }) => event_loop && event_loop.max_delay_ms / 1000,
	},
	{
		name: "collection_last_pass_timestamp_seconds",
		help: "Start of the last pass of the metric plugins, seconds since 1970.",
		value: ({ collection }) => collection?.last_pass?.started_at,
	},
	{
		name: "collection_last_pass_age_seconds",
		help: "Seconds since the start of the last pass of the metric plugins.",
		value: passAge,
	},
	{
		name: "clock_skew_seconds",
		help: "How far the agent's clock is ahead of this machine's; negative if behind.",
		value: (status, asked) => {
			const skew = clockSkew(status, asked);
			return skew && Math.round(skew.seconds);
		},
	},
	{
		name: "certificate_expiry_timestamp_seconds",
		help: "End of the certificate's validity, seconds since 1970.",
		value: ({ certificate }) => certificate?.not_after,
	},
	{
		name: "store_available",
		help: "Whether the store can be used: 1 or 0.",
		value: ({ store }) => store && Number(store.available),
	},
];
