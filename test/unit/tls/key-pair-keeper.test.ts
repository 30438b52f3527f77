import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { writeFileSync } from "node:fs";
import {
	mkdir,
	readFile,
	rename,
	rm,
	symlink,
	truncate,
	utimes,
	writeFile,
} from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect } from "node:tls";
import {
	type KeyPair,
	loadKeyPair,
	tlsOptions,
} from "../../../src/tls/key-pair.ts";
import { createKeyPairKeeper } from "../../../src/tls/key-pair-keeper.ts";
import { createSelfSigned } from "../../../src/tls/self-signed.ts";
import { recordingLog } from "../../support/agent.ts";
import { eventually } from "../../support/eventually.ts";
import { hangingFiles } from "../../support/hanging-files.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

// mode 0600, as a key that others can read is logged
process.umask(0o077);

const start = Date.parse("2026-11-22T12:00:00Z");
const day = 86_400_000;

const made = (commonName: string, days = 3650, at = start) =>
	createSelfSigned({ commonName, names: [], now: new Date(at), days });

/** A single timer that fires when a test says so. */
function handTimers() {
	let waiting: { callback: () => void; milliseconds: number } | undefined;
	let isSet = () => {};
	return {
		timers: {
			elapsed: () => 0,
			set(callback: () => void, milliseconds: number) {
				waiting = { callback, milliseconds };
				isSet();
				return waiting;
			},
			clear: (handle: unknown) => {
				if (waiting === handle) waiting = undefined;
			},
		},
		waiting: () => waiting?.milliseconds,
		/** Fires, and waits until the next timer is set. */
		async fire() {
			const next = new Promise<void>((resolve) => {
				isSet = resolve;
			});
			assert.ok(waiting, "no timer is set");
			waiting.callback();
			await next;
		},
	};
}

interface Options {
	/** Options of the first pair. */
	days?: number;
	/** Called before a pair is used. */
	beforeUse?: () => void;
	/** How long until files without an answer count as hanging; 5 s by default. */
	lateMilliseconds?: number;
	/** Contents of the passphrase file; no file if undefined. */
	passphrase?: string;
}

/**
 * A keeper of `agent.pub` and `agent.key` in a directory of its own, started; `clock` is in milliseconds, `readings` is
 * told of every reading of the files.
 */
async function keep(t: TestContext, options: Options = {}) {
	const directory = await temporaryDirectory(t);
	const file = (name: string) => join(directory, name);
	const readings = { begun: 0, onRead: () => {} };
	const files = {
		certificateFile: file("agent.pub"),
		privateKeyFile: file("agent.key"),
		...(options.passphrase && { passphraseFile: file("phrase") }),
	};
	if (options.passphrase) await writeFile(file("phrase"), options.passphrase);
	const write = async (pair: { certificate: string; privateKey: string }) => {
		await writeFile(files.certificateFile, pair.certificate);
		await writeFile(files.privateKeyFile, pair.privateKey);
	};
	const first = made("first", options.days);
	await write(first);
	const { log, lines } = recordingLog();
	const clock = { now: start };
	const used: KeyPair[] = [];
	const { timers, waiting, fire } = handTimers();
	const { look: answered, asked, hang } = hangingFiles();
	const keeper = createKeyPairKeeper({
		files: {
			...files,
			// loadKeyPair reads this first,
			get certificateFile() {
				readings.begun += 1;
				return files.certificateFile;
			},
			// and this after certificate and key
			get passphrase() {
				readings.onRead();
				return undefined;
			},
		},
		look: answered,
		...(options.lateMilliseconds && {
			lateMilliseconds: options.lateMilliseconds,
		}),
		initial: await loadKeyPair(files),
		use: (pair) => {
			options.beforeUse?.();
			used.push(pair);
		},
		log,
		now: () => clock.now,
		intervalMilliseconds: 60_000,
		timers,
	});
	t.after(() => keeper.stop());
	keeper.start();
	readings.begun = 0;
	/** Lines since the last call, without directories and fingerprints. */
	const news = () =>
		lines
			.splice(0)
			.map((line) =>
				line
					.replaceAll(`${directory}/`, "")
					.replace(/, SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}$/, ", SHA-256"),
			);
	/** Polls the files this many times. */
	const look = async (times = 1) => {
		for (let n = 0; n < times; n++) await fire();
	};
	const subjects = () => used.map(({ subject }) => subject);
	return {
		...{ directory, file, files, write, first, clock },
		...{ keeper, news, look, subjects, waiting, readings, asked, hang },
	};
}

