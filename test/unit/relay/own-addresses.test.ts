import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { it } from "node:test";
import { isOwn, leadsHere } from "../../../src/relay/own-addresses.ts";
import { eventually } from "../../support/eventually.ts";
import { createFetching } from "../../support/fetching.ts";
import { answering, json } from "../../support/next-hop.ts";

const always = () => true;

const forbidden = (message: RegExp) => ({
	code: "destination-forbidden",
	message,
});

it("knows loopback and unspecified addresses in any spelling", () => {
	const none = () => ({});
	for (const own of [
		...["127.0.0.1", "127.255.0.9", "0.0.0.0", "::", "::1", "0:0::0:1"],
		...["::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:FFFF:127.1.2.3"],
		...["::ffff:0.0.0.0", "::1%lo"],
	])
		assert.equal(isOwn(own, none), true, own);
	for (const other of ["192.0.2.1", "126.255.255.255", "::2", "::ffff:8.0.0.1"])
		assert.equal(isOwn(other, none), false, other);
});

it("knows the addresses of all interfaces, with a zone or without", () => {
	for (const each of Object.values(networkInterfaces()).flat())
		assert.equal(isOwn(each?.address ?? ""), true, each?.address);
	const address = (text: string, cidr: string, internal: boolean) => ({
		address: text,
		cidr,
		internal,
		netmask: "",
		mac: "",
		...(text.includes(":")
			? { family: "IPv6" as const, scopeid: 2 }
			: { family: "IPv4" as const }),
	});
	const some = () => ({
		lo: [address("10.7.0.1", "10.7.0.1/16", true)],
		eth0: [
			address("192.0.2.7", "192.0.2.7/24", false),
			address("fe80::7", "fe80::7/64", false),
			address("2001:db8::7", "2001:db8::7/64", false),
		],
	});
	for (const own of [
		...[
			"192.0.2.7",
			"::ffff:192.0.2.7",
			"fe80::7%eth0",
			"fe80::7",
			"FE80::0:7",
		],
		...["2001:DB8:0:0:0:0:0:7", "10.7.0.1", "10.7.200.9"],
	])
		assert.equal(isOwn(own, some), true, own);
	for (const other of ["192.0.2.8", "fe80::8%eth0", "2001:db8::8", "10.8.0.1"])
		assert.equal(isOwn(other, some), false, other);
});

it("sees by its addresses that a connection leads to this host", () => {
	const leads = (remoteAddress: string, localAddress: string) =>
		leadsHere({ remoteAddress, localAddress } as Socket);
	assert.equal(leads("198.51.100.1", "198.51.100.1"), true);
	assert.equal(leads("::ffff:198.51.100.1", "198.51.100.1"), true);
	assert.equal(leads("127.0.0.9", "127.0.0.1"), true);
	assert.equal(leads("198.51.100.1", "198.51.100.2"), false);
});

it("refuses this host by any address and name, before it connects", async (t) => {
	const fetch = await createFetching(t);
	const { port, accepted } = await answering(t, (response) =>
		json(response, {}),
	);
	const asked: string[] = [];
	const refuseOwn = (address: string, at: number) => {
		asked.push(`${address} ${at}`);
		return true;
	};
	for (const host of ["127.0.0.1", "127.0.0.77", "0.0.0.0", "::1", "::"])
		await assert.rejects(
			fetch(0, { hop: { host, port }, refuseOwn }),
			forbidden(
				/^proxy_hostport\[0\]: \[?[\d.:]+\]?:\d+ is an address of this host$/,
			),
		);
	await assert.rejects(
		fetch(0, { hop: { host: "::ffff:127.0.0.1", port }, refuseOwn }),
		forbidden(/is (an address of )?this host/),
	);
	await assert.rejects(
		fetch(0, { hop: { host: "localhost", port }, refuseOwn }),
		forbidden(
			/^proxy_hostport\[0\]: localhost:\d+ is this host \((127\.0\.0\.1|::1)\)$/,
		),
	);
	assert.equal(accepted(), 0);
	assert.equal(asked[0], `127.0.0.1 ${port}`);
	assert.ok(asked.includes(`::1 ${port}`));
});

it("relays to an address of this host that is not refused", async (t) => {
	const fetch = await createFetching(t);
	const { port, arrived } = await answering(t, (response) =>
		json(response, {}),
	);
	const refuseOwn = (address: string, at: number) =>
		address !== "127.0.0.1" || at !== port;
	await fetch(port, { refuseOwn });
	await fetch(port, { refuseOwn });
	assert.equal(arrived.length, 2);
	await assert.rejects(
		fetch(0, { hop: { host: "127.0.0.2", port }, refuseOwn }),
		forbidden(/^proxy_hostport\[0\]: 127\.0\.0\.2:\d+ is an address/),
	);
});

it("does not use a kept connection to this host for a request that must not", async (t) => {
	const fetch = await createFetching(t);
	const { port, arrived, accepted } = await answering(t, (response) =>
		json(response, {}),
	);
	for (const host of ["127.0.0.1", "localhost"]) {
		const hop = { host, port };
		const before = arrived.length;
		await fetch(0, { hop }).catch(() => {});
		if (arrived.length === before) continue;
		await assert.rejects(
			fetch(0, { hop, refuseOwn: always }),
			forbidden(/this host/),
		);
		assert.equal(arrived.length, before + 1);
		// the others go on with it
		const connections = accepted();
		await fetch(0, { hop, refuseOwn: () => false });
		await fetch(0, { hop });
		assert.equal(arrived.length, before + 3);
		assert.equal(accepted(), connections);
	}
	assert.ok(arrived.length >= 3);
});

it("does not give a connection to this host to a waiting request that must not use it", async (t) => {
	const fetch = await createFetching(t);
	const holding: (() => void)[] = [];
	const { port, arrived } = await answering(t, (response) => {
		holding.push(() => json(response, {}));
	});
	// as many as there are connections to one hop
	const busy = Array.from({ length: 64 }, () => fetch(port));
	await eventually("64 requests", () => holding.length === 64);
	const waiting = assert.rejects(
		fetch(port, { refuseOwn: always }),
		forbidden(/is an address of this host/),
	);
	for (const answer of holding.splice(0)) answer();
	await Promise.all(busy);
	await waiting;
	assert.equal(arrived.length, 64);
});
