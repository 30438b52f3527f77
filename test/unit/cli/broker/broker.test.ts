import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { checkBody, frameBytes, kinds } from "../../../../cli/broker/frame.ts";
import { createUsers } from "../../../../cli/broker/users.ts";
import {
	type brokerHere as BrokerHere,
	brokerClient,
	brokerHere,
	checkWords,
	textOf,
	unreadClient,
} from "../../../support/broker.ts";
import { nativeMissing } from "../../../support/engine.ts";
import { eventually } from "../../../support/eventually.ts";
import { freePort } from "../../../support/free-port.ts";
import { answering, json, listening } from "../../../support/next-hop.ts";

/** A broker and a client of it. */
async function brokered(
	t: TestContext,
	options: Parameters<typeof BrokerHere>[1] = {},
) {
	const broker = await brokerHere(t, options);
	return { broker, client: await brokerClient(t, broker.socket) };
}

const ok = (t: TestContext, message = "OK\n") =>
	answering(t, (response) => json(response, { return_value: 0, message }));

/** A server that does not answer, and tells of the requests that arrived. */
const silent = (t: TestContext) => answering(t, () => {});

describe("a check", () => {
	it("is answered with the plugin's output and status, over a kept connection", async (t) => {
		const server = await answering(t, (response) =>
			json(response, { return_value: 1, message: "ü |a=1\nmore\n" }),
		);
		const { broker, client } = await brokered(t);
		for (const n of [1, 2, 3]) {
			assert.equal(client.check(checkWords(server.port)), n);
			const frame = await client.next();
			assert.deepEqual(
				[frame.kind, frame.id, frame.body[0], textOf(frame)],
				[kinds.result, n, 1, "ü |a=1\nmore\n"],
			);
		}
		assert.equal(server.accepted(), 1);
		const [first] = server.arrived;
		assert.equal(first?.path, "/monitor");
		assert.deepEqual(JSON.parse(String(first?.body)), {
			...{ apikey: "", plugin_name: "x", plugin_option: "" },
		});
		// the agent stops after the broker, which says what took too long
		const told = Number(first?.headers["happo-milliseconds-left"]);
		assert.ok(told > 10_000 && told <= 12_000, String(told));
		const { checks, places } = broker.status();
		assert.deepEqual([checks.answered, places], [3, 1]);
	});

	it("is sent again if a kept connection ends before the answer, as when an agent restarts", async (t) => {
		let arrived = 0;
		const server = await answering(t, (response) => {
			if (++arrived === 2) response.socket?.destroy();
			else json(response, { return_value: 0, message: "OK\n" });
		});
		const { client } = await brokered(t);
		for (const count of [1, 3]) {
			client.check(checkWords(server.port));
			assert.equal(textOf(await client.next()), "OK\n");
			assert.equal(server.arrived.length, count);
		}
	});

	it("goes to the first bastion, which is told of the others", async (t) => {
		const bastion = await ok(t);
		const { client } = await brokered(t);
		client.check([
			...["--host=Web01", "--proxy=127.0.0.1", "--plugin-name=x"],
			...[`--proxy=127.0.0.1:${bastion.port}`],
		]);
		assert.match(
			textOf(await client.next()),
			/^ERROR\(happo-agent\): 127\.0\.0\.1:6777: /,
		);
		client.check([
			...["--host=Web01", `--proxy=127.0.0.1:${bastion.port}`],
			...["--proxy=192.0.2.1", "--plugin-name=x"],
		]);
		assert.equal(textOf(await client.next()), "OK\n");
		const [arrived] = bastion.arrived;
		assert.equal(arrived?.path, "/proxy");
		assert.deepEqual(JSON.parse(String(arrived?.body)).proxy_hostport, [
			...["192.0.2.1:6777", "Web01:6777"],
		]);
	});

	it("that an agent refuses, or cannot be asked for, is worded as by check_happo", async (t) => {
		const refusing = await answering(t, (response) => json(response, {}, 500));
		const late = await answering(t, (response) => json(response, {}, 504));
		const plain = await listening(t, (socket) => socket.end("SSH-2.0\r\n"));
		const { client } = await brokered(t);
		for (const [port, status, text] of [
			[refusing.port, 2, /^ERROR\(happo-agent\): happo-agent returns 500\n$/],
			[late.port, 3, /^UNKNOWN\(happo-agent\): happo-agent returns 504\n$/],
			[
				plain.port,
				2,
				/^ERROR\(happo-agent\): 127\.0\.0\.1:\d+: does not speak TLS on this port\n$/,
			],
			[
				await freePort(),
				2,
				/^ERROR\(happo-agent\): 127\.0\.0\.1:\d+: connection refused\n$/,
			],
		] as const) {
			client.check(checkWords(port));
			const frame = await client.next();
			assert.match(textOf(frame), text);
			assert.equal(frame.body[0], status);
		}
	});

	it("ends with its time limit, in the words of -t", async (t) => {
		const server = await silent(t);
		const { broker, client } = await brokered(t);
		client.check(checkWords(server.port, "--timeout=7"), 200);
		const frame = await client.next();
		assert.equal(
			textOf(frame),
			`ERROR(happo-agent): 127.0.0.1:${server.port}: no answer within 7 seconds\n`,
		);
		assert.equal(frame.body[0], 2);
		await eventually("the agent is left alone", () => server.open() === 0);
		assert.equal(broker.status().checks.late, 1);
	});

	it("waits for a place as long as its time allows", async (t) => {
		const server = await silent(t);
		const { broker, client } = await brokered(t, { maxChecks: 1 });
		client.check(checkWords(server.port));
		await eventually("one runs", () => server.arrived.length === 1);
		client.check(checkWords(server.port, "--timeout=3"), 100);
		const frame = await client.next();
		assert.deepEqual([frame.id, frame.body[0]], [2, 3]);
		assert.match(
			textOf(frame),
			/^UNKNOWN\(check_happo\): the broker has too much to do: 127\.0\.0\.1:\d+ has no place within 3 seconds \(.+\)\n$/,
		);
		assert.deepEqual(broker.status().checks.busy, 1);
	});

	it("goes only where --hosts says, bastions included", async (t) => {
		const server = await ok(t);
		const { client } = await brokered(t, {
			hosts: ["127.0.0.0/8", "*.example.net"],
		});
		client.check(checkWords(server.port));
		assert.equal(textOf(await client.next()), "OK\n");
		for (const [words, place] of [
			[["--host=192.0.2.9"], "192.0.2.9:6777"],
			[["--host=Example.net"], "Example.net:6777"],
			[["--host=127.0.0.1", "--proxy=web01"], "web01:6777"],
			[["--host=web01", "--proxy=127.0.0.1"], "web01:6777"],
		] as const) {
			client.check([...words, "--plugin-name=x"]);
			const frame = await client.next();
			assert.equal(frame.body[0], 3);
			assert.equal(
				textOf(frame),
				`UNKNOWN(check_happo): the broker does not go to ${place} (its --hosts)\n`,
			);
		}
	});

	it("with anything but a check's options is the client's own", async (t) => {
		const { broker, client } = await brokered(t);
		for (const [word, reason] of [
			[
				"--ca-file=/etc/shadow",
				/^not an option of a broker's client: --ca-file$/,
			],
			["--fingerprint=AB", /--fingerprint$/],
			["--verbose=yes", /--verbose$/],
			["-v", /-v$/],
			["", /: $/],
			["--port=0", /^--port: not a whole number/],
			["--host=", /^--host \(-H\) is empty$/],
		] as const) {
			client.check([...checkWords(1), word]);
			const frame = await client.next();
			assert.equal(frame.kind, kinds.elsewhere);
			assert.match(textOf(frame), reason);
		}
		assert.equal(broker.status().checks.elsewhere, 7);
	});

	it("whose client goes is reset", async (t) => {
		const server = await silent(t);
		const { broker, client } = await brokered(t);
		client.check(checkWords(server.port));
		client.check(checkWords(server.port));
		await eventually("both run", () => server.arrived.length === 2);
		client.socket.end();
		await eventually("the agent is left alone", () => server.open() === 0);
		await eventually("they are counted", () => {
			const { checks, checks_in_flight, clients } = broker.status();
			return checks.gone === 2 && checks_in_flight === 0 && clients === 0;
		});
	});

	it("counts those of workers of Nagios, and gives them a sign of life", async (t) => {
		const server = await ok(t);
		const { broker, client } = await brokered(t);
		const worker = await brokerClient(t, broker.socket);
		worker.send({ kind: kinds.worker, id: 9, body: Buffer.alloc(0) });
		const { kind, id, body } = await worker.next();
		assert.deepEqual([kind, id, body.length], [kinds.text, 9, 0]);
		for (const one of [client, worker, worker]) {
			one.check(checkWords(server.port));
			assert.equal(textOf(await one.next()), "OK\n");
		}
		const { checks, checks_of_workers } = broker.status();
		assert.deepEqual([checks.answered, checks_of_workers], [3, 2]);
	});

	it("runs once for many with --fresh, and says how old its result is", async (t) => {
		const server = await ok(t, "OK - fine|a=1\n|b=2\n");
		const { broker, client } = await brokered(t, { freshMilliseconds: 60_000 });
		const other = await brokerClient(t, broker.socket);
		client.check(checkWords(server.port));
		assert.equal(textOf(await client.next()), "OK - fine|a=1\n|b=2\n");
		other.check(checkWords(server.port));
		assert.equal(textOf(await other.next()), "OK - fine (0 s old)|a=1\n|b=2\n");
		// only printed in another way
		other.check(checkWords(server.port, "--perfdata-first-line=yes"));
		assert.equal(textOf(await other.next()), "OK - fine (0 s old)|a=1 b=2\n");
		// another option is another check
		other.check(checkWords(server.port, "--plugin-option=-w 1"));
		assert.equal(textOf(await other.next()), "OK - fine|a=1\n|b=2\n");
		assert.equal(server.arrived.length, 2);
		assert.equal(broker.status().checks_shared, 2);
	});
});

