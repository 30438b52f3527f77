import { type DaemonSettings, daemonSettings } from "../settings.ts";

/**
 * When the agent stops, commands first get their grace to end by themselves, then SIGTERM, and
 * SIGKILL after this time.
 */
export const commandGraceMilliseconds = 1_000;

/** How long connections stay open after the grace, for the answers of these commands. */
export const answerMilliseconds = 2_500;

/** What all other steps of a stop may take together. */
const otherMilliseconds = 17_000;

type StopSettings = Pick<
	DaemonSettings,
	"stop-grace-seconds" | "command-timeout"
>;

/** How long commands may end by themselves when the agent stops, in milliseconds. */
export function graceMilliseconds(settings: StopSettings): number {
	const { "stop-grace-seconds": grace, "command-timeout": timeout } = settings;
	const { maximum } = daemonSettings["stop-grace-seconds"];
	return 1000 * (grace < 0 ? Math.min(timeout, maximum) : grace);
}

/** Longer than an orderly stop takes: its grace and all other steps together, in milliseconds. */
export const maxStopMilliseconds = (settings: StopSettings): number =>
	graceMilliseconds(settings) + otherMilliseconds;

/**
 * Tells systemd that the agent stops, and how long that may take: its own limit, TimeoutStopSec=,
 * does not know these settings. It never becomes shorter (systemd 236; older ones ignore it).
 */
export const stopping = (settings: StopSettings): string[] => [
	"STOPPING=1",
	`EXTEND_TIMEOUT_USEC=${maxStopMilliseconds(settings) * 1000}`,
];
