import type { TestContext } from "node:test";
import type { TlsOptions } from "node:tls";
import { contract } from "../../generated/contract.ts";
import type { Handlers } from "../../generated/handlers.ts";
import { createFairLimit } from "../../src/fair-limit.ts";
import { bindContract } from "../../src/http/bind.ts";
import type { PeerCertificates } from "../../src/http/connection.ts";
import type { IncomingRequest } from "../../src/http/request.ts";
import { startServer } from "../../src/http/server.ts";
import type { Caller } from "../../src/policy/call.ts";
import { createSelfSigned } from "../../src/tls/self-signed.ts";
import { recordingLog } from "./agent.ts";

/** What a handler would answer, by operation; one line for those that a test needs. */
const answers = {
	checkAvailability: { status: 200, body: "OK" },
	runCheck: { status: 200, body: { return_value: 0, message: "" } },
	relayRequest: { status: 200, type: "text/plain", body: "" },
	drainMetrics: { status: 200, body: { metric_data: [], message: "" } },
} as const;

/** The agent's server on a free port of 127.0.0.1, with the caller of each request so far. */
export async function startServerOfCallers(
	t: Pick<TestContext, "after">,
	tls: TlsOptions = {},
	certificates?: PeerCertificates,
	more: Partial<Parameters<typeof startServer>[0]> = {},
) {
	const callers: Caller[] = [];
	const answer =
		(reply: object) => (_: unknown, __: unknown, call: unknown) => {
			callers.push((call as IncomingRequest).caller);
			return reply;
		};
	const handlers = Object.fromEntries(
		Object.entries(answers).map(([name, reply]) => [name, answer(reply)]),
	);
	const { certificate, privateKey } = createSelfSigned({
		commonName: "test",
		names: ["127.0.0.1"],
		now: new Date(),
	});
	const { log, lines } = recordingLog();
	const server = await startServer({
		bound: await bindContract(contract),
		handlers: handlers as unknown as Handlers,
		access: { allows: () => true },
		tls: { cert: certificate, key: privateKey, ca: [], ...tls },
		certificates,
		limits: {
			maxConnections: 100,
			waitSeconds: 10,
			handshakeTimeoutSeconds: 10,
			headersTimeoutSeconds: 10,
			requestTimeoutSeconds: 10,
			idleTimeoutSeconds: 10,
			maxBodyBytes: 1_000_000,
		},
		memory: createFairLimit({ limit: 10_000_000 }),
		where: { host: "127.0.0.1", port: 0 },
		onAnswered: () => {},
		log,
		...more,
	});
	server.serve();
	t.after(() => server.close(0));
	return {
		...server,
		callers,
		lines,
		/** Uses other CAs for new connections. */
		renewAuthorities: (ca: readonly string[]) =>
			server.renew({ ...tls, cert: certificate, key: privateKey, ca: [...ca] }),
	};
}
