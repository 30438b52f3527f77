import { once } from "node:events";
import { type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import type { HostAnswer } from "../../cli/ctl/target/answer.ts";
import type { Target } from "../../cli/ctl/target/targets.ts";
import type { Ask } from "../../cli/ctl/web/asking.ts";
import { createWebHandlers } from "../../cli/ctl/web/handlers.ts";
import { Hosts } from "../../cli/ctl/web/hosts.ts";
import { createUserCheck, type peerUser } from "../../cli/ctl/web/peer-user.ts";
import { startWebServer } from "../../cli/ctl/web/server.ts";
import { Sessions } from "../../cli/ctl/web/sessions.ts";
import { webContract } from "../../generated/web-contract.ts";
import { bindContract } from "../../src/http/bind.ts";
import { parseHop } from "../../src/protocol/hop.ts";

type Test = Pick<TestContext, "after">;

/** A target as the flags `--host` and `--via` give it. */
export function webTarget(name: string, ...via: string[]): Target {
	const hops = [name, ...via].map((text) => {
		const hop = parseHop(text);
		if (!hop) throw new Error(`not a hop: ${text}`);
		return hop;
	});
	const [agent, ...bastions] = hops;
	if (!agent) throw new Error("no hop");
	return { name: `${agent.host}:${agent.port}`, agent, via: bastions };
}

/** An answer to a request of a page. */
export interface WebReply {
	status: number;
	headers: IncomingHttpHeaders;
	text: string;
	/** Its JSON; undefined if it is none. */
	body: unknown;
}

/** Sends a request with exactly these headers. */
export async function webRequest(
	host: string,
	method: string,
	path: string,
	headers: Record<string, string> = {},
	body = "",
	signal?: AbortSignal,
): Promise<WebReply> {
	const [address = "", port] = host.split(":");
	const asked = request({
		...{ host: address, port, method, path, agent: false },
		headers: { host, ...headers },
		...(signal && { signal }),
	});
	asked.end(body);
	const [response] = await once(asked, "response");
	const all = await text(response);
	const isJson = /json/.test(response.headers["content-type"] ?? "");
	return {
		...{ status: response.statusCode, headers: response.headers, text: all },
		body: isJson ? JSON.parse(all) : undefined,
	};
}

/** A session with the server of a page. */
export interface WebSession {
	key: string;
	/** Posts JSON with the session's key and gets JSON. */
	post<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T>;
	get<T>(path: string): Promise<T>;
}

/** Exchanges the token of a link for a session. */
export async function webSession(link: string): Promise<WebSession> {
	const { host, hash } = new URL(link);
	const json = { "content-type": "application/json" };
	const token = hash.replace("#token=", "");
	const opened = await webRequest(
		...([host, "POST", "/api/session", json] as const),
		JSON.stringify({ token }),
	);
	if (opened.status !== 200) throw new Error(opened.text);
	const { key } = opened.body as { key: string };
	const call = async <T>(
		...[method, path, body = "", signal]: [
			string,
			string,
			string?,
			AbortSignal?,
		]
	) => {
		const reply = await webRequest(
			...([host, method, path] as const),
			{ authorization: `Bearer ${key}`, ...(body !== "" && json) },
			...([body, signal] as const),
		);
		if (reply.status !== 200) throw new Error(reply.text);
		return reply.body as T;
	};
	return {
		key,
		post: (path, body, signal) =>
			call(
				...(["POST", path] as const),
				...([body === undefined ? "" : JSON.stringify(body), signal] as const),
			),
		get: (path) => call("GET", path),
	};
}

/** The server of a page whose agents are a function, and its page one file. */
export async function startTestWeb(
	t: Test,
	{
		targets,
		ask,
		userOf,
	}: {
		targets: readonly Target[];
		ask: Ask;
		/** The user at the other end; the kernel's by default. */
		userOf?: typeof peerUser;
	},
) {
	const sessions = new Sessions();
	const complaints: string[] = [];
	const hosts = new Hosts({ targets, ask, asked: "tests", parallel: 4 });
	let host = "";
	const linkWith = (token: string) => `http://${host}/#token=${token}`;
	const server = await startWebServer({
		bound: await bindContract(webContract),
		handlers: createWebHandlers({
			...{ sessions, hosts, ask, linkWith },
			way: {
				reach: { "key-file": "" },
				verification: { "ca-file": "", fingerprint: "", "known-hosts": "" },
			},
		}),
		sessions,
		files: new Map([
			["/", { type: "text/html", content: Buffer.from("<p>page</p>") }],
			["/page.js", { type: "text/javascript", content: Buffer.from("1") }],
		]),
		port: 0,
		isUser: createUserCheck({}, userOf),
		complain: (line) => complaints.push(line),
	});
	host = server.host;
	t.after(async () => {
		hosts.stop();
		await server.close();
	});
	return {
		host,
		hosts,
		complaints,
		link: () => linkWith(sessions.createToken(60_000)),
	};
}

/** An agent that cannot be reached. */
export const unreachable = <T>(host: string): HostAnswer<T> => ({
	...{ host, ok: false },
	error: { reason: "unreachable", message: "connection refused" },
});

/** Sends bytes as they are, and returns all that comes back. */
export async function rawRequest(host: string, bytes: string): Promise<string> {
	const [address = "", port] = host.split(":");
	const socket = connect(Number(port), address);
	socket.write(bytes);
	return text(socket);
}