const until = "expires on 2036-11-19T12:00:00.000Z, SHA-256";
const stays = `the old one stays in use: CN=first, ${until}`;

test("does and logs nothing if nothing has changed", async (t) => {
	const { keeper, look, news, subjects, waiting } = await keep(t);
	const before = keeper.current();
	assert.equal(waiting(), 60_000);
	await look(4);
	assert.deepEqual(news(), []);
	assert.deepEqual(subjects(), []);
	assert.equal(keeper.current(), before);
	assert.equal(keeper.problem, undefined);
});

test("uses a change once the next poll finds no further change", async (t) => {
	const { keeper, write, look, news, subjects } = await keep(t);
	await look(2);
	await write(made("second"));
	await look();
	assert.deepEqual(subjects(), []);
	assert.deepEqual(news(), []);
	await look();
	assert.deepEqual(subjects(), ["CN=second"]);
	assert.equal(keeper.current().subject, "CN=second");
	assert.deepEqual(news(), [
		`info certificate agent.pub: now in use: CN=second, ${until}`,
	]);
	await look(3);
	assert.deepEqual(subjects(), ["CN=second"]);
	assert.deepEqual(news(), []);
});

test("does not miss a change between the reading at startup and the first poll", async (t) => {
	const { write, look, subjects } = await keep(t);
	await write(made("second"));
	await look(2);
	assert.deepEqual(subjects(), ["CN=second"]);
});

test("a half-done replacement is not an error", async (t) => {
	const { keeper, files, look, news, subjects } = await keep(t);
	const next = made("second");
	await look(2);
	await rm(files.certificateFile);
	await look();
	await writeFile(files.certificateFile, "");
	await look();
	await writeFile(files.certificateFile, next.certificate);
	await look();
	await writeFile(files.privateKeyFile, next.privateKey);
	await look();
	assert.deepEqual(news(), []);
	assert.equal(keeper.problem, undefined);
	await look();
	assert.deepEqual(subjects(), ["CN=second"]);
	assert.equal(news().length, 1);
});

test("reports an unusable pair once for each change, and keeps the old one", async (t) => {
	const { keeper, files, file, write, first, look, news, subjects } =
		await keep(t);
	const before = keeper.current();
	await look(2);
	for (const [change, reason] of [
		[
			() => writeFile(files.privateKeyFile, made("stranger").privateKey),
			"private key agent.key: does not belong to the (first) certificate in agent.pub",
		],
		// another foreign key: the same text again, because the files have changed
		[
			() => writeFile(files.privateKeyFile, made("stranger").privateKey),
			"private key agent.key: does not belong to the (first) certificate in agent.pub",
		],
		[
			() => writeFile(files.certificateFile, "garbage"),
			"certificate agent.pub: no PEM certificate in it",
		],
		[
			() => rm(files.certificateFile),
			"certificate agent.pub: no such file or directory",
		],
		[() => mkdir(files.certificateFile), "agent.pub: not a regular file"],
		[
			async () => {
				await rm(files.certificateFile, { recursive: true });
				execFileSync("mkfifo", [files.certificateFile]);
			},
			"agent.pub: not a regular file",
		],
	] as const) {
		await change();
		await look(5);
		assert.deepEqual(news(), [`error ${reason}; ${stays}`]);
		assert.equal(keeper.problem?.replaceAll(file("/"), ""), reason);
		assert.equal(keeper.current(), before);
	}
	await rm(files.certificateFile);
	await write(first);
	await look(3);
	assert.deepEqual(news(), [
		`warning certificate agent.pub: unchanged: CN=first, ${until}`,
	]);
	assert.equal(keeper.problem, undefined);
	assert.deepEqual(subjects(), []);
	await write(made("second"));
	await look(3);
	assert.deepEqual(subjects(), ["CN=second"]);
});

