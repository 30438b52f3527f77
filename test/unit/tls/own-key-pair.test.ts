import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import {
	mkdir,
	readdir,
	readFile,
	rm,
	stat,
	writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadKeyPair } from "../../../src/tls/key-pair.ts";
import {
	machineNames,
	machineNumber,
	type NameSources,
} from "../../../src/tls/machine-names.ts";
import { createOwnKeyPair } from "../../../src/tls/own-key-pair.ts";
import { createSelfSigned } from "../../../src/tls/self-signed.ts";
import { recordingLog } from "../../support/agent.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const start = Date.parse("2026-11-22T12:00:00Z");
const year = 365 * 86_400_000;

/** A machine whose names, number and clock a test sets. */
async function machine(t: TestContext) {
	const directory = join(await temporaryDirectory(t), "keys");
	const { log, lines } = recordingLog();
	const state = {
		now: start,
		names: ["web01", "192.0.2.7"],
		machine: "one",
	};
	const own = createOwnKeyPair({
		directory,
		log,
		now: () => state.now,
		names: () => state.names,
		machine: () => state.machine,
	});
	const read = () => loadKeyPair(own);
	const certificate = async () =>
		new X509Certificate(await readFile(own.certificateFile));
	return { directory, own, state, lines, read, certificate };
}

test("the first start makes a key pair that only its user can read", async (t) => {
	const { directory, own, lines, certificate } = await machine(t);
	await own.prepare();
	const made = await certificate();
	assert.ok(made.checkHost("web01"));
	assert.ok(made.checkIP("192.0.2.7"));
	assert.equal(made.publicKey.asymmetricKeyType, "ec");
	assert.equal((await stat(own.privateKeyFile)).mode & 0o777, 0o600);
	assert.equal((await stat(directory)).mode & 0o777, 0o700);
	assert.deepEqual((await readdir(directory)).sort(), [
		"happo-agent.json",
		"happo-agent.key",
		"happo-agent.pub",
	]);
	assert.deepEqual(lines, [
		`info certificate ${own.certificateFile}: made as there was none, for web01, 192.0.2.7; SHA-256 ${made.fingerprint256}`,
	]);
});

test("later starts keep it, also if an address is gone", async (t) => {
	const { own, state, lines, read } = await machine(t);
	await own.prepare();
	const { fingerprint256 } = await read();
	state.names = ["web01"];
	await own.prepare();
	await own.renew();
	assert.equal((await read()).fingerprint256, fingerprint256);
	assert.equal(lines.length, 1);
});

test("a copy of the disk on another machine gets a key of its own", async (t) => {
	const { directory, own, state, lines, read } = await machine(t);
	await own.prepare();
	const first = await read();
	state.machine = "two";
	await own.prepare();
	const second = await read();
	assert.notDeepEqual(second.privateKey, first.privateKey);
	assert.match(lines[1] ?? "", /made as the one before was made on another/);
	assert.equal((await readdir(directory)).length, 3);
	// and keeps it
	await own.prepare();
	assert.equal((await read()).fingerprint256, second.fingerprint256);
});

test("a machine that cannot tell its number keeps its key pair", async (t) => {
	const { own, state, read } = await machine(t);
	await own.prepare();
	const { fingerprint256 } = await read();
	state.machine = "";
	await own.prepare();
	assert.equal((await read()).fingerprint256, fingerprint256);
});

test("a new address renews the certificate, and keeps the key", async (t) => {
	const { own, state, lines, read, certificate } = await machine(t);
	await own.prepare();
	const before = await read();
	state.names = ["web01", "192.0.2.7", "2001:db8::7"];
	await own.renew();
	const after = await read();
	assert.deepEqual(after.privateKey, before.privateKey);
	const renewed = await certificate();
	assert.ok(renewed.checkIP("2001:db8::7"));
	assert.match(
		lines[1] ?? "",
		/^info .*: renewed with the same key, as this machine is now also 2001:db8::7; SHA-256/,
	);
	await own.renew();
	assert.equal((await read()).fingerprint256, after.fingerprint256);
	assert.equal(lines.length, 2);
});

test("a certificate that expires soon is renewed", async (t) => {
	const { own, state, lines, read } = await machine(t);
	await own.prepare();
	const before = await read();
	state.now += 9 * year;
	await own.renew();
	assert.equal((await read()).fingerprint256, before.fingerprint256);
	state.now += year - 20 * 86_400_000;
	await own.renew();
	const after = await read();
	assert.ok(after.validTo.getTime() > start + 19 * year);
	assert.match(lines[1] ?? "", /as it expires soon/);
});

