import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { checkHappoCommand } from "./check-happo.ts";
import { processesWith } from "./command-line.ts";
import { eventually } from "./eventually.ts";
import { programDirectory } from "./program-directory.ts";

/** Debian's Nagios Core; other systems call it `nagios`. */
const program = ["nagios4", "nagios"]
	.flatMap((name) => [name, `/usr/sbin/${name}`])
	.find((name) => spawnSync(name, ["--version"]).error === undefined);

/** Why the tests cannot run. */
export const missingNagios =
	program === undefined ? "nagios4 is not installed" : undefined;

/** The shipped command definitions. */
const shippedCommands = join(
	process.cwd(),
	"contrib/etc/nagios/check_happo.cfg",
);

export interface NagiosService {
	description: string;
	/** `check_happo!check_procs!-w 5` */
	command: string;
	/** Name of its host, the first one by default. */
	host?: string;
}

/** How Nagios is to run. */
export interface NagiosOptions {
	/** Hosts, which count as up without a check; web01 at 127.0.0.1 by default. */
	hosts?: readonly { name: string; address: string }[];
	/** Seconds between two checks of a service; 2 by default. */
	interval?: number;
	/** Whether checks are spread over their interval; otherwise all begin at once. */
	isSpread?: boolean;
	/** Further definitions of objects. */
	definitions?: string;
	/** Command lines by the names of the commands. */
	commands?: Readonly<Record<string, string>>;
	/** Whether it writes down every result, and goes on with its schedule after a restart. */
	isRecorded?: boolean;
	/** Further lines of the main file, which replace those of the same name. */
	settings?: Readonly<Record<string, string | number>>;
	/** Variables of Nagios and its checks, besides those of this process. */
	environment?: Readonly<Record<string, string>>;
}

/** A block of Nagios's configuration: `define KIND { NAME VALUE ... }`. */
const define = (kind: string, values: Record<string, string | number>) =>
	`define ${kind} {\n${Object.entries(values)
		.map(([name, value]) => `\t${name} ${value}\n`)
		.join("")}}\n`;

const always = "00:00-24:00";
const weekdays = [
	"sunday",
	"monday",
	"tuesday",
	"wednesday",
	"thursday",
	"friday",
	"saturday",
];

const objects = (
	services: readonly NagiosService[],
	{
		hosts = [{ name: "web01", address: "127.0.0.1" }],
		interval = 2,
		commands = {},
		definitions = "",
	}: NagiosOptions,
) =>
	[
		define("timeperiod", {
			timeperiod_name: "always",
			alias: "always",
			...Object.fromEntries(weekdays.map((day) => [day, always])),
		}),
		// Nagios requires one, but never uses it here
		define("command", { command_name: "none", command_line: "/bin/true" }),
		define("contact", {
			contact_name: "nobody",
			host_notification_commands: "none",
			service_notification_commands: "none",
			host_notification_period: "always",
			service_notification_period: "always",
		}),
		...Object.entries(commands).map(([name, line]) =>
			define("command", { command_name: name, command_line: line }),
		),
		...hosts.map(({ name, address }) =>
			define("host", {
				host_name: name,
				address,
				max_check_attempts: 1,
				check_period: "always",
				active_checks_enabled: 0,
				initial_state: "o",
				contacts: "nobody",
				notifications_enabled: 0,
			}),
		),
		...services.map(({ description, command, host }) =>
			define("service", {
				host_name: host ?? hosts[0]?.name ?? "",
				service_description: description,
				check_command: command,
				check_period: "always",
				// seconds, by interval_length
				check_interval: interval,
				retry_interval: interval,
				max_check_attempts: 1,
				contacts: "nobody",
				notifications_enabled: 0,
			}),
		),
		definitions,
	].join("");

/** The main file: everything in one directory, nothing that reaches the network. */
const mainFile = (
	directory: string,
	{ isSpread, isRecorded, settings = {} }: NagiosOptions,
) => {
	const { username, gid } = userInfo();
	const at = (name: string) => join(directory, name);
	return Object.entries({
		log_file: at("nagios.log"),
		cfg_file: `${at("objects.cfg")}\ncfg_file=${shippedCommands}`,
		resource_file: at("resource.cfg"),
		object_cache_file: at("objects.cache"),
		precached_object_file: at("objects.precache"),
		status_file: at("status.dat"),
		state_retention_file: at("retention.dat"),
		lock_file: at("nagios.pid"),
		temp_file: at("nagios.tmp"),
		temp_path: directory,
		check_result_path: at("results"),
		query_socket: at("nagios.qh"),
		command_file: at("nagios.cmd"),
		nagios_user: username,
		nagios_group: gid,
		check_external_commands: 0,
		check_for_updates: 0,
		use_syslog: 0,
		retain_state_information: 0,
		enable_notifications: 0,
		interval_length: 1,
		status_update_interval: 1,
		check_result_reaper_frequency: 1,
		service_inter_check_delay_method: isSpread ? "s" : "n",
		max_service_check_spread: 1,
		illegal_macro_output_chars: "`~$&|'\"<>",
		...(isRecorded && {
			retain_state_information: 1,
			use_retained_scheduling_info: 1,
			process_performance_data: 1,
			service_perfdata_file: at("results.tsv"),
			service_perfdata_file_mode: "a",
			service_perfdata_file_template:
				"$TIMET$\\t$SERVICEDESC$\\t$SERVICESTATE$\\t$SERVICEOUTPUT$\\t$SERVICEPERFDATA$\\t$LONGSERVICEOUTPUT$",
		}),
		...settings,
	})
		.map(([name, value]) => `${name}=${value}\n`)
		.join("");
};

