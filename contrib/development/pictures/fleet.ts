import { chmod, mkdir, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { startDaemon } from "../../../test/support/daemon.ts";
import { answering, json } from "../../../test/support/next-hop.ts";
import type { Scope } from "../../../test/support/scope.ts";
import { temporaryDirectory } from "../../../test/support/temporary.ts";

/** Hosts of the fleet: 127.0.0.1 to this. */
const size = 20;
/** Hosts where nobody listens, and one that accepts connections and is silent. */
const dead: readonly number[] = [4, 9, 13, 17];
const silent = 7;

/** What the plugin of an agent prints, and its exit status. */
const queues = {
	ok: [12, 0, "OK"],
	warning: [61, 1, "WARNING"],
	critical: [130, 2, "CRITICAL"],
} as const;

async function agentWith(
	scope: Scope,
	queue: keyof typeof queues,
	flags: readonly string[],
): Promise<number> {
	const directory = await temporaryDirectory(scope);
	const plugins = join(directory, "plugins");
	await mkdir(plugins);
	const [waiting, status, state] = queues[queue];
	const plugin = join(plugins, "check_queue");
	await writeFile(
		plugin,
		`#!/bin/sh\necho "QUEUE ${state} - ${waiting} messages wait|waiting=${waiting};50;100;0 age=${waiting / 4}s;30;60"\nexit ${status}\n`,
	);
	await chmod(plugin, 0o755);
	const { port } = await startDaemon(scope, [
		...["--nagios-plugin-paths", plugins],
		...["--collection-interval-seconds", "2"],
		...flags,
	]);
	return port;
}

/** Passes connections to a port on, or holds them. */
async function listen(
	scope: Scope,
	host: string,
	port: number,
	to: number | undefined,
): Promise<void> {
	const sockets = new Set<Socket>();
	const server = createServer((socket) => {
		sockets.add(socket);
		socket.on("error", () => {});
		socket.on("close", () => sockets.delete(socket));
		if (to === undefined) return;
		const next = connect(to, "127.0.0.1");
		next.on("error", () => socket.destroy());
		next.on("close", () => socket.destroy());
		socket.on("close", () => next.destroy());
		socket.pipe(next).pipe(socket);
	});
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(port, host, resolve);
	});
	scope.after(() => {
		server.close();
		for (const socket of sockets) socket.destroy();
	});
}

/**
 * Twenty hosts with mixed failures: real agents behind most addresses, v1 behind the last.
 * @returns the addresses
 */
export async function startFleet(
	scope: Scope,
	port: number,
): Promise<string[]> {
	const quickStart = await temporaryDirectory(scope);
	const [fine, late, broken, v1] = await Promise.all([
		agentWith(scope, "ok", ["--quick-start", quickStart]),
		agentWith(scope, "warning", ["--metric-config", "metrics.yaml"]),
		agentWith(scope, "critical", ["--metric-config", "metrics.yaml"]),
		answering(scope, (response, { path }) =>
			path === "/status"
				? json(response, {
						app_version: "1.1.0",
						uptime_seconds: 7_776_061,
						num_goroutine: 20,
						metric_buffer_status: { newest_timestamp: 0, oldest_timestamp: 0 },
						callers: [],
						leveldb_properties: {},
					})
				: json(response, {
						return_value: 0,
						message: "QUEUE OK - 3 messages wait|waiting=3\n",
					}),
		),
	]);
	const behind = (last: number) =>
		last === size
			? v1.port
			: last === 8
				? broken
				: last % 11 === 3
					? late
					: fine;
	const hosts: string[] = [];
	for (let last = 1; last <= size; last++) {
		const host = `127.0.0.${last}`;
		hosts.push(`${host}:${port}`);
		if (!dead.includes(last))
			await listen(
				scope,
				host,
				port,
				last === silent ? undefined : behind(last),
			);
	}
	return hosts;
}