test("the pair of an administrator is never touched", async (t) => {
	const { directory, own, state, lines } = await machine(t);
	const other = createSelfSigned({
		commonName: "other",
		names: ["other"],
		now: new Date(start - 10 * year),
	});
	const assertKept = async () => {
		state.names = ["new-name"];
		state.machine = "two";
		await own.prepare();
		await own.renew();
		assert.equal(
			await readFile(own.certificateFile, "utf8"),
			other.certificate,
		);
		assert.equal(await readFile(own.privateKeyFile, "utf8"), other.privateKey);
	};
	// put there before the first start
	await mkdir(directory);
	await writeFile(own.certificateFile, other.certificate);
	await writeFile(own.privateKeyFile, other.privateKey);
	await assertKept();
	assert.deepEqual(lines, []);
	// in the place of one of ours
	await rm(directory, { recursive: true });
	state.machine = "one";
	await own.prepare();
	await writeFile(own.certificateFile, other.certificate);
	await writeFile(own.privateKeyFile, other.privateKey);
	await assertKept();
	assert.equal(lines.length, 1);
	// half a pair is not completed: its owner has something in mind
	await rm(join(directory, "happo-agent.json"));
	await rm(own.certificateFile);
	await own.prepare();
	assert.equal(await readFile(own.privateKeyFile, "utf8"), other.privateKey);
	await assert.rejects(readFile(own.certificateFile), { code: "ENOENT" });
});

test("what a crash leaves does not stop the next start", async (t) => {
	const { directory, own, state, read, lines } = await machine(t);
	await mkdir(`${directory}.new`);
	await writeFile(`${directory}.new/happo-agent.key`, "half");
	await own.prepare();
	await read();
	// between the note and the certificate of a renewal
	const note = JSON.parse(
		await readFile(join(directory, "happo-agent.json"), "utf8"),
	);
	note.fingerprints = ["AB", ...note.fingerprints];
	await writeFile(join(directory, "happo-agent.json"), JSON.stringify(note));
	state.names = ["web01", "192.0.2.8"];
	await own.renew();
	assert.match(lines[1] ?? "", /is now also 192\.0\.2\.8/);
	await read();
	// while the pair of another machine was removed
	await rm(own.certificateFile);
	await own.prepare();
	await read();
});

test("a directory that cannot be written is an error of the start, and of a renewal one line", async (t) => {
	const { directory, own, state, lines } = await machine(t);
	await own.prepare();
	createPrivateKey(await readFile(own.privateKeyFile));
	state.names = ["new"];
	await rm(own.privateKeyFile);
	await own.renew();
	await own.renew();
	assert.deepEqual(lines.slice(1), [
		`error key pair ${directory}: no such file or directory; not renewed`,
	]);
	await rm(directory, { recursive: true });
	await writeFile(directory, "a file");
	await assert.rejects(own.prepare(), {
		name: "KeyPairError",
		message: `key pair ${directory}: not a directory`,
	});
});

const address = (text: string) => [{ address: text }];
const sources = (given: Partial<NameSources>): NameSources => ({
	hostname: () => "web01",
	interfaces: () => ({}),
	read: () => "",
	...given,
});

test("the names of a machine are those that clients use", () => {
	const interfaces = {
		lo: address("127.0.0.1"),
		eth0: [
			...address("192.0.2.7"),
			...address("2001:db8::7"),
			// the kernel replaces it every day
			...address("2001:db8::abcd:0:1"),
			...address("fe80::1"),
		],
		docker0: address("172.17.0.1"),
		"br-0123456789ab": address("172.18.0.1"),
		br0: address("192.0.2.8"),
		veth12ab: address("198.51.100.1"),
	} as unknown as ReturnType<NameSources["interfaces"]>;
	const files: Record<string, string> = {
		"/proc/net/if_inet6": `20010db8000000000000000000000007 02 40 00 80     eth0
20010db8000000000000abcd00000001 02 40 00 01     eth0
`,
		"/etc/hosts":
			"127.0.0.1 localhost\n127.0.1.1 web01.example.net web01 # own\n192.0.2.9 web010.example.net\n",
	};
	assert.deepEqual(
		machineNames(
			sources({ interfaces: () => interfaces, read: (f) => files[f] ?? "" }),
		),
		[
			...["web01", "web01.example.net", "localhost", "127.0.0.1", "::1"],
			...["192.0.2.7", "2001:db8::7", "192.0.2.8"],
		],
	);
	assert.deepEqual(
		machineNames(sources({ hostname: () => "web01.example.net" })).slice(0, 2),
		["web01.example.net", "web01"],
	);
});

test("a machine's number depends on its machine id and does not tell it", () => {
	const id = "0123456789abcdef0123456789abcdef";
	const of = (text: string) => machineNumber(sources({ read: () => text }));
	assert.match(of(`${id}\n`), /^[0-9a-f]{64}$/);
	assert.notEqual(of(id), of(id.replace("0", "1")));
	assert.ok(!of(id).includes(id));
	// before the first boot of an image
	for (const none of ["", "uninitialized\n"]) assert.equal(of(none), "");
});
