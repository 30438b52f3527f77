import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import {
	createManagementClient,
	type ManagementOptions,
} from "../../../src/client/index.ts";
import { unreachable } from "../../support/client.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { startHttpProxy } from "../../support/http-proxy.ts";
import {
	answering,
	createPair,
	json,
	listening,
} from "../../support/next-hop.ts";

const hostdata = {
	group_name: "GRP!SUB",
	ip: "192.0.2.5",
	hostname: "web01",
	port: 6777,
	proxies: null,
};
const host = { body: { hostdata } };
const name = "management.example.net";

function clientOf(t: TestContext, options: ManagementOptions) {
	const client = createManagementClient(options);
	t.after(() => client.close());
	return client;
}

/** A management server where every host is registered, over TLS with a certificate for `name`. */
async function secure(t: TestContext) {
	const pair = createPair(["127.0.0.1", name]);
	const server = await answering(
		t,
		(response) =>
			response.writeHead(302, { Location: "https://elsewhere/" }).end(),
		{ cert: pair.certificate, key: pair.privateKey },
	);
	return { ...server, endpoint: `https://127.0.0.1:${server.port}` };
}

/** The same without TLS. */
async function plain(t: TestContext) {
	const arrived: string[] = [];
	let accepted = 0;
	const server = createServer((request, response) => {
		arrived.push(`${request.method} ${request.headers.host}${request.url}`);
		request.resume();
		json(response, { hosts: [] });
	});
	server.on("connection", () => accepted++);
	await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	const { port } = server.address() as AddressInfo;
	return { port, arrived, accepted: () => accepted };
}

