/**
 * Names that stay in the daemon: its settings (they hold secrets), what steers Node and npm, and the handles of the
 * supervisor (a plugin could report readiness or feed the watchdog in the daemon's name).
 */
const KEPT_BACK = /^(?:HAPPO_AGENT_|NODE_|npm_|WATCHDOG_|NOTIFY_SOCKET$)/;

/**
 * The environment of every command: what the daemon got, minus `HAPPO_AGENT_*`, `NODE_*`, `npm_*`, `WATCHDOG_*` and
 * `NOTIFY_SOCKET`. Names are compared with their case.
 */
export function childEnvironment(
	environment: NodeJS.ProcessEnv,
): Record<string, string> {
	const kept: Record<string, string> = {};
	for (const [name, value] of Object.entries(environment))
		if (value !== undefined && !KEPT_BACK.test(name)) kept[name] = value;
	return kept;
}
