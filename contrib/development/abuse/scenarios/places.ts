import { fullHop, silentHop, slowHop } from "../next-hops.ts";
import { check, getText, postHead, postText, relayed } from "../requests.ts";
import type { Attack, Scenario } from "../scenario.ts";
import { dribble, pour } from "../wires.ts";

const denied = "127.0.0.66";
/** All clients except the denied one. */
const allowing = () => ["-A", "127.0.0.0/26"];

/** Opens connection after connection, and uses each until it ends. */
async function again(
	attack: Attack,
	parallel: number,
	once: () => Promise<unknown>,
) {
	await Promise.all(
		Array.from({ length: parallel }, async () => {
			while (!attack.over.aborted) await once();
		}),
	);
	return undefined;
}

const deniedScenarios: Scenario[] = [
	{
		name: "a denied address pipelines on 14 connections",
		flags: allowing,
		run: (attack) =>
			again(attack, 14, async () => {
				const wire = attack.wire({ from: denied });
				if (!(await wire.opened)) return;
				const many = getText("/").repeat(500);
				while (!wire.socket.destroyed && !attack.over.aborted)
					await pour(wire, [many]);
				await wire.closed;
			}),
	},
	{
		name: "a denied address connects as fast as it can",
		flags: allowing,
		run: (attack) =>
			again(attack, 16, () => attack.ask({ path: "/", from: denied })),
	},
	{
		name: "an allowed address connects as fast as it can",
		run: (attack) => again(attack, 16, () => attack.ask({ path: "/" })),
	},
	{
		name: "an allowed address handshakes and leaves, 64 at once",
		run: (attack) =>
			again(attack, 64, async () => {
				const wire = attack.wire();
				await wire.opened;
				wire.tcp.resetAndDestroy();
				await wire.closed;
			}),
	},
];

/** A recorded ClientHello, the first message of a TLS client, and nothing after it. */
async function clientHello(attack: Attack): Promise<Buffer> {
	const { createServer } = await import("node:net");
	const { connect } = await import("node:tls");
	return new Promise((resolve, reject) => {
		const server = createServer((socket) => {
			socket.once("data", (bytes: Buffer) => {
				socket.destroy();
				server.close();
				resolve(bytes);
			});
			socket.on("error", () => {});
		});
		server.listen(0, "127.0.0.1", () => {
			const address = server.address();
			if (typeof address !== "object" || !address) return reject(address);
			const socket = connect({ port: address.port, host: "127.0.0.1" });
			socket.on("error", () => {});
			attack.scope.after(() => socket.destroy());
		});
	});
}

/** Opens connections, and reopens those that the agent closes. */
const kept = (
	name: string,
	count: number,
	open: (attack: Attack, hello: Buffer, number: number) => Promise<unknown>,
	seconds = 15,
): Scenario => ({
	name: `${count} ${name}`,
	seconds,
	async run(attack) {
		const hello = await clientHello(attack);
		await Promise.all(
			Array.from({ length: count }, async (_, number) => {
				while (!attack.over.aborted) await open(attack, hello, number);
			}),
		);
		return undefined;
	},
});

const half = (name: string, count: number, sendsHello: boolean) =>
	kept(name, count, async (attack, hello) => {
		const wire = attack.wire({ plain: true });
		if ((await wire.opened) && sendsHello) wire.socket.write(hello);
		await wire.closed;
	});

const idle = (count: number) =>
	kept("idle connections after a request", count, async (attack) => {
		const wire = attack.wire();
		if (await wire.opened) wire.socket.write(getText("/"));
		await wire.closed;
	});

const manyAddresses = (count: number) =>
	kept(
		"silent TCP connections from 40 addresses",
		count,
		async (attack, _, number) => {
			const from = `127.0.0.${10 + (number % 40)}`;
			await attack.wire({ plain: true, from }).closed;
		},
	);

/** Requests that stop before their last byte. */
const stalled = (count: number): Scenario => ({
	name: `${count} POSTs of 16 MiB that lack the last byte`,
	seconds: 25,
	async run(attack) {
		const bytes = 16 * 1_048_576;
		const piece = Buffer.alloc(65_536, " ");
		await Promise.all(
			Array.from({ length: count }, async () => {
				while (!attack.over.aborted) {
					const wire = attack.wire();
					if (!(await wire.opened)) continue;
					wire.socket.write(postHead("/metric/append", bytes));
					const pieces = Array.from(
						{ length: bytes / piece.length },
						(_, at) => (at === 0 ? piece.subarray(1) : piece),
					);
					await pour(wire, pieces);
					await Promise.race([wire.closed, attack.hold()]);
				}
			}),
		);
		return undefined;
	},
});

