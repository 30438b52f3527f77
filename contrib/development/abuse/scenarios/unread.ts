import { answeringHop } from "../next-hops.ts";
import { check, getText, plainPieces, postText, relayed } from "../requests.ts";
import type { Attack, Scenario } from "../scenario.ts";
import { pour, sip } from "../wires.ts";

const mebibyte = 1_048_576;

/** Fills the buffer with some 10 MB of samples, so that a peek returns its maximum. */
async function fillBuffer(attack: Attack) {
	const now = Math.floor(Date.now() / 1000);
	for (let part = 0; part < 50; part++) {
		const metrics: Record<string, number> = {};
		for (let number = 0; number < 5000; number++)
			metrics[`load.of.part${part}.and.metric${number}`] = number;
		const metric_data = [
			{ hostname: `web${part}`, timestamp: now - part, metrics },
		];
		const answer = await attack.ask({
			...{ path: "/metric/append", body: { metric_data } },
		});
		if (answer?.status !== 200) throw new Error(`no samples: ${answer?.text}`);
	}
}

/** Opens connections that send a request and do not read the answer. */
async function unread(attack: Attack, count: number, text: string) {
	const wires = await Promise.all(
		Array.from({ length: count }, async () => {
			const wire = attack.wire({ reads: false });
			if (await wire.opened) wire.socket.write(text);
			return wire;
		}),
	);
	return wires;
}

const peek = postText("/metric/peek", {});

const peeks: Scenario[] = [
	{
		name: "60 peeks of a full buffer, not read",
		prepare: fillBuffer,
		seconds: 20,
		async run(attack) {
			await unread(attack, 60, peek);
			await attack.hold();
			return undefined;
		},
	},
	...(
		[
			["a byte a second", 1],
			["4 KiB a second", 4096],
		] as const
	).map(
		([pace, bytes]): Scenario => ({
			name: `60 peeks of a full buffer, read at ${pace}`,
			prepare: fillBuffer,
			seconds: 30,
			async run(attack) {
				const wires = await unread(attack, 60, peek);
				await Promise.all(
					wires.map((wire) => sip(wire, bytes, 1000, attack.over)),
				);
				return undefined;
			},
		}),
	),
	{
		name: "500 peeks of a full buffer, read",
		prepare: fillBuffer,
		seconds: 20,
		async run(attack) {
			await Promise.all(
				Array.from({ length: 500 }, async () => {
					const wire = attack.wire();
					if (!(await wire.opened)) return;
					wire.socket.write(peek);
					await Promise.race([wire.closed, attack.hold()]);
				}),
			);
			return undefined;
		},
	},
];

/** Relayed answers that nobody reads. */
const relays = (count: number): Scenario => ({
	name: `${count} relayed answers of 30 MiB, not read`,
	seconds: 20,
	async run(attack) {
		const bytes = 30 * mebibyte;
		const hop = await answeringHop(attack.scope, "127.0.0.7", function* () {
			yield `HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`;
			yield* plainPieces(bytes);
		});
		await unread(attack, count, postText("/proxy", relayed([hop])));
		await attack.hold();
		return undefined;
	},
});

/** Many pipelined requests on a connection, behind a slow one. */
const pipelined = (
	requests: number,
	connections: number,
	reads: boolean,
): Scenario => ({
	name: `${requests} pipelined behind a slow check, ${connections} connection${connections > 1 ? "s" : ""}${reads ? "" : ", not read"}`,
	prepare: fillBuffer,
	seconds: 20,
	async run(attack) {
		const turn = [peek, getText("/metrics"), getText("/status")];
		const texts = [postText("/monitor", check("check_sleep", "3"))];
		for (let number = 0; number < requests; number++)
			texts.push(turn[number % turn.length] ?? "");
		await Promise.all(
			Array.from({ length: connections }, async () => {
				const wire = attack.wire({ reads });
				if (!(await wire.opened)) return;
				await pour(wire, [texts.join("")]);
				await Promise.race([wire.closed, attack.hold()]);
			}),
		);
		return undefined;
	},
});

/** Snapshots of 3.6 MB each; the scenario first sets the limits that allow them. */
const machineStates: Scenario = {
	name: "60 machine states of 3.6 MB, not read",
	seconds: 20,
	flags: (plugins) => [
		...["--error-log-interval-seconds", "0"],
		"--machine-state-commands",
		Array.from({ length: 4 }, () => `${plugins}/state_big`).join(","),
	],
	async prepare(attack) {
		await attack.ask({ path: "/monitor", body: check("check_failing") });
		for (let look = 0; look < 100; look++) {
			const { text = "" } =
				(await attack.ask({ path: "/machine-state" })) ?? {};
			if (/s-\d+/.test(text)) return;
			await new Promise((resolve) => setTimeout(resolve, 100));
		}
		throw new Error("no machine state within ten seconds");
	},
	async run(attack) {
		const { text = "" } = (await attack.ask({ path: "/machine-state" })) ?? {};
		const key = /s-\d+/.exec(text)?.[0] ?? "";
		await unread(attack, 60, getText(`/machine-state/${key}`));
		await attack.hold();
		return undefined;
	},
};

export const unreadScenarios: readonly Scenario[] = [
	...peeks,
	relays(16),
	relays(64),
	pipelined(300, 1, true),
	pipelined(1500, 1, true),
	pipelined(300, 1, false),
	pipelined(300, 50, true),
	pipelined(1500, 50, true),
	machineStates,
];
