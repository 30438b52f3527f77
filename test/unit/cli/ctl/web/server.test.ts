import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import type { Ask } from "../../../../../cli/ctl/web/asking.ts";
import { peerUser } from "../../../../../cli/ctl/web/peer-user.ts";
import {
	rawRequest,
	startTestWeb,
	unreachable,
	webRequest,
	webSession,
	webTarget,
} from "../../../../support/web.ts";

const ask: Ask = async ({ name }) => unreachable(name);
const targets = [webTarget("192.0.2.1")];
const json = { "content-type": "application/json" };

const ports = ({ remotePort = 0, localPort = 0 }: Partial<Socket>) => ({
	...{ remotePort, localPort },
});

/** Paths of all operations, and what they need. */
const operations: [method: string, path: string, body: string][] = [
	["POST", "/api/link", ""],
	["POST", "/api/watch", "{}"],
	["POST", "/api/hosts/0/ask", '{"part":"health"}'],
	["POST", "/api/hosts/0/check", '{"plugin":"check_load","words":[]}'],
	["POST", "/api/hosts/0/lines", '{"plugin":"check_load","words":[]}'],
	["POST", "/api/hosts/0/series", '{"metrics":[{"host":"","name":"a"}]}'],
	["GET", "/api/hosts/0/machine-states/s-1", ""],
	["POST", "/api/hosts/0/machine-states/s-1/changes", '{"with":"s-2"}'],
];