/** Headers that arrive a byte at a time. */
const slowHeaders = (count: number) =>
	kept(
		"connections with 16 KB of headers, a byte each 50 ms",
		count,
		async (attack) => {
			const wire = attack.wire();
			if (!(await wire.opened)) return;
			// the bulk at once, the rest slowly
			wire.socket.write(
				`GET / HTTP/1.1\r\nHost: agent\r\nX: ${"x".repeat(12_000)}`,
			);
			await dribble(wire, "y".repeat(4000), 50, attack.over);
			await wire.closed;
		},
	);

const names: Scenario = {
	name: "as many different paths and odd methods as fit, 8 connections",
	flags: () => ["--enable-requeststatus-middleware"],
	seconds: 20,
	run: (attack) =>
		again(attack, 8, async () => {
			const wire = attack.wire();
			if (!(await wire.opened)) return;
			let number = 0;
			while (!wire.socket.destroyed && !attack.over.aborted) {
				const texts = Array.from({ length: 100 }, () => {
					const method = ["GET", "PROPFIND", "DELETE", "OPTIONS"][number % 4];
					const path = `/${Math.random()}/${"p".repeat(200)}${number++}`;
					return getText(path).replace("GET", method ?? "GET");
				});
				const before = wire.answers();
				await pour(wire, texts);
				while (
					wire.answers() < before + 100 &&
					!wire.socket.destroyed &&
					!attack.over.aborted
				)
					await new Promise((resolve) => setTimeout(resolve, 2));
			}
		}),
};

const slowChecks: Scenario = {
	name: "300 slow checks of one client",
	seconds: 25,
	async run(attack) {
		const ask = () =>
			attack.ask({ path: "/monitor", body: check("check_sleep", "9") });
		await Promise.all(Array.from({ length: 300 }, ask));
		return undefined;
	},
};

/** Relays to hops that do not answer and so hold their places. */
const deadHops = (name: string, start: typeof silentHop): Scenario => ({
	name: `800 relays to 8 hops that ${name}`,
	seconds: 20,
	// clients that only close their side may still wait for their answers: the system can tell that
	// they are gone after a minute, and the agent asks every ten seconds
	settleSeconds: 75,
	async run(attack) {
		const live = await attack.anotherAgent();
		const hops = await Promise.all(
			Array.from({ length: 8 }, (_, number) =>
				start(attack.scope, `127.0.0.${101 + number}`),
			),
		);
		const dead = hops.flatMap((hop) =>
			Array.from({ length: 100 }, async () => {
				const wire = attack.wire();
				if (await wire.opened)
					wire.socket.write(postText("/proxy", relayed([hop])));
			}),
		);
		await Promise.all(dead);
		// another client, through the same bastion
		const unmet: string[] = [];
		const started = performance.now();
		while (!attack.over.aborted && performance.now() - started < 10_000) {
			const began = performance.now();
			const answer = await attack.ask({
				path: "/proxy",
				body: relayed([`127.0.0.1:${live}`], "monitor", check("check_ok")),
				from: "127.0.0.10",
			});
			const milliseconds = performance.now() - began;
			if (answer?.status !== 200)
				unmet.push(`a relay of another client got ${answer?.status ?? "none"}`);
			else if (milliseconds > 1000)
				unmet.push(
					`a relay of another client waited ${Math.round(milliseconds)} ms`,
				);
			await new Promise((resolve) => setTimeout(resolve, 500));
		}
		return unmet.length > 1
			? [...unmet.slice(0, 1), `and ${unmet.length - 1} more like it`]
			: unmet;
	},
});

/** One request that becomes sixteen, because the agent relays each to itself. */
const throughItself: Scenario = {
	name: "200 relays of 15 hops that are all the agent itself",
	// both ends of its connections to itself
	keeps: { descriptors: 128 },
	seconds: 20,
	async run(attack) {
		const itself = `127.0.0.1:${attack.port}`;
		const hops = Array.from({ length: 15 }, () => itself);
		const body = relayed(hops, "monitor", check("check_sleep", "5"));
		const ask = () => attack.ask({ path: "/proxy", body });
		await Promise.all(Array.from({ length: 200 }, ask));
		return undefined;
	},
};

export const placeScenarios: readonly Scenario[] = [
	...deniedScenarios,
	half("TCP connections without a handshake", 500, false),
	half("TCP connections without a handshake", 1100, false),
	half("handshakes that stop after ClientHello", 500, true),
	half("handshakes that stop after ClientHello", 1100, true),
	idle(1100),
	manyAddresses(1100),
	stalled(6),
	stalled(50),
	stalled(500),
	slowHeaders(500),
	slowHeaders(1100),
	names,
	slowChecks,
	deadHops("accept and never answer", silentHop),
	deadHops("have a full backlog", fullHop),
	deadHops("answer a byte a second", slowHop),
	throughItself,
];
