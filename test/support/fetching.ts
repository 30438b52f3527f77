import type { TestContext } from "node:test";
import {
	createHttpsFetch,
	type Fetched,
	type Outgoing,
} from "../../src/relay/https-fetch.ts";
import { loadTrust, type Trust } from "../../src/relay/trust.ts";

export const loopback = (port: number) => ({ host: "127.0.0.1", port });

/** A trust with some settings. */
export const trusting = (
	given: Partial<Parameters<typeof loadTrust>[0]> = {},
): Promise<Trust> =>
	loadTrust({
		caFile: "",
		pins: [],
		certificateFile: "",
		keyFile: "",
		...given,
	});

/** A client for agents, closed when the test ends; by default it posts `{}` to `/monitor`. */
export async function createFetching(
	t: Pick<TestContext, "after">,
	parts: Partial<Parameters<typeof createHttpsFetch>[0]> = {},
): Promise<(port: number, more?: Partial<Outgoing>) => Promise<Fetched>> {
	const { trust = await trusting(), ...rest } = parts;
	const out = createHttpsFetch({ maxBodyBytes: 1 << 25, ...rest, trust });
	t.after(() => out.close());
	return (port, more = {}) =>
		out.fetch({
			hop: loopback(port),
			method: "POST",
			path: "/monitor",
			headers: { "content-type": "application/json" },
			body: Buffer.from("{}"),
			mayRunTwice: false,
			timeoutMilliseconds: 10_000,
			signal: new AbortController().signal,
			isNested: false,
			client: "127.0.0.1",
			...more,
		});
}
