import assert from "node:assert/strict";
import { test } from "node:test";
import {
	HostListError,
	isInShard,
	parseHostList,
	parseShard,
	placeOf,
} from "../../../../cli/collector/host-list.ts";

const pin = (digit: string) => digit.repeat(64);

const parsed = (list: unknown) => parseHostList(JSON.stringify(list));

test("a list in the format of file_sd", () => {
	const { hosts, complaints } = parsed([
		{
			targets: ["web01", "Web02.example.net:7000"],
			labels: {
				env: "prod",
				__via__: "gate1, gate2:7777",
				__fingerprint__: pin("a"),
				__meta_netbox_id: "7",
			},
		},
		{ targets: ["[2001:db8::1]:6777"] },
	]);
	assert.deepEqual(complaints, []);
	assert.deepEqual(
		hosts.map(({ name, key, labels }) => ({ name, key, labels })),
		[
			{
				name: "web01:6777",
				key: "gate1:6777,gate2:7777,web01:6777",
				labels: { env: "prod" },
			},
			{
				name: "web02.example.net:7000",
				key: "gate1:6777,gate2:7777,web02.example.net:7000",
				labels: { env: "prod" },
			},
			{
				name: "[2001:db8::1]:6777",
				key: "[2001:db8::1]:6777",
				labels: {},
			},
		],
	);
	assert.deepEqual(hosts[0]?.via, [
		{ host: "gate1", port: 6777 },
		{ host: "gate2", port: 7777 },
	]);
	assert.match(hosts[0]?.fingerprint ?? "", /^(AA:){31}AA$/);
});

test("an entry that cannot be used costs itself and is named", () => {
	const { hosts, complaints } = parsed([
		"web00",
		{ targets: ["web01", "no host!", 7, "web01:6777"] },
		{ targets: "web02" },
		{ targets: ["web03"], labels: { "not-a-name": "x" } },
		{ targets: ["web04"], labels: { rack: 4 } },
		{ targets: ["web05"], labels: { __via__: "gate 1" } },
		{ targets: ["web06"], labels: { __fingerprint__: "ab" } },
		{ targets: ["web07"], labels: [] },
		{ targets: ["web08"], labels: { rack: "8" } },
	]);
	assert.deepEqual(
		hosts.map(({ name }) => name),
		["web01:6777", "web08:6777"],
	);
	assert.deepEqual(complaints, [
		"[0]: not an object",
		`[1].targets[1]: not HOST or HOST:PORT: "no host!"`,
		"[1].targets[2]: not HOST or HOST:PORT: 7",
		"[1].targets[3]: web01:6777: is in the list twice",
		"[2].targets: not an array",
		`[3].labels: not the name of a label: "not-a-name"`,
		"[4].labels.rack: not a string: 4",
		`[5].labels.__via__: not HOST or HOST:PORT: "gate 1"`,
		`[6].labels.__fingerprint__: not 32 bytes in hexadecimal, nor sha256// and base64: "ab"`,
		"[7].labels: not an object",
	]);
});

test("an entry whose labels no store takes is left out", () => {
	const long = "x".repeat(257);
	const { hosts, complaints } = parsed([
		{ targets: ["web01"], labels: { [long]: "x" } },
		{ targets: ["web02"], labels: { rack: "ä".repeat(8_193) } },
		{ targets: ["web03"], labels: { rack: "a\ud800" } },
		// no store gets these
		{ targets: ["web04"], labels: { [`__meta_${long}`]: "\ud800" } },
		{ targets: ["web05"], labels: { rack: "ä".repeat(8_192) } },
	]);
	assert.deepEqual(
		hosts.map(({ name }) => name),
		["web04:6777", "web05:6777"],
	);
	assert.deepEqual(complaints, [
		`[0].labels: not the name of a label: "${"x".repeat(99)}…`,
		`[1].labels.rack: longer than 16384 bytes: "${"ä".repeat(99)}…`,
		`[2].labels.rack: not valid Unicode: "a\\ud800"`,
	]);
});

test("a hop has one fingerprint", () => {
	const { hosts, complaints } = parsed([
		{
			targets: ["web01"],
			labels: { __via__: "gate", __fingerprint__: pin("a") },
		},
		{
			targets: ["web02"],
			labels: { __via__: "gate", __fingerprint__: pin("b") },
		},
		// the first hop is another one
		{ targets: ["web03"], labels: { __fingerprint__: pin("b") } },
	]);
	assert.deepEqual(complaints, [
		"[1].targets[0]: web02:6777: gate:6777 has another __fingerprint__ in [0].targets[0]",
	]);
	assert.equal(hosts.length, 2);
});

test("a list that is none", () => {
	for (const [text, reason] of [
		["", /^not JSON: /],
		["{}", /^not a JSON array$/],
		["null", /^not a JSON array$/],
	] as const)
		assert.throws(
			() => parseHostList(text),
			(error: Error) =>
				error instanceof HostListError && reason.test(error.message),
		);
});

test("labels with names of JavaScript's own change nothing else", () => {
	const text = `[{"targets":["web01"],"labels":{"__proto__":"x","constructor":"y"}}]`;
	const [host] = parseHostList(text).hosts;
	assert.deepEqual({ ...host?.labels }, { constructor: "y" });
	assert.equal(Object.getPrototypeOf(host?.labels), Object.prototype);
});

test("shards share the hosts evenly, and each host is in one", () => {
	const keys = Array.from({ length: 5_000 }, (_, at) => `web${at}:6777`);
	const counts = [1, 2, 3, 4, 5].map(
		(number) => keys.filter((key) => isInShard(key, { number, of: 5 })).length,
	);
	assert.equal(
		counts.reduce((sum, count) => sum + count),
		keys.length,
	);
	for (const count of counts)
		assert.ok(count > 850 && count < 1_150, `${count}`);
	// the times of a shard's hosts are spread as well
	const early = keys.filter(
		(key) => isInShard(key, { number: 2, of: 5 }) && placeOf(key).phase < 0.5,
	);
	assert.ok(early.length > 400 && early.length < 600, `${early.length}`);
	assert.ok(keys.every((key) => isInShard(key, { number: 1, of: 1 })));
});

test("a shard is written 2/5", () => {
	assert.deepEqual(parseShard("2/5"), { number: 2, of: 5 });
	for (const text of ["", "0/5", "6/5", "2", "2/", "-1/5", "2/5 ", "1/0"])
		assert.equal(parseShard(text), undefined, text);
});

test("two hosts whose series would be the same are not both polled", () => {
	const labels = { instance: "db", dc: "a" };
	const { hosts, complaints } = parsed([
		{ targets: ["db1"], labels },
		{ targets: ["db2"], labels: { ...labels, hostname: "db2" } },
		{ targets: ["10.0.0.5"], labels: { __via__: "gate1" } },
		{ targets: ["10.0.0.5"], labels: { __via__: "gate2" } },
		{ targets: ["10.0.0.5"], labels: { __via__: "gate3", dc: "c" } },
	]);
	assert.deepEqual(complaints, [
		"[1].targets[0]: db2:6777: has the labels of db1:6777 in [0].targets[0]: give one of them an instance of its own",
		"[3].targets[0]: 10.0.0.5:6777: has the labels of 10.0.0.5:6777 in [2].targets[0]: give one of them an instance of its own",
	]);
	assert.deepEqual(
		hosts.map(({ key }) => key),
		["db1:6777", "gate1:6777,10.0.0.5:6777", "gate3:6777,10.0.0.5:6777"],
	);
});