describe("the server of the page", () => {
	it("sends the same security headers with everything", async (t) => {
		const { host, link } = await startTestWeb(t, { targets, ask });
		const { key } = await webSession(link());
		const authorization = `Bearer ${key}`;
		for (const [status, method, path, headers] of [
			[200, "GET", "/", {}],
			[200, "HEAD", "/page.js", {}],
			[404, "GET", "/page.js.map", {}],
			[400, "GET", "/%ff", {}],
			[405, "GET", "/api/watch", {}],
			[405, "POST", "/", {}],
			[401, "POST", "/api/link", {}],
			[200, "POST", "/api/link", { authorization }],
			[403, "GET", "/", { origin: "http://127.0.0.1" }],
		] as const) {
			const reply = await webRequest(host, method, path, headers);
			assert.equal(reply.status, status, `${method} ${path}`);
			const found = Object.fromEntries(
				[
					...["content-security-policy", "x-content-type-options"],
					...["referrer-policy", "cross-origin-resource-policy"],
					...["cross-origin-opener-policy", "cache-control"],
				].map((name) => [name, reply.headers[name]]),
			);
			assert.deepEqual(
				found,
				{
					"content-security-policy":
						"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
					"x-content-type-options": "nosniff",
					"referrer-policy": "no-referrer",
					"cross-origin-resource-policy": "same-origin",
					"cross-origin-opener-policy": "same-origin",
					"cache-control": "no-store",
				},
				`${method} ${path}`,
			);
			assert.equal(reply.headers["set-cookie"], undefined);
			assert.equal(reply.headers["access-control-allow-origin"], undefined);
		}
	});

	it("refuses other hosts, origins and sites, also with a key and for the page itself", async (t) => {
		const { host, link } = await startTestWeb(t, { targets, ask });
		const { key } = await webSession(link());
		const authorization = `Bearer ${key}`;
		const port = Number(host.split(":")[1]);
		const foreign: Record<string, string>[] = [
			{ host: `localhost:${port}` },
			{ host: `rebound.example.net:${port}` },
			{ host: "127.0.0.1" },
			{ host: `127.0.0.1:${port + 1}` },
			{ host: `127.0.0.2:${port}` },
			{ host: `127.0.0.1:${port}.example.net` },
			{ host: `[::1]:${port}` },
			{ origin: "https://example.net" },
			{ origin: "null" },
			{ origin: `https://${host}` },
			{ origin: `http://127.0.0.1:${port + 1}` },
			{ origin: `http://localhost:${port}` },
			{ "sec-fetch-site": "cross-site" },
			// another port of 127.0.0.1
			{ "sec-fetch-site": "same-site" },
		];
		for (const headers of foreign) {
			const told = JSON.stringify(headers);
			const replies = await Promise.all([
				webRequest(host, "GET", "/", headers),
				webRequest(host, "GET", "/page.js", headers),
				webRequest(host, "GET", "/none", headers),
				webRequest(
					host,
					"POST",
					"/api/session",
					{ ...json, ...headers },
					'{"token":"a"}',
				),
				...operations.map(([method, path, body]) =>
					webRequest(
						...([host, method, path] as const),
						{ authorization, ...(body && json), ...headers },
						body,
					),
				),
			]);
			for (const { status, body } of replies) {
				assert.equal(status, 403, told);
				assert.equal(
					(body as { type: string }).type,
					"urn:happo:problem:foreign",
				);
			}
		}
		// opened by the user, who types the address or clicks in a terminal
		const none = { "sec-fetch-site": "none" };
		assert.equal((await webRequest(host, "GET", "/", none)).status, 200);
		assert.equal(
			(await webRequest(host, "POST", "/api/link", { authorization, ...none }))
				.status,
			403,
			"no user opens an operation",
		);
		const own = { origin: `http://${host}`, "sec-fetch-site": "same-origin" };
		assert.equal(
			(await webRequest(host, "POST", "/api/link", { authorization, ...own }))
				.status,
			200,
		);
		assert.match(
			await rawRequest(host, "GET / HTTP/1.0\r\n\r\n"),
			/^HTTP\/1\.1 403 /,
			"no Host at all",
		);
		assert.match(
			await rawRequest(
				host,
				`GET http://${host}/ HTTP/1.1\r\nHost: example.net\r\nConnection: close\r\n\r\n`,
			),
			/^HTTP\/1\.1 403 /,
		);
	});

	it("is only for the user who runs it, and for root", async (t) => {
		const own = process.getuid?.() ?? 0;
		for (const [user, status] of [
			[own, 200],
			[0, 200],
			["unknown", 200],
			[own + 1, 403],
			[undefined, 403],
		] as const) {
			const { host } = await startTestWeb(t, {
				...{ targets, ask },
				userOf: async () => user,
			});
			assert.equal(
				(await webRequest(host, "GET", "/")).status,
				status,
				`${user}`,
			);
		}
		const { host } = await startTestWeb(t, {
			...{ targets, ask },
			userOf: async (socket) => {
				assert.equal(await peerUser(socket), own);
				assert.equal(
					await peerUser({ ...ports(socket), remotePort: 1 }),
					undefined,
				);
				return own;
			},
		});
		assert.equal((await webRequest(host, "GET", "/")).status, 200);
	});

	it("lets nobody ask without the key of a session", async (t) => {
		const { host, link } = await startTestWeb(t, { targets, ask });
		const session = await webSession(link());
		const unused = new URL(link()).hash.replace("#token=", "");
		for (const [method, path, body] of operations) {
			for (const authorization of [
				...[undefined, "", "Bearer ", "Bearer x", `Basic ${session.key}`],
				...[session.key, `Bearer ${unused}`, `Bearer ${session.key}x`],
			]) {
				const reply = await webRequest(
					...([host, method, path] as const),
					{ ...json, ...(authorization !== undefined && { authorization }) },
					body,
				);
				assert.equal(reply.status, 401, `${path} ${authorization}`);
				assert.equal(
					(reply.body as { type: string }).type,
					"urn:happo:problem:no-session",
				);
			}
			const cookie = `session=${session.key}; authorization=Bearer ${session.key}`;
			const reply = await webRequest(
				host,
				method,
				path,
				{ ...json, cookie },
				body,
			);
			assert.equal(reply.status, 401, "a cookie is nothing");
		}
	});

	it("gives a session for a token once", async (t) => {
		const { link } = await startTestWeb(t, { targets, ask });
		const used = link();
		const session = await webSession(used);
		await assert.rejects(webSession(used), /bad-token/);
		await assert.rejects(webSession(`${link()}x`), /bad-token/);
		const { url } = await session.post<{ url: string }>("/api/link");
		const other = await webSession(url);
		assert.notEqual(other.key, session.key);
		await assert.rejects(webSession(url), /bad-token/);
		// of two that use it at once, one gets it
		const race = link();
		const both = await Promise.allSettled([webSession(race), webSession(race)]);
		assert.deepEqual(both.map(({ status }) => status).sort(), [
			...["fulfilled", "rejected"],
		]);
	});

	it("refuses requests that are not in the document, and names why", async (t) => {
		const { host, link, complaints } = await startTestWeb(t, { targets, ask });
		const { key } = await webSession(link());
		const authorization = `Bearer ${key}`;
		const refused = async (
			status: number,
			path: string,
			body: string,
			headers: Record<string, string> = json,
		) => {
			const reply = await webRequest(
				host,
				"POST",
				path,
				{ authorization, ...headers },
				body,
			);
			assert.equal(
				reply.status,
				status,
				`${path} ${body.slice(0, 60)}: ${reply.text}`,
			);
			return (reply.body as { detail: string }).detail;
		};
		assert.match(await refused(400, "/api/watch", ""), /body: required/);
		assert.match(await refused(400, "/api/watch", "{"), /not a JSON document/);
		assert.match(await refused(400, "/api/watch", "[1]"), /./);
		assert.match(
			await refused(400, "/api/watch", '{"wait_seconds":1e9}'),
			/^wait_seconds: /,
		);
		assert.match(
			await refused(
				400,
				"/api/watch",
				'{"host":{"id":0,"parts":{"toString":0}}}',
			),
			/parts/,
		);
		assert.match(
			await refused(400, "/api/hosts/0/ask", '{"part":"constructor"}'),
			/^part: /,
		);
		for (const id of ["1", "999999"])
			assert.equal(
				await refused(
					404,
					`/api/hosts/${id}/check`,
					'{"plugin":"a","words":[]}',
				),
				`no host ${id}`,
			);
		assert.equal(
			await refused(404, "/api/watch", '{"host":{"id":1,"parts":{}}}'),
			"no host 1",
		);
		for (const id of ["-1", "0x0", "__proto__", "127.0.0.1", "9999999", "%00"])
			await refused(400, `/api/hosts/${id}/check`, '{"plugin":"a","words":[]}');
		await refused(
			400,
			"/api/hosts/0/machine-states/..%2f..%2fstatus/changes",
			'{"with":"s-1"}',
		);
		await refused(400, "/api/watch", "{}", { "content-type": "text/plain" });
		await refused(400, "/api/watch", "wait_seconds=1", {
			"content-type": "application/x-www-form-urlencoded",
		});
		await refused(413, "/api/session", `{"token":"${"x".repeat(5_000)}"}`);
		await refused(413, "/api/watch", `{"a":"${"x".repeat(70_000)}"}`);
		await refused(
			400,
			"/api/hosts/0/check",
			JSON.stringify({ plugin: "a", words: Array(5_000).fill("b") }),
		);
		assert.deepEqual(complaints, []);
	});

	it("tells an agent when the page no longer waits", async (t) => {
		const seen: AbortSignal[] = [];
		let asked = () => {};
		const isAsked = new Promise<void>((resolve) => {
			asked = resolve;
		});
		const { link } = await startTestWeb(t, {
			targets,
			ask: async ({ name }, _work, signal) => {
				seen.push(signal);
				asked();
				await new Promise((resolve) =>
					signal.addEventListener("abort", resolve, { once: true }),
				);
				return unreachable(name);
			},
		});
		const session = await webSession(link());
		const page = new AbortController();
		const check = session.post(
			"/api/hosts/0/check",
			{ plugin: "check_load", words: [] },
			page.signal,
		);
		await isAsked;
		assert.equal(seen[0]?.aborted, false);
		page.abort();
		await assert.rejects(check);
		await new Promise((resolve) =>
			seen[0]?.aborted
				? resolve(undefined)
				: seen[0]?.addEventListener("abort", resolve),
		);
	});
});
