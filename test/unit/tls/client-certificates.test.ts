import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { createClientCertificates } from "../../../src/tls/client-certificates.ts";
import { loadClientTrust } from "../../../src/tls/client-trust.ts";
import { extension, extensionIds, sequence } from "../../../src/tls/der.ts";
import { recordingLog } from "../../support/agent.ts";
import { startServerOfCallers } from "../../support/callers.ts";
import {
	type Made,
	makeCertificate,
	makeRevocationList,
} from "../../support/small-ca.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { openWire, requestText } from "../../support/wire.ts";

const day = 86_400_000;

const root = makeCertificate({ name: "root", isAuthority: true });
const intermediate = makeCertificate({
	name: "intermediate",
	issuer: root,
	isAuthority: true,
});
const client = makeCertificate({
	name: "icinga",
	issuer: intermediate,
	alternatives: { uri: ["spiffe://example.net/icinga"] },
});
const other = makeCertificate({ name: "other", issuer: intermediate });

interface Files {
	authorities: readonly Made[];
	lists?: readonly string[];
}

/** A server that asks for certificates, and what it logs about them. */
async function serve(t: TestContext, first: Files, limit?: number) {
	const directory = await temporaryDirectory(t);
	const caFile = join(directory, "ca.pem");
	const crlFile = join(directory, "crl.pem");
	const texts = ({ authorities }: Files) =>
		authorities.map(({ certificate }) => certificate);
	const load = async (files: Files) => {
		await writeFile(caFile, texts(files).join(""));
		await writeFile(crlFile, (files.lists ?? []).join(""));
		return loadClientTrust({ caFile, crlFile: files.lists ? crlFile : "" });
	};
	const { log, lines } = recordingLog();
	const clock = { ahead: 0 };
	const certificates = createClientCertificates({
		initial: await load(first),
		log,
		now: () => Date.now() + clock.ahead,
		...(limit !== undefined && { limit }),
	});
	const tls = { requestCert: true, ca: texts(first) };
	const server = await startServerOfCallers(t, tls, certificates);
	/** Uses other files; only other CAs renew the server's context. */
	const use = async (files: Files) => {
		const next = await load(files);
		if (texts(files).join() !== tls.ca.join())
			server.renewAuthorities(texts(files));
		certificates.use(next);
	};
	/** Opens a connection of a client. */
	const open = (
		who: Made | undefined,
		more: ConnectionOptions = {},
		localAddress = "127.0.0.1",
	) => {
		const wire = openWire(t, {
			...{ port: server.port, localAddress },
			tls: { ...(who && { key: who.key, cert: who.chain }), ...more },
		});
		const socket = wire.socket as TLSSocket;
		const sessions: Buffer[] = [];
		socket.on("session", (session: Buffer) => sessions.push(session));
		let answers = 0;
		/** Sends a request, and says what the server knows of the certificate. */
		const ask = async () => {
			wire.socket.write(requestText("GET /"));
			answers++;
			await wire.until(new RegExp(`^(HTTP[^]*?\r\n\r\nOK){${answers}}`));
			return server.callers.at(-1)?.certificate;
		};
		return {
			ask,
			socket,
			/** Ends the connection and returns its session. */
			session: async () => {
				await ask();
				socket.end();
				await wire.ended;
				return sessions.at(-1) ?? assert.fail("no session");
			},
		};
	};
	const once = (who: Made | undefined, localAddress?: string) =>
		open(who, {}, localAddress).ask();
	const news = () => lines.splice(0);
	return { open, once, use, news, clock, port: server.port };
}

const list = (issuer: Made, ...revoked: readonly Made[]) =>
	makeRevocationList({ issuer, revoked });

const noneRevoked = [list(root), list(intermediate)];

/** Why the only line in the log says that a certificate does not count. */
function reason(lines: readonly string[]): string {
	assert.equal(lines.length, 1, lines.join("\n"));
	const [, found] =
		/^warning client certificate of 127\.0\.0\.\d+ \(.*?\) does not count: (.*)$/.exec(
			lines[0] ?? "",
		) ?? assert.fail(lines[0]);
	return found ?? "";
}

