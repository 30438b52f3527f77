import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { checkHappoCommand } from "./check-happo.ts";
import { eventually } from "./eventually.ts";
import { programDirectory } from "./program-directory.ts";

const program = "/usr/sbin/icinga2";

/** Why the tests cannot run. */
export const missingIcinga =
	spawnSync(program, ["--version"]).error === undefined
		? undefined
		: "icinga2 is not installed";

/** The shipped command. */
const shippedCommand = join(
	process.cwd(),
	"contrib/etc/icinga2/check_happo.conf",
);

/** A service of the single host: the variables of the shipped command, without their prefix. */
export interface IcingaService {
	name: string;
	variables: Readonly<
		Record<string, string | number | boolean | readonly string[]>
	>;
}

/** The result of a service's check in Icinga. */
export interface IcingaResult {
	name: string;
	/** 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. */
	state: number;
	/** All that the check printed, on both streams, without performance data. */
	output: string;
	performance: string;
}

const text = (value: string) =>
	`"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

/** A value as Icinga's configuration has it. */
const literal = (value: IcingaService["variables"][string]): string => {
	if (typeof value === "string") return text(value);
	return typeof value === "object"
		? `[ ${value.map(text).join(", ")} ]`
		: String(value);
};

/** How Icinga is to run. */
export interface IcingaOptions {
	/** Of the host web01; 127.0.0.1 by default. */
	address?: string;
	/** Further configuration, which makes one more service. */
	rules?: string;
}

/** The configuration: everything in one directory, nothing that reaches the network. */
const configuration = (
	directory: string,
	services: readonly IcingaService[],
	{ address = "127.0.0.1", rules = "" }: IcingaOptions,
) => `include <itl>
library "checker"
object CheckerComponent "checker" {
}
library "perfdata"
object PerfdataWriter "results" {
	service_perfdata_path = ${text(join(directory, "results"))}
	service_temp_path = ${text(join(directory, "unfinished"))}
	host_perfdata_path = ${text(join(directory, "hosts"))}
	host_temp_path = ${text(join(directory, "unfinished-hosts"))}
	rotation_interval = 1s
	service_format_template = "\\f$service.name$\\t$service.state_id$\\t$service.output$\\t$service.perfdata$"
}
include ${text(shippedCommand)}
object Host "web01" {
	address = ${text(address)}
	vars.os = "Linux"
	check_command = "dummy"
	enable_active_checks = false
}
${services
	.map(
		({ name, variables }) => `object Service ${text(name)} {
	host_name = "web01"
	check_command = "happo"
	check_interval = 2s
	retry_interval = 2s
	max_check_attempts = 1
${Object.entries(variables)
	.map(([variable, value]) => `	vars.happo_${variable} = ${literal(value)}\n`)
	.join("")}}
`,
	)
	.join("")}${rules}`;

/**
 * Starts a real Icinga 2 in a directory of its own with the shipped command and the built
 * check_happo; returns the first result of every service.
 * @param environment variables of Icinga and its checks, besides those of this process
 */
export async function resultsOfIcinga(
	t: Pick<TestContext, "after">,
	services: readonly IcingaService[],
	environment: Readonly<Record<string, string>> = {},
	options: IcingaOptions = {},
): Promise<IcingaResult[]> {
	const { directory, owns } = await programDirectory(t);
	const at = (name: string) => join(directory, name);
	for (const name of ["cache", "data", "log", "plugins", "run", "spool"])
		await mkdir(at(name));
	await symlink(checkHappoCommand, at("plugins/check_happo"));
	await writeFile(
		at("icinga2.conf"),
		configuration(directory, services, options),
	);
	const { username, gid } = userInfo();
	const group =
		spawnSync("id", ["-gn"], { encoding: "utf8" }).stdout.trim() || `${gid}`;
	const constants = {
		RunAsUser: username,
		RunAsGroup: group,
		ConfigDir: directory,
		PluginDir: at("plugins"),
		DataDir: at("data"),
		CacheDir: at("cache"),
		LogDir: at("log"),
		InitRunDir: at("run"),
		SpoolDir: at("spool"),
		PidPath: at("run/pid"),
		VarsPath: at("cache/vars"),
		StatePath: at("data/state"),
		ObjectsPath: at("cache/objects"),
		ModAttrPath: at("data/modified.conf"),
	};
	const started = spawn(
		program,
		[
			...["daemon", "-c", at("icinga2.conf")],
			...Object.entries(constants).map(([name, value]) => `-D${name}=${value}`),
		],
		{
			stdio: ["ignore", "pipe", "pipe"],
			cwd: directory,
			env: { ...process.env, ...environment },
		},
	);
	owns(started);
	let said = "";
	for (const stream of [started.stdout, started.stderr])
		stream.setEncoding("utf8").on("data", (more: string) => {
			said += more;
		});
	const results = new Map<string, IcingaResult>();
	await eventually(
		"every service has been checked",
		async () => {
			assert.equal(started.exitCode, null, said);
			for (const name of await readdir(directory)) {
				if (!name.startsWith("results")) continue;
				const text = await readFile(at(name), "utf8");
				for (const record of text.split("\f")) {
					const [service = "", state, output = "", performance] =
						record.split("\t");
					if (performance !== undefined && !results.has(service))
						results.set(service, {
							name: service,
							state: Number(state),
							output,
							performance: performance.trim(),
						});
				}
			}
			return results.size === services.length + (options.rules ? 1 : 0);
		},
		60_000,
	).catch((error) => assert.fail(`${error}; icinga2: ${said}`));
	// its workers end with it
	started.kill("SIGTERM");
	await eventually("it has ended", () => started.exitCode !== null, 30_000);
	return [...results.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
