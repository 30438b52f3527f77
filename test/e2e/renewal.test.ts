import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import type { components } from "../../generated/schema.ts";
import { createSelfSigned } from "../../src/tls/self-signed.ts";
import { fixtures } from "../support/agent.ts";
import { startDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { send } from "../support/https.ts";

/** A key pair and facts about its certificate. */
function newPair(commonName: string) {
	const pair = createSelfSigned({ commonName, names: [], now: new Date() });
	const { fingerprint256, validTo } = new X509Certificate(pair.certificate);
	const notAfter = Date.parse(validTo) / 1000;
	return { ...pair, commonName, fingerprint256, notAfter };
}

/** Sends one request. Returns its connection and certificate. Throws unless the answer is 200. */
function ask(sent: {
	port: number;
	agent?: Agent;
	path?: string;
	body?: string;
}): Promise<{ fingerprint: string; localPort: number | undefined }> {
	const { port, agent = false, path = "/", body } = sent;
	return new Promise((resolve, reject) => {
		const outgoing = request(
			{
				...{ host: "127.0.0.1", port, path, agent },
				method: body === undefined ? "GET" : "POST",
				rejectUnauthorized: false,
			},
			(incoming) => {
				const socket = incoming.socket as TLSSocket;
				const { localPort } = socket;
				const { fingerprint256: fingerprint } = socket.getPeerCertificate();
				const { statusCode } = incoming;
				incoming.once("error", reject);
				incoming.once("end", () =>
					statusCode === 200
						? resolve({ fingerprint, localPort })
						: reject(new Error(`${path}: status ${statusCode}`)),
				);
				incoming.resume();
			},
		);
		outgoing.once("error", reject);
		outgoing.end(body);
	});
}

const check = JSON.stringify({
	plugin_name: "check_sleep",
	plugin_option: "0.05",
});

/**
 * Sends requests without a pause, three at a time of each kind: `GET /` on new connections, and short checks on persistent
 * ones. `stop` throws if a request failed. It returns the certificates of new connections in order, and the connections
 * and certificates of each persistent one.
 */
function startLoad(port: number) {
	let isOver = false;
	let answered = 0;
	/** Sends requests until the end. Returns the distinct results in order. */
	const repeat = async (once: () => Promise<string>) => {
		const found: string[] = [];
		while (!isOver) {
			const answer = await once();
			if (answer !== found.at(-1)) found.push(answer);
			answered += 1;
		}
		return found;
	};
	const fresh = Array.from({ length: 3 }, () =>
		repeat(async () => (await ask({ port })).fingerprint),
	);
	const kept = Array.from({ length: 3 }, async () => {
		const agent = new Agent({ keepAlive: true, maxSockets: 1 });
		try {
			return await repeat(async () => {
				const sent = { port, agent, path: "/monitor", body: check };
				const { localPort, fingerprint } = await ask(sent);
				return `${localPort} ${fingerprint}`;
			});
		} finally {
			agent.destroy();
		}
	});
	const all = Promise.all([Promise.all(fresh), Promise.all(kept)]);
	all.catch(() => {}); // stop() says it
	return {
		answered: () => answered,
		stop: async () => {
			isOver = true;
			const [fresh, kept] = await all;
			return { fresh, kept };
		},
	};
}

for (const { title, seconds, isSignalled } of [
	{ title: "noticed by itself", seconds: "1", isSignalled: false },
	{ title: "after SIGHUP", seconds: "3600", isSignalled: true },
])
	test(`a new certificate under load, ${title}: no request fails, and an invalid certificate changes nothing`, async (t) => {
		const daemon = await startDaemon(t, [
			...["--certificate-check-seconds", seconds],
			...["--nagios-plugin-paths", join(fixtures, "plugins")],
		]);
		const { port } = daemon;
		// with SIGHUP a missing file would be an error in the log
		await writeFile(join(daemon.directory, "metrics.yaml"), "");
		const certificateFile = join(daemon.directory, "agent.pub");
		const privateKeyFile = join(daemon.directory, "agent.key");

		/** Changes the files, and waits for the log line about the result. */
		const change = async (make: () => Promise<void>, expected: RegExp) => {
			const from = daemon.stdout().length;
			await make();
			if (isSignalled) daemon.process.kill("SIGHUP");
			await eventually(
				`${expected} is logged`,
				() => expected.test(daemon.stdout().slice(from)),
				20_000,
			);
		};
		const shown = async () => {
			const { json } = await send({ port, path: "/status" });
			return (json as components["schemas"]["Status"]).certificate;
		};
		/** Checks that new connections have this certificate, and that the status says so. */
		const assertInUse = async (pair: ReturnType<typeof newPair>) => {
			for (let n = 0; n < 10; n++)
				assert.equal((await ask({ port })).fingerprint, pair.fingerprint256);
			const { problem, ...certificate } = (await shown()) ?? {};
			assert.deepEqual(certificate, {
				file: certificateFile,
				subject: `CN=${pair.commonName}`,
				not_after: pair.notAfter,
				fingerprint_sha256: pair.fingerprint256,
			});
			return problem;
		};
		const inForce = (
			{ commonName, fingerprint256 }: ReturnType<typeof newPair>,
			level = "info",
		) =>
			new RegExp(
				`\\[${level}\\] certificate ${certificateFile}: now in use: CN=${commonName}, expires on .*, SHA-256 ${fingerprint256}\n`,
			);

		const { fingerprint: first } = await ask({ port });
		const load = startLoad(port);
		const more = async () => {
			const until = load.answered() + 50;
			await eventually("load goes on", () => load.answered() >= until, 30_000);
		};
		await more();

		const second = newPair("second");
		await change(async () => {
			await writeFile(certificateFile, second.certificate);
			await pause(200);
			await writeFile(privateKeyFile, second.privateKey);
		}, inForce(second));
		assert.equal(await assertInUse(second), undefined);
		await more();

		for (const [make, reason] of [
			[
				() => writeFile(privateKeyFile, newPair("stranger").privateKey),
				`private key ${privateKeyFile}: does not belong to the (first) certificate in ${certificateFile}`,
			],
			[
				() => writeFile(certificateFile, "garbage"),
				`certificate ${certificateFile}: no PEM certificate in it`,
			],
			[
				() => rm(certificateFile),
				`certificate ${certificateFile}: no such file or directory`,
			],
		] as const) {
			await change(make, /; the old one stays in use: CN=second, expires on /);
			assert.ok(
				daemon.stdout().includes(`[error] ${reason}; the old one stays in use`),
				daemon.stdout(),
			);
			assert.equal(await assertInUse(second), reason);
		}

		// like certbot and most tools
		const third = newPair("third");
		await change(
			async () => {
				await writeFile(`${privateKeyFile}.new`, third.privateKey);
				await writeFile(`${certificateFile}.new`, third.certificate);
				await rename(`${privateKeyFile}.new`, privateKeyFile);
				await rename(`${certificateFile}.new`, certificateFile);
				// at the same level as the problem before
			},
			inForce(third, "warning"),
		);
		assert.equal(await assertInUse(third), undefined);
		await more();

		const { fresh, kept } = await load.stop();
		for (const fingerprints of fresh)
			assert.deepEqual(fingerprints, [
				first,
				second.fingerprint256,
				third.fingerprint256,
			]);
		for (const connections of kept) {
			assert.equal(connections.length, 1);
			assert.match(connections[0] ?? "", new RegExp(` ${first}$`));
		}
		const errors = daemon.stdout().match(/\[error\] .*/g) ?? [];
		assert.equal(errors.length, 3, errors.join("\n"));
		const { code, stderr } = await daemon.stop();
		assert.equal(stderr, "");
		assert.equal(code, 0);
	});