describe("the certificate of a client", () => {
	it("counts with all its names, if its chain ends at a trusted root", async (t) => {
		const named = makeCertificate({
			name: "web, and more",
			issuer: intermediate,
			alternatives: {
				uri: ["spiffe://example.net/a", "https://example.net/x,DNS:root"],
				dns: ["Bastion1.example.net", "*.example.net"],
				email: ["ops@example.net"],
			},
		});
		const { once, news } = await serve(t, { authorities: [root] });
		assert.deepEqual(await once(named), {
			uris: ["spiffe://example.net/a", "https://example.net/x,DNS:root"],
			dns: ["bastion1.example.net", "*.example.net"],
			emails: ["ops@example.net"],
			commonName: "web, and more",
			fingerprint256: named.fingerprint256,
		});
		assert.deepEqual(news(), []);
	});

	it("is not required", async (t) => {
		const { once, news } = await serve(t, { authorities: [root] });
		assert.equal(await once(undefined), undefined);
		assert.deepEqual(news(), []);
	});

	it("has no name with a NUL, a blank or a second line, and no common name if it has two", async (t) => {
		const strange = makeCertificate({
			name: "one",
			moreNames: ["two"],
			issuer: intermediate,
			alternatives: {
				uri: ["spiffe://a\0b", "spiffe://a b", "spiffe://a\nb"],
				dns: ["good.example.net", "good.example.net\0.evil.example"],
				email: [Buffer.from([0x61, 0x40, 0xff])],
			},
		});
		const control = makeCertificate({ name: "a\0b", issuer: intermediate });
		const { once } = await serve(t, { authorities: [root] });
		assert.deepEqual(await once(strange), {
			uris: [],
			dns: ["good.example.net"],
			emails: [],
			commonName: undefined,
			fingerprint256: strange.fingerprint256,
		});
		assert.equal((await once(control))?.commonName, undefined);
	});

	it("does not count if it does not verify; the log says why, once", async (t) => {
		const foreign = makeCertificate({ name: "root", isAuthority: true });
		const namesake = makeCertificate({ name: "icinga", issuer: foreign });
		const notAuthority = makeCertificate({ name: "mid", issuer: root });
		const issuer = intermediate;
		const { open, once, news } = await serve(t, { authorities: [root] });
		const cases: [string, Made, RegExp][] = [
			["foreign CA", namesake, /does not end at a root CA/],
			[
				"foreign CA that it presents",
				{ ...namesake, chain: namesake.chain + foreign.certificate },
				/root CA is not in client-ca-file|does not end/,
			],
			[
				"intermediate missing",
				{ ...client, chain: client.certificate },
				/does not end at a root CA/,
			],
			["self-signed", makeCertificate({ name: "self" }), /self-signed/],
			[
				"expired",
				makeCertificate({
					issuer,
					from: Date.now() - 9 * day,
					to: Date.now() - day,
				}),
				/expired/,
			],
			[
				"early",
				makeCertificate({ issuer, from: Date.now() + day }),
				/not valid yet/,
			],
			[
				"for servers",
				makeCertificate({ issuer, for: ["server"] }),
				/extended key usage/,
			],
			[
				"issued by no CA",
				makeCertificate({ issuer: notAuthority }),
				/not of a CA/,
			],
		];
		for (const [index, [name, who, expected]] of cases.entries()) {
			// the log has each reason once for each address
			const from = `127.0.0.${index + 2}`;
			assert.equal(await once(who, from), undefined, name);
			assert.match(reason(news()), expected, name);
		}
		// the same again is counted, not logged
		const again = open(namesake, {}, "127.0.0.2");
		for (const _ of [1, 2, 3]) assert.equal(await again.ask(), undefined);
		assert.deepEqual(news(), []);
	});

	it("counts if it is self-signed and trusted itself, as that of an agent", async (t) => {
		const agent = makeCertificate({ name: "bastion1" });
		const lists = noneRevoked;
		const authorities = [root, agent];
		const { once, news } = await serve(t, { authorities, lists });
		assert.equal((await once(agent))?.commonName, "bastion1");
		assert.deepEqual(news(), []);
	});

	it("counts if the file has its intermediate CA, which it need not present", async (t) => {
		const { once } = await serve(t, { authorities: [intermediate, root] });
		const alone = { ...client, chain: client.certificate };
		assert.equal((await once(alone))?.commonName, "icinga");
	});
});