describe("a client of a management server", () => {
	it("302 is an answer; TLS is verified; the endpoint may have a path", async (t) => {
		const server = await secure(t);
		const ca = server.certificate;
		for (const path of ["", "/", "/a/b", "/a/b/"]) {
			const endpoint = server.endpoint + path;
			const client = clientOf(t, { endpoint, ca });
			const { response } = await client.POST("/manage/is_added", host);
			assert.equal(response.status, 302);
		}
		assert.deepEqual(
			server.arrived.map((one) => one.path),
			["", "", "/a/b", "/a/b"].map((path) => `${path}/manage/is_added`),
		);
		assert.deepEqual(JSON.parse(String(server.arrived[0]?.body)), host.body);
		await unreachable(
			clientOf(t, { endpoint: server.endpoint }).POST("/manage/add", host),
			/^127\.0\.0\.1:\d+: certificate is self-signed and not trusted$/,
			{ isUnsent: true },
		);
		assert.equal(server.arrived.length, 4);
	});

	it("http keeps its connection", async (t) => {
		const server = await plain(t);
		const endpoint = `http://127.0.0.1:${server.port}`;
		const client = clientOf(t, { endpoint });
		for (let n = 0; n < 3; n++)
			assert.deepEqual((await client.GET("/manage/hosts")).data, { hosts: [] });
		assert.equal(server.accepted(), 1);
	});

	it("reports why there is no answer", async (t) => {
		const port = await freePort();
		await unreachable(
			clientOf(t, { endpoint: `http://127.0.0.1:${port}` }).POST(
				"/manage/add",
				host,
			),
			/^127\.0\.0\.1:\d+: connection refused$/,
			{ isUnsent: true },
		);
		const silent = await answering(t, () => {});
		await unreachable(
			clientOf(t, {
				endpoint: `https://127.0.0.1:${silent.port}`,
				ca: silent.certificate,
				timeoutMilliseconds: 300,
			}).POST("/manage/add", host),
			/no answer within 0\.3 seconds$/,
			{ isTimeout: true, isUnsent: false },
		);
	});

	it("an invalid % escape in a password stays as it is", async (t) => {
		const server = await plain(t);
		const proxy = await startHttpProxy(t, server.port);
		const client = clientOf(t, {
			endpoint: "http://you:50%@management.example.net",
			environment: { http_proxy: proxy.url.replace("//", "//me:%40100%@") },
		});
		assert.equal((await client.GET("/manage/hosts")).response.status, 200);
		const user = Buffer.from("me:@100%").toString("base64");
		assert.match(String(proxy.asked[0]), new RegExp(`Basic ${user}$`));
	});

	it("opens a tunnel through a proxy for https", async (t) => {
		const server = await secure(t);
		const proxy = await startHttpProxy(t, server.port);
		const environment = {
			https_proxy: proxy.url.replace("//", "//me:p%40ss@"),
		};
		const client = clientOf(t, {
			endpoint: `https://${name}`,
			ca: server.certificate,
			environment,
		});
		for (let n = 0; n < 2; n++) {
			const { response } = await client.POST("/manage/is_added", host);
			assert.equal(response.status, 302);
		}
		const user = `Basic ${Buffer.from("me:p@ss").toString("base64")}`;
		assert.deepEqual(proxy.asked, [`CONNECT ${name}:443 ${user}`]);
		assert.equal(server.arrived[0]?.headers["proxy-authorization"], undefined);
		// certificates are verified inside the tunnel too
		const { certificate: ca } = createPair();
		const distrustful = clientOf(t, {
			endpoint: `https://${name}`,
			ca,
			environment,
		});
		await unreachable(
			distrustful.POST("/manage/add", host),
			/not trusted|not signed/,
		);
		const misnamed = clientOf(t, {
			endpoint: "https://another.example.net",
			ca: server.certificate,
			environment,
		});
		await unreachable(misnamed.POST("/manage/add", host), /does not match/);
	});

	for (const status of [302, 403, 407, 502])
		it(`a proxy's ${status} to CONNECT is not an answer of the server`, async (t) => {
			const proxy = await startHttpProxy(t, 1, status);
			await unreachable(
				clientOf(t, {
					endpoint: `https://${name}`,
					environment: { https_proxy: proxy.url },
				}).POST("/manage/is_added", host),
				new RegExp(
					`proxy 127\\.0\\.0\\.1:\\d+: answered with status ${status}$`,
				),
				{ isUnsent: true },
			);
		});

	it("sends absolute URLs to a proxy for http", async (t) => {
		const server = await plain(t);
		const proxy = await startHttpProxy(t, server.port);
		const client = clientOf(t, {
			endpoint: `http://${name}:8080/x`,
			environment: { http_proxy: proxy.url },
		});
		assert.deepEqual((await client.GET("/manage/hosts")).data, { hosts: [] });
		assert.deepEqual(proxy.asked, [`GET http://${name}:8080/x/manage/hosts`]);
		assert.deepEqual(server.arrived, [`GET ${name}:8080/x/manage/hosts`]);
		const locked = await startHttpProxy(t, server.port, 407);
		await unreachable(
			clientOf(t, {
				endpoint: `http://${name}`,
				environment: { http_proxy: locked.url },
			}).GET("/manage/hosts"),
			/through proxy .*: the proxy rejects user and password$/,
		);
	});

	it("names a proxy that does not answer", async (t) => {
		const environment = {
			https_proxy: `http://127.0.0.1:${await freePort()}`,
			http_proxy: `http://127.0.0.1:${await freePort()}`,
		};
		for (const scheme of ["http", "https"])
			await unreachable(
				clientOf(t, { endpoint: `${scheme}://${name}`, environment }).POST(
					"/manage/add",
					host,
				),
				/proxy 127\.0\.0\.1:\d+: .*(refused|ECONNREFUSED)/,
				{ isUnsent: true },
			);
	});

	it("the time limit ends the connection to a silent proxy", async (t) => {
		const silent = await listening(t, (socket) => socket.resume());
		const client = clientOf(t, {
			endpoint: `https://${name}`,
			environment: { https_proxy: `127.0.0.1:${silent.port}` },
			timeoutMilliseconds: 300,
		});
		await unreachable(
			client.POST("/manage/add", host),
			/^management\.example\.net: no answer within 0\.3 seconds$/,
			{ isTimeout: true, isUnsent: true },
		);
		await eventually("the connection's end", () => silent.open() === 0);
	});

	for (const endpoint of [
		"",
		"h",
		"ftp://h",
		"https://",
		"https://h?x",
		"https://h#x",
	])
		it(`endpoint ${JSON.stringify(endpoint)} is invalid`, () => {
			assert.throws(() => createManagementClient({ endpoint }), {
				name: "OptionsError",
				message: /^endpoint: not http/,
			});
		});
	it("an invalid CA is refused", () => {
		assert.throws(
			() => createManagementClient({ endpoint: "https://h", ca: "x" }),
			{ name: "OptionsError", message: /^ca: / },
		);
	});
});