/** Blocks of one kind in the status file. */
function blocks(status: string, kind: string): Record<string, string>[] {
	const pattern = new RegExp(`^${kind} \\{\\n([^}]*)\\n\\s*\\}`, "gm");
	return [...status.matchAll(pattern)].map(([, inside = ""]) =>
		Object.fromEntries(
			inside.split("\n").map((line) => {
				const [name = "", ...value] = line.trim().split("=");
				return [name, value.join("=")];
			}),
		),
	);
}

/** All services in a status file, with the values of Nagios. */
export const serviceBlocks = (status: string) =>
	blocks(status, "servicestatus");

/** A service in the status file. */
export interface ServiceStatus {
	description: string;
	/** 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. */
	state: number;
	/** The first line that the check printed. */
	output: string;
}

/** One result of a check, as Nagios has taken it. */
export interface NagiosResult {
	/** Seconds since 1970. */
	time: number;
	description: string;
	/** OK, WARNING, CRITICAL, UNKNOWN. */
	state: string;
	/** The first line that the check printed, without performance data. */
	output: string;
	/** Performance data of all lines. */
	perfdata: string;
	/** Further lines, with `\\n` between them. */
	longOutput: string;
}

export interface Nagios {
	/** The socket where workers register. */
	queryHandler: string;
	/** All results so far, in order; only with `isRecorded`. */
	results(): Promise<NagiosResult[]>;
	log(): Promise<string>;
	/** Has it read its configuration again, with SIGHUP. */
	reload(): void;
	/** Gives it other services, of the same hosts, and has it read them. */
	configure(services: readonly NagiosService[]): Promise<void>;
	/** Stops it with SIGTERM and starts it again. */
	restart(): Promise<void>;
	/** The process that schedules the checks; its workers are its children. */
	pid: number;
	directory: string;
	/**
	 * Every service, once all of them have been checked.
	 * @param count how many there are; by default those given to startNagios()
	 */
	checked(count?: number): Promise<ServiceStatus[]>;
	/** Stops it with SIGTERM; fails if one of its processes is left. */
	stop(): Promise<void>;
}

/**
 * Starts a real Nagios Core in a directory of its own, with the shipped commands and the built
 * command check_happo.
 */
export async function startNagios(
	t: Pick<TestContext, "after">,
	services: readonly NagiosService[],
	options: NagiosOptions = {},
): Promise<Nagios> {
	assert.ok(program);
	const { directory, owns } = await programDirectory(t);
	const at = (name: string) => join(directory, name);
	await mkdir(at("results"));
	await mkdir(at("plugins"));
	await symlink(checkHappoCommand, at("plugins/check_happo"));
	await writeFile(at("resource.cfg"), `$USER1$=${at("plugins")}\n`);
	await writeFile(at("objects.cfg"), objects(services, options));
	await writeFile(at("nagios.cfg"), mainFile(directory, options));

	let said = "";
	const start = () => {
		const child = spawn(program, [at("nagios.cfg")], {
			stdio: ["ignore", "pipe", "pipe"],
			cwd: directory,
			env: { ...process.env, ...options.environment },
		});
		owns(child);
		for (const stream of [child.stdout, child.stderr])
			stream.setEncoding("utf8").on("data", (text: string) => {
				said += text;
			});
		return { child, closed: once(child, "close") };
	};
	let started = start();
	const end = async () => {
		started.child.kill("SIGTERM");
		await started.closed;
	};
	const stop = async () => {
		await end();
		await eventually(
			"no process of it is left",
			async () => (await processesWith(directory)).length === 0,
		);
	};
	return {
		get pid() {
			return started.child.pid ?? 0;
		},
		directory,
		queryHandler: at("nagios.qh"),
		async checked(count = services.length) {
			let found: Record<string, string>[] = [];
			await eventually(
				"every service has been checked",
				async () => {
					assert.equal(started.child.exitCode, null, said);
					const status = await readFile(at("status.dat"), "utf8").catch(
						() => "",
					);
					found = serviceBlocks(status);
					return (
						found.length === count &&
						found.every(({ has_been_checked }) => has_been_checked === "1")
					);
				},
				30_000,
			).catch((error) => assert.fail(`${error}; nagios: ${said}`));
			return found.map((one) => ({
				description: one.service_description ?? "",
				state: Number(one.current_state),
				output: one.plugin_output ?? "",
			}));
		},
		async results() {
			const text = await readFile(at("results.tsv"), "utf8").catch(() => "");
			return text
				.split("\n")
				.slice(0, -1)
				.map((line) => {
					const [time, description = "", state = "", ...texts] =
						line.split("\t");
					const [output = "", perfdata = "", longOutput = ""] = texts;
					return {
						...{ time: Number(time), description, state },
						...{ output, perfdata, longOutput },
					};
				});
		},
		log: () => readFile(at("nagios.log"), "utf8"),
		reload: () => started.child.kill("SIGHUP"),
		async configure(services) {
			await writeFile(at("objects.cfg"), objects(services, options));
			started.child.kill("SIGHUP");
		},
		async restart() {
			await end();
			started = start();
		},
		stop,
	};
}