test("asks for hanging files once and names them once; keeps the old pair, and warns of its expiry", async (t) => {
	const { keeper, clock, file, write, look, news, subjects, asked, hang } =
		await keep(t, { days: 10, lateMilliseconds: 300 });
	await look(2);
	const answer = hang();
	asked.splice(0);
	await look(5);
	await keeper.reload();
	const problem = `${file("agent.pub")}: the file system does not answer`;
	assert.equal(keeper.problem, problem);
	assert.deepEqual(asked, [file("agent.pub")]);
	const [said, again, ...more] = news();
	assert.match(
		said ?? "",
		/^error agent\.pub: the file system does not answer; the old one stays in use: CN=first, /,
	);
	// a reload always logs its result
	assert.equal(again, said);
	assert.deepEqual(more, []);
	clock.now += day;
	await look();
	assert.match(
		news().join(),
		/^warning certificate CN=first: expires in 9 days/,
	);
	answer();
	await eventually("it is asked again", async () => {
		await look();
		return keeper.problem === undefined;
	});
	assert.match(
		news().join(),
		/^warning certificate agent\.pub: unchanged: CN=first, /,
	);
	assert.deepEqual(subjects(), []);
	await write(made("second"));
	await look(2);
	assert.deepEqual(subjects(), ["CN=second"]);
});

test("a new pair after a bad one ends the problem", async (t) => {
	const { keeper, files, write, look, news } = await keep(t);
	await truncate(files.privateKeyFile);
	await look(2);
	assert.match(keeper.problem ?? "", /agent\.key: no PEM private key in it$/);
	await write(made("second"));
	await look(2);
	assert.equal(keeper.problem, undefined);
	assert.equal(news().length, 2);
});

test("files that were only touched or rewritten change nothing", async (t) => {
	const { write, first, look, news, subjects } = await keep(t);
	await look(2);
	await write(first);
	await look(3);
	assert.deepEqual(news(), []);
	assert.deepEqual(subjects(), []);
});

test("a link to another file is a change: Kubernetes, certbot", async (t) => {
	const { file, files, write, first, look, subjects } = await keep(t);
	await mkdir(file("one"));
	await mkdir(file("two"));
	const next = made("second");
	for (const [name, pair] of [
		["one", first],
		["two", next],
	] as const) {
		await writeFile(file(`${name}/pub`), pair.certificate);
		await writeFile(file(`${name}/key`), pair.privateKey);
	}
	await symlink("one", file("live"));
	await rm(files.certificateFile);
	await rm(files.privateKeyFile);
	await symlink("live/pub", files.certificateFile);
	await symlink("live/key", files.privateKeyFile);
	await look(3);
	assert.deepEqual(subjects(), []);
	await symlink("two", file("next"));
	await rename(file("next"), file("live"));
	await look(2);
	assert.deepEqual(subjects(), ["CN=second"]);
	await write(made("third")); // through the links
	await look(2);
	assert.deepEqual(subjects(), ["CN=second", "CN=third"]);
});

test("polls the passphrase file too", async (t) => {
	const { file, files, look, news, subjects, keeper } = await keep(t, {
		passphrase: "secret\n",
	});
	const next = made("second");
	await look(2);
	const encrypted = createPrivateKey(next.privateKey).export({
		type: "pkcs8",
		format: "pem",
		cipher: "aes-256-cbc",
		passphrase: "new secret",
	});
	await writeFile(files.certificateFile, next.certificate);
	await writeFile(files.privateKeyFile, encrypted);
	await look(2);
	assert.match(news()[0] ?? "", /^error private key agent\.key: wrong pass/);
	await writeFile(file("phrase"), "new secret\n");
	await look(2);
	assert.deepEqual(subjects(), ["CN=second"]);
	assert.equal(keeper.current().passphrase, "new secret");
});

