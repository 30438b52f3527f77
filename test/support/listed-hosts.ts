import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { ListedHost } from "../../cli/ctl/target/targets.ts";
import { json } from "./next-hop.ts";

/** A management server that lists hosts, for `--endpoint`. */
export interface HostLister {
	endpoint: string;
	/** What it lists; undefined: it refuses. */
	hosts: readonly ListedHost[] | undefined;
}

/** A host of the group WEB on this machine, as a management server lists it. */
export const listedHost = (
	port: number,
	...proxies: readonly number[]
): ListedHost => ({
	...{ group_name: "WEB", ip: "127.0.0.1", hostname: "", port },
	proxies: proxies.map((proxy) => `127.0.0.1:${proxy}`),
});

/** Starts a management server; it ends with the test. */
export async function startHostLister(
	t: Pick<TestContext, "after">,
	hosts: readonly ListedHost[],
): Promise<HostLister> {
	const lister: HostLister = { endpoint: "", hosts };
	const server = createServer((request, response) => {
		request.resume();
		if (lister.hosts) json(response, { hosts: lister.hosts });
		else response.writeHead(503).end();
	});
	await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	const { port } = server.address() as AddressInfo;
	lister.endpoint = `http://127.0.0.1:${port}`;
	return lister;
}
