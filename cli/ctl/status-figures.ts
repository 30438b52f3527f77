import type { Status } from "../../src/client/index.ts";

/** One figure of a status for programs; undefined where an agent does not have it. */
interface StatusFigure {
	name: string;
	help: string;
	value(status: Status, nowSeconds: number): number | undefined;
}

/** How long the oldest stored metrics have been waiting, in seconds; undefined if there are none. */
export const bufferAge = (
	{ metric_buffer_status: { oldest_timestamp } }: Status,
	nowSeconds: number,
) =>
	oldest_timestamp > 0 ? Math.max(0, nowSeconds - oldest_timestamp) : undefined;

export const statusFigures: readonly StatusFigure[] = [
	{
		name: "uptime_seconds",
		help: "Since the agent started.",
		value: ({ uptime_seconds }) => uptime_seconds,
	},
	{
		name: "metric_buffer_age_seconds",
		help: "How long the oldest stored metrics have been waiting; 0 when there are none.",
		value: (status, now) => bufferAge(status, now) ?? 0,
	},
	{
		name: "commands_running",
		help: "Plugins and commands that run now.",
		value: ({ commands }) => commands?.running,
	},
	{
		name: "commands_waiting",
		help: "Requests that wait for a place of max-commands.",
		value: ({ commands }) => commands?.waiting,
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
