import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it, type TestContext } from "node:test";
import type { TLSSocket } from "node:tls";
import { RelayError } from "../../../src/protocol/relay-error.ts";
import { createSelfSigned } from "../../../src/tls/self-signed.ts";
import { eventually } from "../../support/eventually.ts";
import { createFetching, trusting } from "../../support/fetching.ts";
import {
	answering,
	createPair,
	json,
	listening,
	type TlsNextHop,
} from "../../support/next-hop.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

async function fileWith(t: TestContext, content: string) {
	const file = join(await temporaryDirectory(t), "file.pem");
	await writeFile(file, content);
	return file;
}

const start = (t: TestContext, pair = createPair(), more = {}) =>
	answering(t, (response) => json(response, {}), {
		cert: pair.certificate,
		key: pair.privateKey,
		...more,
	});

const pinned = (port: number, certificate: string) => {
	const { fingerprint256 } = new X509Certificate(certificate);
	return trusting({ pins: [`127.0.0.1:${port}=${fingerprint256}`] });
};

/** Expects a refusal before the server gets any byte of a request. */
async function refused(
	server: TlsNextHop,
	asked: Promise<unknown>,
	reason: RegExp,
) {
	await assert.rejects(asked, (error) => {
		assert.ok(error instanceof RelayError, String(error));
		assert.ok(error.message.startsWith(`127.0.0.1:${server.port}: `));
		assert.match(error.message, reason);
		assert.doesNotMatch(error.message, /\n/);
		return true;
	});
	await eventually("the connection's end", () => server.open() === 0);
	assert.deepEqual(server.arrived, []);
}

it("a CA file: accepts the certificate in it, and no other", async (t) => {
	const server = await start(t);
	const right = await trusting({
		caFile: await fileWith(t, server.certificate),
	});
	const wrong = await trusting({
		caFile: await fileWith(t, createPair().certificate),
	});
	await refused(
		server,
		(await createFetching(t, { trust: wrong }))(server.port),
		/not trusted|not signed by the trusted CA/,
	);
	const fetch = await createFetching(t, { trust: right });
	assert.equal((await fetch(server.port)).status, 200);
});

it("a CA file: refuses an expired certificate, and one for another name", async (t) => {
	const of = (names: string[], now: Date) =>
		createSelfSigned({ commonName: "x", names, now, days: 30 });
	for (const [pair, reason] of [
		[of(["127.0.0.1"], new Date("2020-01-01")), /certificate has expired/],
		[of(["127.0.0.1"], new Date("2090-01-01")), /not yet valid/],
		[of(["127.0.0.2", "h"], new Date()), /does not match/],
	] as const) {
		const server = await start(t, pair);
		const trust = await trusting({
			caFile: await fileWith(t, pair.certificate),
		});
		const fetch = await createFetching(t, { trust });
		await refused(server, fetch(server.port), reason);
	}
});

it("unverified: accepts expired certificates, other names, self-signed ones", async (t) => {
	const now = new Date("2020-01-01");
	const pair = createSelfSigned({
		commonName: "x",
		names: ["h"],
		now,
		days: 1,
	});
	const server = await start(t, pair);
	const fetch = await createFetching(t);
	assert.equal((await fetch(server.port)).status, 200);
});

it("a pinned fingerprint: sends no byte to another certificate", async (t) => {
	const server = await start(t);
	const other = await pinned(server.port, createPair().certificate);
	const fetch = await createFetching(t, { trust: other });
	const body = Buffer.alloc(1 << 20, "a");
	for (let n = 0; n < 3; n++)
		await refused(
			server,
			fetch(server.port, { body }),
			/certificate fingerprint is ([0-9A-F]{2}:){31}[0-9A-F]{2}, not /,
		);
});

it("a pinned fingerprint: checks every new connection", async (t) => {
	for (const maxVersion of ["TLSv1.2", "TLSv1.3"]) {
		const resumed: boolean[] = [];
		const pair = createPair();
		const server = await answering(
			t,
			(response) => {
				resumed.push((response.socket as TLSSocket).isSessionReused());
				response.setHeader("Connection", "close");
				json(response, {});
			},
			{
				cert: pair.certificate,
				key: pair.privateKey,
				maxVersion: maxVersion as never,
			},
		);
		const trust = await pinned(server.port, server.certificate);
		const fetch = await createFetching(t, { trust });
		const body = Buffer.alloc(1 << 20, "a");
		for (let n = 0; n < 5; n++) {
			assert.equal((await fetch(server.port, { body })).status, 200);
			assert.ok(server.arrived.at(-1)?.body.equals(body));
		}
		assert.equal(server.accepted(), 5);
		// Node does not expose the certificate of a resumed session
		assert.ok(!resumed.includes(true), maxVersion);
	}
});

it("a pinned fingerprint replaces the CA, only for that hop", async (t) => {
	const [one, other] = [await start(t), await start(t)];
	const caFile = await fileWith(t, createPair().certificate);
	const { fingerprint256 } = new X509Certificate(one.certificate);
	const pins = [`127.0.0.1:${one.port}=${fingerprint256}`];
	const trust = await trusting({ caFile, pins });
	const fetch = await createFetching(t, { trust });
	assert.equal((await fetch(one.port)).status, 200);
	await refused(other, fetch(other.port), /not trusted|not signed/);
});

it("a pinned hop: also at most 64 connections, kept and reused", async (t) => {
	const pair = createPair();
	const server = await answering(
		t,
		(response) => void setTimeout(json, 100, response, {}),
		{ cert: pair.certificate, key: pair.privateKey },
	);
	const trust = await pinned(server.port, server.certificate);
	const fetch = await createFetching(t, { trust });
	for (let n = 0; n < 3; n++) await fetch(server.port);
	assert.equal(server.accepted(), 1);
	await Promise.all(Array.from({ length: 128 }, () => fetch(server.port)));
	assert.ok(server.accepted() <= 64, `${server.accepted()} connections`);
});

it("a silent pinned hop: its connection ends at the time limit", async (t) => {
	const silent = await listening(t, (socket) => socket.resume());
	const trust = await pinned(silent.port, createPair().certificate);
	const fetch = await createFetching(t, { trust });
	await assert.rejects(
		fetch(silent.port, { timeoutMilliseconds: 200 }),
		/no answer within 0\.2 seconds/,
	);
	await eventually("the connection's end", () => silent.open() === 0, 3000);
	await silent.close();
	await assert.rejects(fetch(silent.port), /connection refused/);
});

it("a client certificate: sent to a server that requests it", async (t) => {
	const own = createPair();
	const server = await start(t, createPair(), {
		requestCert: true,
		rejectUnauthorized: true,
		ca: own.certificate,
	});
	const trust = await trusting({
		certificateFile: await fileWith(t, own.certificate),
		keyFile: await fileWith(t, own.privateKey),
	});
	await refused(
		server,
		(await createFetching(t))(server.port),
		/certificate required|reset|closed/,
	);
	const fetch = await createFetching(t, { trust });
	assert.equal((await fetch(server.port)).status, 200);
});
