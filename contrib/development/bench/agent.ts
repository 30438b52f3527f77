import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../../test/support/command-line.ts";
import { program } from "../../../test/support/daemon.ts";
import { pluginPaths } from "./plugins.ts";
import type { Scene } from "./scene.ts";
import { type Server, startServer } from "./server.ts";

/** The command that runs the built daemon, or another build, on a port, with all its files in a directory. */
export function agentCommand(
	scene: Scene,
	port: number,
	directory: string,
	file = program,
): string[] {
	return [
		process.execPath,
		file,
		"daemon",
		...["--listen-address", "127.0.0.1", "-P", String(port)],
		...["-B", scene.keyPair["public-key"], "-R", scene.keyPair["private-key"]],
		...["-l", join(directory, "log"), "-d", join(directory, "db")],
		...["-M", join(directory, "metrics.yaml"), "--disable-collect-metrics"],
		...["--nagios-plugin-paths", pluginPaths(scene)],
		...["--command-engine", scene.engine],
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
	file?: string,
): Promise<Server> {
	const port = await freePort();
	const directory = await agentDirectory(scene, name);
	return startServer(scene.t, port, agentCommand(scene, port, directory, file));
}