describe("a revocation list", () => {
	it("is needed of each CA; all lists of a file count", async (t) => {
		const authorities = [root];
		const { once, use, news } = await serve(t, {
			authorities,
			lists: noneRevoked,
		});
		assert.equal((await once(client))?.commonName, "icinga");
		await use({ authorities, lists: noneRevoked.toReversed() });
		assert.equal((await once(client))?.commonName, "icinga");
		for (const [issuer, missing] of [
			[root, "intermediate"],
			[intermediate, "root"],
		] as const) {
			await use({ authorities, lists: [list(issuer)] });
			assert.equal(await once(client), undefined);
			assert.equal(
				reason(news()),
				`client-crl-file has no revocation list of CN=${missing}`,
			);
		}
	});

	it("revokes a client or an intermediate CA", async (t) => {
		const authorities = [root];
		const { once, use, news } = await serve(t, {
			authorities,
			lists: [list(root), list(intermediate, client)],
		});
		assert.equal(await once(client), undefined);
		assert.match(reason(news()), /^CN=icinga is revoked/);
		assert.equal((await once(other))?.commonName, "other");
		await use({
			authorities,
			lists: [list(root, intermediate), list(intermediate)],
		});
		assert.equal(await once(other), undefined);
		assert.match(reason(news()), /^CN=intermediate is revoked/);
	});

	it("of another CA does not revoke the same serial number", async (t) => {
		const twin = { ...other, serial: client.serial };
		const { once } = await serve(t, {
			authorities: [root],
			lists: [list(root, twin), list(intermediate)],
		});
		assert.equal((await once(client))?.commonName, "icinga");
	});

	it("that is not signed by the CA whose name it has does not count", async (t) => {
		// this CA is only presented, so that its list is checked when a client comes
		const { once, news } = await serve(t, {
			authorities: [root],
			lists: [
				list(root),
				makeRevocationList({ issuer: intermediate, signer: root }),
			],
		});
		assert.equal(await once(client), undefined);
		assert.match(reason(news()), /no revocation list of CN=intermediate/);
	});

	it("that has expired or is not valid yet lets no certificate count", async (t) => {
		const authorities = [root];
		const now = Date.now();
		const old = makeRevocationList({
			issuer: intermediate,
			from: now - 2 * day,
			to: now - 1_000,
		});
		const { once, use, news } = await serve(t, {
			authorities,
			lists: [list(root), old],
		});
		assert.equal(await once(client), undefined);
		assert.match(reason(news()), /list of CN=intermediate expired on 2/);
		const early = makeRevocationList({ issuer: root, from: now + day });
		await use({ authorities, lists: [early, list(intermediate)] });
		assert.equal(await once(client), undefined);
		assert.match(reason(news()), /list of CN=root is not valid before/);
	});

	it("ends an open connection's certificate at the next request, and gives it back", async (t) => {
		const authorities = [root];
		const { open, use, news } = await serve(t, {
			authorities,
			lists: noneRevoked,
		});
		const { ask } = open(client);
		assert.equal((await ask())?.commonName, "icinga");
		await use({ authorities, lists: [list(root), list(intermediate, client)] });
		assert.equal(await ask(), undefined);
		assert.match(reason(news()), /^CN=icinga is revoked/);
		assert.equal(await ask(), undefined);
		assert.deepEqual(news(), []);
		await use({ authorities, lists: noneRevoked });
		assert.equal((await ask())?.commonName, "icinga");
	});

	it("expires while a connection is open, and so do certificates", async (t) => {
		const now = Date.now();
		const short = makeCertificate({
			name: "short",
			issuer: intermediate,
			to: now + 2 * day,
		});
		const { open, clock, news } = await serve(t, {
			authorities: [root],
			lists: [
				list(root),
				makeRevocationList({ issuer: intermediate, to: now + day }),
			],
		});
		const { ask } = open(short);
		assert.equal((await ask())?.commonName, "short");
		clock.ahead = day + 1_000;
		assert.equal(await ask(), undefined);
		assert.match(reason(news()), /list of CN=intermediate expired/);
		clock.ahead = 2 * day + 1_000;
		assert.equal(await ask(), undefined);
		assert.match(reason(news()), /^CN=short expired on/);
		// somebody has set the clock, and sets it back
		clock.ahead = 0;
		assert.equal((await ask())?.commonName, "short");
		clock.ahead = -2 * day;
		assert.equal(await ask(), undefined);
		assert.match(reason(news()), /is not valid before/);
	});
});

