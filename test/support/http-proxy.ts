import { createServer, request } from "node:http";
import { connect } from "node:net";
import type { TestContext } from "node:test";

/** A proxy on 127.0.0.1 that sends every request to one port, whatever its host. */
export async function startHttpProxy(
	t: Pick<TestContext, "after">,
	port: number,
	/** Its own answer, instead of the server's. */
	refusal?: number,
): Promise<{ url: string; asked: string[] }> {
	const asked: string[] = [];
	const to = { host: "127.0.0.1", port };
	const user = (headers: NodeJS.Dict<string | string[]>) =>
		headers["proxy-authorization"] ?? "";
	const proxy = createServer((incoming, outgoing) => {
		const { method, url, headers } = incoming;
		asked.push(`${method} ${url} ${user(headers)}`.trim());
		if (refusal !== undefined)
			return void outgoing.writeHead(refusal).end("a proxy");
		const path = new URL(url ?? "").pathname;
		incoming.pipe(
			request({ ...to, method, path, headers }, (answer) => {
				outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
				answer.pipe(outgoing);
			}),
		);
	});
	proxy.on("connect", ({ method, url, headers }, socket) => {
		asked.push(`${method} ${url} ${user(headers)}`.trim());
		if (refusal !== undefined)
			return void socket.end(`HTTP/1.1 ${refusal} x\r\nLocation: x\r\n\r\n`);
		const behind = connect(to, () => {
			socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
			behind.pipe(socket).pipe(behind);
		});
		for (const one of [socket, behind])
			one.on("error", () => {
				socket.destroy();
				behind.destroy();
			});
	});
	await new Promise<void>((resolve) =>
		proxy.listen(0, "127.0.0.1", () => resolve()),
	);
	t.after(() => {
		proxy.closeAllConnections();
		proxy.close();
	});
	const address = proxy.address();
	const own = typeof address === "object" ? address?.port : 0;
	return { url: `http://127.0.0.1:${own}`, asked };
}