describe("a broker that stops", () => {
	it("answers what runs, and takes nothing new", async (t) => {
		let answer = () => {};
		const server = await answering(t, (response) => {
			answer = () => json(response, { return_value: 0, message: "late\n" });
		});
		const { broker, client } = await brokered(t);
		const idle = await brokerClient(t, broker.socket);
		client.check(checkWords(server.port));
		await eventually("it runs", () => server.arrived.length === 1);
		const stopped = broker.stop(10_000);
		await idle.closed;
		client.check(checkWords(server.port));
		const refused = await client.next();
		assert.deepEqual(
			[refused.kind, textOf(refused)],
			[kinds.elsewhere, "the broker is stopping"],
		);
		answer();
		assert.equal(textOf(await client.next()), "late\n");
		await Promise.all([client.closed, stopped]);
	});

	it("gives up what does not end", async (t) => {
		const server = await silent(t);
		const { broker, client } = await brokered(t);
		client.check(checkWords(server.port));
		await eventually("it runs", () => server.arrived.length === 1);
		await broker.stop(50);
		await client.closed;
		await eventually("the agent is left alone", () => server.open() === 0);
	});
});

describe("a hostile client", () => {
	/** The broker still serves another one. */
	const stillServes = async (
		t: TestContext,
		{ socket, complaints }: { socket: string; complaints: string[] },
	) => {
		const client = await brokerClient(t, socket);
		client.send({ kind: kinds.status, body: Buffer.alloc(0) });
		assert.match(textOf(await client.next()), /"uptime_seconds"/);
		assert.deepEqual(complaints, []);
	};

	for (const [what, bytes] of [
		[
			"garbage",
			Buffer.from("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", "latin1"),
		],
		["HTTP", Buffer.from("GET /metrics HTTP/1.1\r\n\r\n")],
		["a frame without a head", Buffer.alloc(4)],
		["a frame that is too long", Buffer.from("0004000101010000000001", "hex")],
	] as const)
		it(`that sends ${what} is closed`, async (t) => {
			const { broker, client } = await brokered(t);
			client.socket.write(bytes);
			await client.closed;
			await stillServes(t, broker);
		});

	it("of another version is sent elsewhere, and closed", async (t) => {
		const { broker, client } = await brokered(t);
		client.send({ version: 2, kind: 99, id: 7, body: Buffer.from("new") });
		const frame = await client.next();
		assert.deepEqual(
			[frame.version, frame.kind, frame.id, textOf(frame)],
			[1, kinds.elsewhere, 7, "the broker speaks version 1, not 2"],
		);
		await client.closed;
		await stillServes(t, broker);
	});

	it("that asks for nothing known, or for half a check, is sent elsewhere", async (t) => {
		const { client } = await brokered(t);
		for (const [kind, body] of [
			[0, ""],
			[4, "x"],
			[kinds.result, "x"],
			[kinds.check, ""],
			[kinds.check, "\0\0\0\0a\0"],
			[kinds.check, "\0\0\0\x01--host=a"],
		] as const) {
			client.send({ kind, body: Buffer.from(body) });
			assert.equal((await client.next()).kind, kinds.elsewhere);
		}
	});

	it("that sends half a request, or none, is closed after a time", async (t) => {
		t.mock.timers.enable({ apis: ["setTimeout"] });
		const broker = await brokerHere(t);
		const [mute, half] = [
			await brokerClient(t, broker.socket),
			await brokerClient(t, broker.socket),
		];
		half.socket.write(Buffer.from("000000", "hex"));
		while (broker.status().clients < 2) await new Promise(setImmediate);
		for (let n = 0; n < 20; n++) await new Promise(setImmediate);
		t.mock.timers.tick(10_000);
		await Promise.all([mute.closed, half.closed]);
	});

	it("that does not read its answers is closed, and holds no memory", async (t) => {
		const server = await ok(t, "x".repeat(1_000_000));
		const broker = await brokerHere(t, { maxUntakenBytes: 4_000_000 });
		const socket = await unreadClient(t, broker.socket);
		const body = checkBody({
			millisecondsLeft: 60_000,
			words: checkWords(server.port),
		});
		// more than the broker keeps for all
		for (let id = 1; id <= 6; id++)
			socket.write(frameBytes({ kind: kinds.check, id, body }));
		await eventually(
			"the broker has had enough",
			() => broker.status().clients === 0,
		);
		await stillServes(t, broker);
	});

	it("that asks on and on without reading is not read, and closed after a time", async (t) => {
		t.mock.timers.enable({ apis: ["setTimeout"] });
		const broker = await brokerHere(t);
		const socket = await unreadClient(t, broker.socket);
		const one = frameBytes({
			kind: kinds.status,
			id: 1,
			body: Buffer.alloc(0),
		});
		const many = Buffer.concat(Array.from({ length: 5_000 }, () => one));
		// what the broker does not read stays here
		for (let n = 0; n < 40; n++) socket.write(many);
		for (let n = 0; n < 200; n++) await new Promise(setImmediate);
		assert.ok(socket.writableLength > 1_000_000, `${socket.writableLength}`);
		socket.on("error", () => {});
		const closed = new Promise((resolve) => socket.once("close", resolve));
		t.mock.timers.tick(10_000);
		await closed;
		t.mock.timers.reset();
		await stillServes(t, broker);
	});

	it("has 256 checks in flight, and waits with the next", async (t) => {
		const warnings: Error[] = [];
		const warn = (warning: Error) => warnings.push(warning);
		process.on("warning", warn);
		t.after(() => process.off("warning", warn));
		const server = await silent(t);
		const { client, broker } = await brokered(t);
		// 32 of them are what is read at once
		const option = `--plugin-option=${"x".repeat(2_000)}`;
		for (let n = 0; n < 600; n++) client.check(checkWords(server.port, option));
		await eventually(
			"they are in flight",
			() => broker.status().checks_in_flight >= 256,
		);
		for (let n = 0; n < 20; n++) await new Promise(setImmediate);
		assert.ok(broker.status().checks_in_flight <= 256 + 32);
		assert.deepEqual(warnings, []);
		await stillServes(t, broker);
	});

	it("in thousands is turned away, and told so", async (t) => {
		const broker = await brokerHere(t, { maxClients: 50 });
		const held: Socket[] = [];
		const told: string[] = [];
		const total = 10_000;
		const atOnce = 250;
		/** Node accepts one connection in each turn of its loop. */
		const seen = () => {
			const { clients_accepted, clients_refused } = broker.status();
			return clients_accepted + clients_refused;
		};
		for (let n = 0; n < total; n += atOnce) {
			await Promise.all(
				Array.from({ length: atOnce }, async () => {
					const socket = connect(broker.socket);
					held.push(socket);
					socket.on("error", () => {});
					socket.on("data", (bytes) => told.push(String(bytes)));
					await once(socket, "connect");
				}),
			);
			while (seen() < n + atOnce) await new Promise(setImmediate);
		}
		const { clients, clients_accepted } = broker.status();
		assert.ok(clients > 0 && clients <= 50, `${clients}`);
		assert.equal(clients_accepted, clients);
		await eventually("they are told", () => told.length > 0);
		assert.match(
			told[0] ?? "",
			/UNKNOWN\(check_happo\): the broker has too many clients\n$/,
		);
		assert.ok(
			held.filter((socket) => !socket.destroyed).length < 2_000,
			"those that are turned away are closed",
		);
		for (const socket of held) socket.destroy();
		await eventually("all have gone", () => broker.status().clients === 0);
		await stillServes(t, broker);
	});

	it("of a user that is not served is sent elsewhere", async (t) => {
		const missing = nativeMissing();
		if (missing) return t.skip(missing);
		const own = process.getuid?.() ?? 0;
		const served = await brokered(t, { allowed: new Set([own]) });
		await stillServes(t, served.broker);
		const { client } = await brokered(t, { allowed: new Set([own + 1]) });
		const frame = await client.next();
		assert.deepEqual(
			[frame.kind, textOf(frame)],
			[kinds.elsewhere, `the broker does not serve user ${own}`],
		);
		const unknown = await brokered(t, {
			allowed: new Set([own]),
			users: createUsers({ reason: "none" }),
		});
		assert.equal((await unknown.client.next()).kind, kinds.elsewhere);
	});
});
