import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
	AgentRefused,
	createAgentClient,
	type Status,
} from "../../src/client/index.ts";
import type { DaemonSettings } from "../../src/settings.ts";
import { systemReason } from "../../src/system-error.ts";
import { localAddress } from "../ctl/doctor/patient.ts";
import { unitLines } from "../ctl/doctor/unit.ts";
import { at, type Machine, textAt } from "./machine.ts";
import type { FileChange } from "./plan.ts";
import { SetupError } from "./setup-error.ts";

/** The unit of this happo-agent. */
export const ownService = "happo-agent.service";

/** The socket of it, if systemd listens for the agent. */
const ownSocket = "happo-agent.socket";

/** The file with what setup adds to a unit; its name comes after override.conf and port.conf. */
const dropInFile = (unit: string) => `/etc/systemd/system/${unit}.d/setup.conf`;

export const rootFile = { uid: 0, gid: 0, mode: 0o644 } as const;

/** Where packages have the unit; the first is a link to the second on Debian. */
const packagedUnits = ["/usr/lib", "/lib"].map(
	(directory) => `${directory}/systemd/system/${ownService}`,
);

/** Where an administrator has it, which wins over a package's. */
export const administratorsUnit = `/etc/systemd/system/${ownService}`;

/**
 * The unit file to write so that systemd starts this agent; undefined if the package has brought
 * one.
 * @param foreign path of a unit file that is not ours
 * @throws SetupError if this installation has no unit
 */
async function unitToWrite(
	machine: Machine,
	foreign: string | undefined,
): Promise<FileChange | undefined> {
	const isPackaged = packagedUnits.some(
		(path) => path !== foreign && existsSync(at(machine, path)),
	);
	const isThere = isPackaged && !packagedUnits.includes(foreign ?? "");
	const ownText = await textAt(machine, administratorsUnit);
	if (isThere || (ownText !== undefined && foreign !== administratorsUnit))
		return undefined;
	const [node, script] = machine.program;
	const template = join(
		script,
		`../../contrib/usr/lib/systemd/system/${ownService}`,
	);
	const text = await readFile(template, "utf8").catch((error) => {
		throw new SetupError(
			`${template}: ${systemReason(error)}; the unit is in there`,
		);
	});
	return {
		path: administratorsUnit,
		content: text.replace(
			/(?:^#.*\n)*^ExecStart=.*$/m,
			`ExecStart=${node} ${script} daemon`,
		),
		shown: "text",
		owner: rootFile,
		isLinkItself: true,
	};
}

/** As whom the agent is to run. */
interface RunsAs {
	from: string;
	user: string;
	group: string;
	/** Other groups that the user gets for the agent. */
	groups: readonly string[];
	directory?: string;
}

/** A drop-in that has the agent run as a user. */
const userDropIn = (parts: RunsAs): FileChange => ({
	path: dropInFile(ownService),
	content: [
		`# happo-agent setup --from ${parts.from} has written this file, --back removes it.`,
		"[Service]",
		`User=${parts.user}`,
		`Group=${parts.group}`,
		...(parts.groups.length > 0
			? [`SupplementaryGroups=${parts.groups.join(" ")}`]
			: []),
		// a percent sign begins a specifier
		...(parts.directory === undefined
			? []
			: [`WorkingDirectory=${parts.directory.replaceAll("%", "%%")}`]),
		"",
	].join("\n"),
	shown: "text",
	owner: rootFile,
});

/**
 * The files that have systemd run this agent as a user; none on a machine without systemd.
 * @param foreign path of a unit file that is not ours
 * @throws SetupError if this installation has no unit
 */
export async function ownUnit(
	machine: Machine,
	foreign: string | undefined,
	runsAs: RunsAs,
): Promise<FileChange[]> {
	// the service manager of an image is not known here
	if (!machine.services.works && machine.root === "") return [];
	const unit = await unitToWrite(machine, foreign);
	return [...(unit ? [unit] : []), userDropIn(runsAs)];
}

/** The values of ListenStream= of the agent's socket; none if there is no socket. */
async function socketStreams({ root }: Machine): Promise<string[]> {
	const streams = (await unitLines(ownSocket, "Socket", root))
		.filter(([name]) => name === "ListenStream")
		.map(([, value]) => value);
	return streams.slice(streams.lastIndexOf("") + 1);
}

/**
 * The drop-in that has the agent's socket listen where the settings say; undefined if there is no
 * socket, or if it does so already.
 */
export async function socketDropIn(
	machine: Machine,
	{ port, "listen-address": address }: DaemonSettings,
): Promise<FileChange | undefined> {
	const host = isIPv6(address) ? `[${address}]` : address;
	const wanted = address === "" ? String(port) : `${host}:${port}`;
	const streams = await socketStreams(machine);
	if (streams.length === 0 || (streams.length === 1 && streams[0] === wanted))
		return undefined;
	return {
		path: dropInFile(ownSocket),
		content: `# happo-agent setup has written this file, --back removes it.
[Socket]
ListenStream=
ListenStream=${wanted}
${address === "" ? "" : "FreeBind=yes\n"}`,
		shown: "text",
		owner: rootFile,
	};
}

/** Seconds that an agent gets to answer after its start. */
export const answerSeconds = 30;

/** A client of an agent of this host that has just been started, hence unverified. */
const localClient = (
	where: { agent: string } | { agent: "localhost"; adminSocket: string },
) =>
	createAgentClient({
		...where,
		trust: "unverified",
		checkAnswers: true,
		retries: 0,
		timeoutMilliseconds: 10_000,
	});

const overPort = ({ port, "listen-address": address }: DaemonSettings) =>
	localClient({ agent: `${localAddress(address)}:${port}` });

/**
 * Waits until the agent of this machine tells its status.
 * @param parts.over the port, which shows that clients get answers, or the admin socket
 * @throws SetupError if it does not in time
 */
export async function waitForStatus(
	settings: DaemonSettings,
	parts: { over: "port" | "admin socket"; signal: AbortSignal },
): Promise<Status> {
	const { over, signal } = parts;
	const where =
		over === "port" ? `port ${settings.port}` : settings["admin-socket"];
	const client =
		over === "port"
			? overPort(settings)
			: localClient({
					agent: "localhost",
					adminSocket: settings["admin-socket"],
				});
	const deadline = performance.now() + answerSeconds * 1000;
	let reason = "";
	try {
		while (performance.now() < deadline) {
			if (signal.aborted) throw new SetupError("interrupted");
			try {
				const { data, response } = await client.GET("/status");
				if (data) return data;
				reason = `status ${response.status}`;
			} catch (error) {
				reason = (error as Error).message;
				if (error instanceof AgentRefused) break;
			}
			await sleep(200);
		}
	} finally {
		client.close();
	}
	throw new SetupError(
		`${where}: the new agent does not answer there: ${reason}`,
	);
}

/** Figures of the agent of this machine in Prometheus' format; empty if it does not tell them. */
export async function figuresOf(settings: DaemonSettings): Promise<string> {
	const client = overPort(settings);
	try {
		const { data } = await client.GET("/metrics", { parseAs: "text" });
		return String(data ?? "");
	} catch {
		return "";
	} finally {
		client.close();
	}
}