describe("other CAs", () => {
	it("end the certificates of open connections, sessions and new ones", async (t) => {
		const { open, once, use, news } = await serve(t, { authorities: [root] });
		const { ask } = open(client);
		const session = await open(client).session();
		assert.equal((await ask())?.commonName, "icinga");
		const foreign = makeCertificate({ name: "foreign", isAuthority: true });
		await use({ authorities: [foreign] });
		assert.equal(await ask(), undefined);
		assert.match(reason(news()), /root CA is no longer in client-ca-file/);
		const resumed = open(client, { session });
		assert.equal(await resumed.ask(), undefined);
		assert.equal(resumed.socket.isSessionReused(), false);
		assert.match(reason(news()), /does not end at a root CA/);
		assert.equal(await once(client), undefined);
		await use({ authorities: [foreign, root] });
		assert.equal((await ask())?.commonName, "icinga");
		assert.equal((await once(client))?.commonName, "icinga");
	});

	it("go on with open connections if the root was renewed with its key", async (t) => {
		const renew = (more: object = {}) =>
			makeCertificate({ renews: root, isAuthority: true, ...more });
		const lists = noneRevoked;
		const { open, once, use, news } = await serve(t, {
			authorities: [root],
			lists,
		});
		const { ask } = open(client);
		assert.equal((await ask())?.commonName, "icinga");
		await use({ authorities: [renew()], lists });
		assert.equal((await ask())?.commonName, "icinga");
		assert.equal((await once(client))?.commonName, "icinga");
		assert.deepEqual(news(), []);
		const noNames = sequence();
		for (const [name, anchor] of [
			["expired", renew({ to: Date.now() - 1_000 })],
			["no CA below", renew({ pathLength: 0 })],
			["not for clients", renew({ for: ["server"] })],
			[
				"constraints",
				renew({
					extensions: [extension(extensionIds.nameConstraints, false, noNames)],
				}),
			],
			["unknown", renew({ extensions: [extension("2a0304", true, noNames)] })],
		] as const) {
			await use({ authorities: [anchor], lists });
			assert.equal(await ask(), undefined, name);
		}
		await use({ authorities: [renew({ pathLength: 1 })], lists });
		assert.equal((await ask())?.commonName, "icinga");
		// a CA with the name, but with another key
		const namesake = makeCertificate({ name: "root", isAuthority: true });
		await use({ authorities: [namesake] });
		assert.equal(await ask(), undefined);
	});
});

for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const)
	describe(`a session that is resumed with ${maxVersion}`, () => {
		const authorities = [root];

		it("has the names and the chain of its full handshake", async (t) => {
			const { open, use, clock, news } = await serve(t, {
				authorities,
				lists: noneRevoked,
			});
			const session = await open(client, { maxVersion }).session();
			const resumed = open(client, { maxVersion, session });
			assert.equal((await resumed.ask())?.commonName, "icinga");
			assert.equal(resumed.socket.isSessionReused(), true);
			assert.deepEqual(news(), []);
			await use({
				authorities,
				lists: [list(root, intermediate), list(intermediate)],
			});
			assert.equal(await resumed.ask(), undefined);
			assert.match(reason(news()), /^CN=intermediate is revoked/);
			const late = open(client, { maxVersion, session });
			assert.equal(await late.ask(), undefined);
			assert.equal(late.socket.isSessionReused(), true);
			await use({ authorities, lists: noneRevoked });
			assert.equal((await late.ask())?.commonName, "icinga");
			clock.ahead = 400 * day;
			assert.equal(await late.ask(), undefined);
		});

		it("does not count if its full handshake did not verify", async (t) => {
			const { open, news } = await serve(t, { authorities });
			const self = makeCertificate({ name: "icinga" });
			const session = await open(self, { maxVersion }).session();
			news();
			const resumed = open(self, { maxVersion, session });
			assert.equal(await resumed.ask(), undefined);
			assert.equal(resumed.socket.isSessionReused(), true);
		});

		it("of a client without a certificate has none", async (t) => {
			const { open, news } = await serve(t, { authorities });
			const session = await open(undefined, { maxVersion }).session();
			const resumed = open(client, { maxVersion, session });
			assert.equal(await resumed.ask(), undefined);
			assert.equal(resumed.socket.isSessionReused(), true);
			assert.deepEqual(news(), []);
		});

		it("does not count if its chain was forgotten; the log says so", async (t) => {
			const { open, once, news } = await serve(t, { authorities }, 1);
			const session = await open(client, { maxVersion }).session();
			assert.equal((await once(other))?.commonName, "other");
			const resumed = open(client, { maxVersion, session });
			assert.equal(await resumed.ask(), undefined);
			assert.match(reason(news()), /after a full handshake/);
			assert.equal((await once(client))?.commonName, "icinga");
		});
	});