test("a reload reads at once and always logs its result", async (t) => {
	const { keeper, files, write, look, news, subjects } = await keep(t);
	await keeper.reload();
	assert.deepEqual(news(), [
		`info certificate agent.pub: unchanged: CN=first, ${until}`,
	]);
	const next = made("second");
	await writeFile(files.certificateFile, next.certificate);
	const reason =
		"private key agent.key: does not belong to the (first) certificate in agent.pub";
	for (let n = 0; n < 2; n++) {
		await keeper.reload();
		assert.deepEqual(news(), [`error ${reason}; ${stays}`]);
	}
	// polling does not log it again
	await look(3);
	assert.deepEqual(news(), []);
	await write(next);
	await keeper.reload();
	assert.deepEqual(subjects(), ["CN=second"]);
	assert.deepEqual(news(), [
		`warning certificate agent.pub: now in use: CN=second, ${until}`,
	]);
	assert.equal(keeper.problem, undefined);
	await look(3);
	assert.deepEqual(news(), []);
	assert.deepEqual(subjects(), ["CN=second"]);
});

test("overlapping reloads run one after the other", async (t) => {
	const { keeper, write, news, subjects, readings } = await keep(t);
	await write(made("second"));
	const logged: string[] = [];
	readings.onRead = () => {
		logged.push(...news());
		assert.equal(readings.begun, logged.length + 1);
	};
	await Promise.all(Array.from({ length: 10 }, () => keeper.reload()));
	logged.push(...news());
	assert.deepEqual(subjects(), ["CN=second"]);
	const [inForce, ...more] = logged;
	assert.match(inForce ?? "", /now in use/);
	assert.equal(more.length, 9);
	for (const line of more) assert.match(line, /: unchanged: /);
});

test("reads files when they have changed, and once more after a reload", async (t) => {
	const { keeper, files, look, readings } = await keep(t);
	const readingsOf = async (looks: number) => {
		readings.begun = 0;
		await look(looks);
		return readings.begun;
	};
	assert.equal(await readingsOf(5), 1); // what the start had read may be older
	assert.equal(await readingsOf(5), 0);
	await keeper.reload();
	assert.equal(await readingsOf(5), 1);
	assert.equal(await readingsOf(5), 0);
	// its cause may end without a change of the files
	await rm(files.certificateFile);
	await look();
	assert.equal(await readingsOf(5), 5);
});

test("ignores files that change while they are read", async (t) => {
	const { files, write, first, look, news, subjects, readings } = await keep(t);
	await write(made("second"));
	readings.onRead = () => {
		writeFileSync(files.certificateFile, first.certificate);
		writeFileSync(files.privateKeyFile, first.privateKey);
		readings.onRead = () => {};
	};
	await look(4);
	assert.equal(readings.begun, 2);
	assert.deepEqual(subjects(), []);
	assert.deepEqual(news(), []);
});

test("detects a change that keeps size and time", async (t) => {
	const { files, first, look, news } = await keep(t);
	const time = new Date(start);
	await utimes(files.privateKeyFile, time, time);
	await look(2);
	await writeFile(files.privateKeyFile, "x".repeat(first.privateKey.length));
	await utimes(files.privateKeyFile, time, time);
	await look(2);
	assert.match(news()[0] ?? "", /no PEM private key/);
});

test("reports a pair that the server rejects, and tries it again", async (t) => {
	let isWilling = false;
	const { keeper, write, look, news, subjects } = await keep(t, {
		beforeUse: () => {
			if (!isWilling) throw new Error("no");
		},
	});
	await write(made("second"));
	await look(5);
	assert.deepEqual(news(), [
		`error certificate agent.pub: cannot be used: no; ${stays}`,
	]);
	assert.match(keeper.problem ?? "", /agent\.pub: cannot be used: no$/);
	assert.equal(keeper.current().subject, "CN=first");
	isWilling = true;
	await look();
	assert.deepEqual(subjects(), ["CN=second"]);
	assert.equal(keeper.problem, undefined);
});

