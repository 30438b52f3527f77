import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { program } from "../../../test/support/daemon.ts";
import { freePort } from "../../../test/support/free-port.ts";
import { pluginPaths } from "./plugins.ts";
import type { Scene } from "./scene.ts";
import { type Server, startServer } from "./server.ts";

/** How an agent of the run differs from the others. */
export interface AgentVariant {
	/** The program of another build. */
	file?: string | undefined;
	/** `0.0.0.0` stands for all of 127.0.0.0/8: one agent for many hosts. */
	addresses?: "127.0.0.1" | "0.0.0.0";
	/** Its policy file; none by default. */
	policy?: string;
	/** More flags. */
	flags?: readonly string[];
}

/** The command that runs the built daemon, or another build, on a port, with all its files in a directory. */
export function agentCommand(
	scene: Scene,
	port: number,
	directory: string,
	{
		file = program,
		addresses = "127.0.0.1",
		policy,
		flags = [],
	}: AgentVariant = {},
): string[] {
	return [
		process.execPath,
		file,
		"daemon",
		...["--listen-address", addresses, "-P", String(port)],
		...["-B", scene.keyPair["public-key"], "-R", scene.keyPair["private-key"]],
		...["-l", join(directory, "log"), "-d", join(directory, "db")],
		...["-M", join(directory, "metrics.yaml"), "--disable-collect-metrics"],
		...["--nagios-plugin-paths", pluginPaths(scene)],
		...["--command-engine", scene.engine],
		...(policy === undefined ? [] : ["--policy", policy]),
		...flags,
	];
}

/** A directory for one agent of the run. */
export async function agentDirectory(scene: Scene, name: string) {
	const directory = join(scene.directory, name);
	await mkdir(directory, { recursive: true });
	return directory;
}

/** Starts the built daemon, or another build. `name` is also the name of its directory. */
export async function startAgent(
	scene: Scene,
	name: string,
	variant: AgentVariant = {},
): Promise<Server> {
	const port = await freePort();
	const directory = await agentDirectory(scene, name);
	return startServer(
		scene.t,
		port,
		agentCommand(scene, port, directory, variant),
	);
}
