import assert from "node:assert/strict";
import { syncBuiltinESMExports } from "node:module";
import { it } from "node:test";
import tls from "node:tls";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { eventually } from "../../support/eventually.ts";
import { createFetching } from "../../support/fetching.ts";
import { answering, json } from "../../support/next-hop.ts";

const megabyte = Buffer.alloc(1 << 20, "\xff\x00a", "latin1");

it("returns status, type and body unchanged, byte for byte", async (t) => {
	const fetch = await createFetching(t);
	for (const [status, type, body] of [
		[200, "application/json; charset=UTF-8", Buffer.from("{}")],
		[204, undefined, Buffer.alloc(0)],
		[302, "text/html", Buffer.from("moved")],
		[404, "text/plain", Buffer.from("404 page not found\n")],
		[503, "application/problem+json", Buffer.from("{}")],
		[200, "application/octet-stream", megabyte],
		[599, undefined, megabyte],
	] as const) {
		const server = await answering(t, (response) => {
			response.writeHead(status, {
				...(type && { "Content-Type": type }),
				Location: "https://127.0.0.1:1/",
			});
			response.end(body);
		});
		const { headers, ...fetched } = await fetch(server.port);
		assert.deepEqual(fetched, { status, contentType: type, body });
		assert.equal(headers.location, "https://127.0.0.1:1/");
		assert.equal(server.arrived.length, 1);
	}
});

it("sends method, path, headers and body unchanged", async (t) => {
	const fetch = await createFetching(t);
	const server = await answering(t, (response) => json(response, {}));
	for (const body of [Buffer.alloc(0), Buffer.from("{ }\n"), megabyte]) {
		await fetch(server.port, { body, path: "/metric/append" });
		const arrived = server.arrived.at(-1);
		assert.equal(arrived?.method, "POST");
		assert.equal(arrived?.path, "/metric/append");
		assert.equal(arrived?.headers.host, `127.0.0.1:${server.port}`);
		assert.equal(arrived?.headers["content-type"], "application/json");
		assert.equal(arrived?.headers["content-length"], String(body.length));
		assert.ok(arrived?.body.equals(body));
	}
	await fetch(server.port, { method: "GET", body: Buffer.alloc(0) });
	assert.equal(server.arrived.at(-1)?.method, "GET");
});

it("makes one secure context for all connections", async (t) => {
	const made = t.mock.method(tls, "createSecureContext");
	syncBuiltinESMExports();
	t.after(() => {
		made.mock.restore();
		syncBuiltinESMExports();
	});
	const fetch = await createFetching(t);
	const before = made.mock.callCount();
	for (let count = 0; count < 3; count++) {
		const server = await answering(t, (response) => json(response, {}));
		await fetch(server.port);
	}
	// those of the servers
	assert.equal(made.mock.callCount() - before, 3);
});

it("keeps connections, and resumes TLS sessions on new ones", async (t) => {
	const fetch = await createFetching(t);
	const resumed: boolean[] = [];
	const server = await answering(t, (response) => {
		const socket = response.socket as unknown as {
			isSessionReused(): boolean;
		};
		resumed.push(socket.isSessionReused());
		json(response, {});
	});
	for (let n = 0; n < 10; n++) await fetch(server.port);
	assert.equal(server.accepted(), 1);
	await Promise.all(Array.from({ length: 3 }, () => fetch(server.port)));
	assert.equal(server.accepted(), 3);
	assert.deepEqual(resumed.slice(0, 10), Array(10).fill(false));
	assert.ok(resumed.slice(10).includes(true), "no session was resumed");
});

it("keeps connections without the answers that came over them", async (t) => {
	setFlagsFromString("--expose-gc");
	const collectGarbage = runInNewContext("gc") as () => void;
	const fetch = await createFetching(t);
	const server = await answering(t, (response) => response.end(megabyte));
	const fetched = async () => {
		const { body } = await fetch(server.port);
		return new WeakRef(body.buffer);
	};
	const bytes = await fetched();
	await eventually("the answer is forgotten", () => {
		collectGarbage();
		return bytes.deref() === undefined;
	});
	assert.equal(server.open(), 1);
});

it("works over IPv6, with the address in brackets in Host", async (t) => {
	const fetch = await createFetching(t);
	const start = () =>
		answering(t, (response) => json(response, {}), { host: "::1" });
	const server = await start().catch(() => undefined);
	if (!server) return t.skip("::1 is not an address of this machine");
	await fetch(0, { hop: { host: "::1", port: server.port } });
	assert.equal(server.arrived[0]?.headers.host, `[::1]:${server.port}`);
});

it("sends SNI for names, and not for addresses", async (t) => {
	const fetch = await createFetching(t);
	const names: string[] = [];
	const server = await answering(t, (response) => json(response, {}), {
		SNICallback: (name, done) => {
			names.push(name);
			done(null);
		},
	});
	await fetch(server.port);
	assert.deepEqual(names, []);
	await fetch(0, { hop: { host: "localhost", port: server.port } });
	assert.deepEqual(names, ["localhost"]);
});

it("ignores 100 Continue that was not asked for, in one piece or in many", async (t) => {
	const fetch = await createFetching(t);
	const text = [
		"HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: z\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\nHTTP/1.1 100 not a head",
	].join("");
	for (const size of [text.length, 30, 7]) {
		const server = await answering(t, (response) => {
			const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
			const write = () => {
				const piece = pieces.shift();
				if (piece === undefined) return;
				response.socket?.write(piece);
				setTimeout(write, 2);
			};
			write();
		});
		const { status, body } = await fetch(server.port);
		assert.equal(status, 200);
		assert.equal(String(body), "HTTP/1.1 100 not a head");
	}
});

it("writes a large body in slices, as the connection would keep a buffer for a whole one", async (t) => {
	const fetch = await createFetching(t);
	const server = await answering(t, (response) => json(response, {}));
	const sizes: number[] = [];
	const write = tls.TLSSocket.prototype.write as (
		...given: unknown[]
	) => boolean;
	t.mock.method(
		tls.TLSSocket.prototype,
		"write",
		function (this: tls.TLSSocket, ...given: unknown[]) {
			if (!(this as { server?: unknown }).server)
				sizes.push((given[0] as string | Uint8Array).length);
			return write.apply(this, given);
		},
	);
	for (let request = 0; request < 2; request++) {
		await fetch(server.port, { body: megabyte });
		const arrived = server.arrived.at(-1);
		assert.equal(arrived?.headers["content-length"], String(megabyte.length));
		assert.ok(arrived?.body.equals(megabyte));
	}
	assert.equal(server.accepted(), 1);
	assert.ok(sizes.length > 32, `${sizes.length} writes`);
	assert.ok(Math.max(...sizes) <= 65_536, `${Math.max(...sizes)} bytes`);
});