test("uses a pair that has expired or is not valid yet, with a warning", async (t) => {
	const { write, look, news, subjects, keeper } = await keep(t);
	await write(made("old", 1, start - 5 * day));
	await look(2);
	assert.deepEqual(news(), [
		"info certificate agent.pub: now in use: CN=old, expires on 2026-11-18T12:00:00.000Z, SHA-256",
		"warning certificate CN=old: expired on 2026-11-18T12:00:00.000Z",
	]);
	await write(made("early", 100, start + 5 * day));
	await keeper.reload();
	assert.equal(
		news().at(-1),
		"warning certificate CN=early: not valid before 2026-11-27T11:00:00.000Z",
	);
	assert.deepEqual(subjects(), ["CN=old", "CN=early"]);
});

test("warns of a pair that expires soon once a day, until it is replaced", async (t) => {
	const { write, clock, look, news } = await keep(t, { days: 32 });
	const daily = async () => {
		clock.now += day;
		await look(3);
		return news();
	};
	await look(3);
	assert.deepEqual(news(), []);
	assert.deepEqual(await daily(), []);
	for (let left = 30; left >= 0; left--)
		assert.deepEqual(await daily(), [
			`warning certificate CN=first: expires in ${left} days, on 2026-12-24T12:00:00.000Z`,
		]);
	assert.deepEqual(await daily(), [
		"warning certificate CN=first: expired on 2026-12-24T12:00:00.000Z",
	]);
	await write(made("second", 10, clock.now));
	assert.deepEqual(await daily(), [
		// noticed, but not used yet
		"warning certificate CN=first: expired on 2026-12-24T12:00:00.000Z",
		"info certificate agent.pub: now in use: CN=second, expires on 2027-01-04T12:00:00.000Z, SHA-256",
		"warning certificate CN=second: expires in 9 days, on 2027-01-04T12:00:00.000Z",
	]);
});

test("a stopped keeper no longer polls, and ignores the reading in progress", async (t) => {
	const { keeper, write, news, subjects, waiting } = await keep(t);
	await write(made("second"));
	const reading = keeper.reload();
	keeper.stop();
	await reading;
	await keeper.reload();
	assert.equal(waiting(), undefined);
	assert.deepEqual(news(), []);
	assert.deepEqual(subjects(), []);
});

test("a server uses the new pair, and keeps open connections", async (t) => {
	const directory = await temporaryDirectory(t);
	const files = {
		certificateFile: join(directory, "agent.pub"),
		privateKeyFile: join(directory, "agent.key"),
	};
	const write = async (commonName: string) => {
		const pair = made(commonName);
		await writeFile(files.certificateFile, pair.certificate);
		await writeFile(files.privateKeyFile, pair.privateKey);
	};
	await write("first");
	const initial = await loadKeyPair(files);
	const server = createServer(tlsOptions(initial), (_, response) =>
		response.end("OK"),
	);
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	await new Promise<void>((resolve) =>
		server.listen(0, "127.0.0.1", () => resolve()),
	);
	const { port } = server.address() as AddressInfo;
	const keeper = createKeyPairKeeper({
		files,
		look: hangingFiles().look,
		initial,
		use: (pair) => server.setSecureContext(tlsOptions(pair)),
		log: recordingLog().log,
		now: Date.now,
		intervalMilliseconds: 60_000,
	});
	const open = () =>
		new Promise<ReturnType<typeof connect>>((resolve, reject) => {
			const socket = connect(
				{ port, host: "127.0.0.1", rejectUnauthorized: false },
				() => resolve(socket),
			);
			socket.once("error", reject);
			t.after(() => socket.destroy());
		});
	const kept = await open();
	await write("second");
	await keeper.reload();
	const fresh = await open();
	assert.equal(kept.getPeerCertificate().subject.CN, "first");
	assert.equal(fresh.getPeerCertificate().subject.CN, "second");
	assert.equal(
		fresh.getPeerCertificate().fingerprint256,
		keeper.current().fingerprint256,
	);
	assert.equal(fresh.getProtocol(), "TLSv1.3");
	assert.equal(
		await readFile(files.certificateFile, "utf8"),
		keeper.current().certificate.toString(),
	);
	for (const socket of [kept, fresh]) {
		const answer = new Promise<Buffer>((resolve) =>
			socket.once("data", resolve),
		);
		socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		assert.match((await answer).toString(), /^HTTP\/1\.1 200 /);
	}
});
