import { createNrpeCheck } from "../handlers/nrpe.ts";
import type { AgentServer } from "../http/server.ts";
import type { Log } from "../log.ts";
import type { PlainText } from "../nrpe/refused-clients.ts";
import { type NrpePort, startNrpePort } from "../nrpe/server.ts";
import { PolicyError } from "../policy/document.ts";
import type { DaemonSettings } from "../settings.ts";
import type { State } from "../status/state.ts";
import type { PolicyMode } from "./start-warnings.ts";

/**
 * Whether the settings want a port for check_nrpe.
 * @throws PolicyError if there is no policy in force: a request of NRPE only names a command, and the
 * policy says what that runs
 */
export function wantsNrpe(
	settings: DaemonSettings,
	policyMode: PolicyMode,
): boolean {
	const port = settings["nrpe-port"];
	if (port === 0) return false;
	if (policyMode === "none")
		throw new PolicyError([
			`nrpe-port ${port}: needs a policy, which defines the commands (setting policy; happo-ctl policy import nrpe makes one)`,
		]);
	if (policyMode === "observe")
		throw new PolicyError([
			`nrpe-port ${port}: needs a policy in force, and policy ${settings.policy} only observes (mode: enforce)`,
		]);
	return true;
}

/**
 * Starts the port for check_nrpe; its connections are served when those of the server are.
 * @throws the system's error if the port is not available
 */
export function startNrpe(
	parts: {
		settings: DaemonSettings;
		server: Pick<AgentServer, "connections">;
		log: Pick<Log, "info" | "warning" | "error">;
	} & Pick<
		Parameters<typeof startNrpePort>[0],
		"authorizer" | "tls" | "version" | "memory" | "onAnswered" | "duplicate"
	> &
		Pick<Parameters<typeof createNrpeCheck>[0], "runCheck" | "onFailure">,
): Promise<NrpePort> {
	const { settings, server } = parts;
	return startNrpePort({
		...parts,
		where: {
			port: settings["nrpe-port"],
			...(settings["listen-address"] && { host: settings["listen-address"] }),
		},
		connections: server.connections,
		plainText: settings["nrpe-plain-text"] as PlainText,
		check: createNrpeCheck({
			...parts,
			timeoutSeconds: settings["command-timeout"],
		}),
		limits: {
			waitSeconds: settings["connection-wait-seconds"],
			handshakeTimeoutSeconds: settings["handshake-timeout-seconds"],
			headersTimeoutSeconds: settings["headers-timeout-seconds"],
		},
	});
}

/** The port, with the contract's field names. */
export const shownNrpe = (
	{ address, port }: NrpePort,
	settings: DaemonSettings,
): ReturnType<State["nrpe"]> => ({
	...{ address, port },
	plain_text: settings["nrpe-plain-text"] as PlainText,
});
