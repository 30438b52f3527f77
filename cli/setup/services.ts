import { readFile } from "node:fs/promises";
import type { Tools } from "../ctl/doctor/tools.ts";
import { hasSystemd, parseAssignments } from "../ctl/doctor/unit.ts";
import { SetupError } from "./setup-error.ts";

/** How a service is now. */
export interface ServiceState {
	/** Whether it starts with the machine. */
	enabled: boolean;
	active: boolean;
}

/** What starts and stops services on this machine. */
export interface ServiceManager {
	/** Its name, for people: `systemd`. */
	name: string;
	/** Whether setup can use it. Without it, the functions below do nothing. */
	works: boolean;
	/** undefined if there is no such service. */
	state(service: string): Promise<ServiceState | undefined>;
	/**
	 * Brings a service to a state. Restarts one that is active and is to stay so if `restart` is set.
	 * @throws SetupError with what the service manager said
	 */
	bring(
		service: string,
		state: ServiceState,
		options?: { restart?: boolean },
	): Promise<void>;
	/** Has the service manager read changed unit files. Throws SetupError. */
	reload(): Promise<void>;
}

/** Seconds that a service may take to start or stop; systemd's own limit is 90. */
const serviceSeconds = 120;

const enabledStates = ["enabled", "enabled-runtime", "generated", "alias"];

/** systemd, through systemctl. */
export function systemd(tools: Tools): ServiceManager {
	const call = async (...words: string[]) => {
		const ended = await tools.run(["systemctl", ...words], {
			seconds: serviceSeconds,
		});
		if (ended?.status === 0) return ended.stdout;
		const said = (ended?.stderr || ended?.stdout || "").trim().split("\n")[0];
		throw new SetupError(
			`systemctl ${words.join(" ")}: ${ended?.isTimedOut ? `not done within ${serviceSeconds} seconds` : said || "cannot be started"}`,
		);
	};
	const state = async (service: string) => {
		const lines = parseAssignments(
			await call(
				...["show", service, "--no-pager"],
				"--property=LoadState,UnitFileState,ActiveState",
			),
		);
		const value = (wanted: string) =>
			lines.find(([name]) => name === wanted)?.[1] ?? "";
		if (value("LoadState") === "not-found") return undefined;
		return {
			enabled: enabledStates.includes(value("UnitFileState")),
			active: ["active", "activating", "reloading"].includes(
				value("ActiveState"),
			),
		};
	};
	return {
		name: "systemd",
		works: true,
		state,
		async bring(service, wanted, { restart = false } = {}) {
			const now = await state(service);
			if (!now) {
				if (!wanted.active && !wanted.enabled) return;
				throw new SetupError(`${service}: systemd does not know it`);
			}
			if (now.enabled && !wanted.enabled)
				await call("disable", "--quiet", service);
			const stops = !wanted.active || (restart && now.active);
			if (stops) {
				// the next connection would start the service again, or it would keep its old port
				const socket = service.replace(/\.service$/, ".socket");
				const listening = socket === service ? undefined : await state(socket);
				if (listening?.active) await call("stop", socket);
				if (now.active) await call("stop", service);
			}
			if (!now.enabled && wanted.enabled)
				await call("enable", "--quiet", service);
			if (!wanted.active || (now.active && !restart)) return;
			// an earlier failure must not count
			await call("reset-failed", service).catch(() => {});
			await call("restart", service);
		},
		reload: async () => {
			await call("daemon-reload");
		},
	};
}

/** A service manager that has to be operated by hand. */
export const byHand = (name: string): ServiceManager => ({
	name,
	works: false,
	state: async () => undefined,
	bring: async () => {},
	reload: async () => {},
});

/** What runs as process 1, in words. */
async function firstProcess(): Promise<string> {
	const name = await readFile("/proc/1/comm", "utf8").catch(() => "");
	return name.trim() || "unknown";
}

/**
 * The service manager of a machine.
 * @param root not empty for the files of another machine, whose services do not run here
 */
export async function findServices(
	tools: Tools,
	root: string,
): Promise<ServiceManager> {
	if (root !== "") return byHand(`none, as ${root} does not run`);
	if (hasSystemd()) return systemd(tools);
	return byHand(`not systemd (process 1 is ${await firstProcess()})`);
}
