import type { ManagementHandlers } from "../../generated/management.ts";
import type { Hosts } from "./hosts.ts";

/**
 * Handlers of the operations. `happo-agent add`, `is_added` and `remove` use the status
 * only: 302 means "registered already" to `add` and "found" to `is_added`.
 */
export function createManagementHandlers(hosts: Hosts): ManagementHandlers {
	return {
		addHost: async ({ hostdata }) => {
			const { group_name, ip, hostname, port, proxies } = hostdata;
			const host = { group_name, ip, hostname, port, proxies: proxies ?? [] };
			return { status: (await hosts.add(host)) ? 200 : 302 };
		},
		findHost: async ({ hostdata }) => ({
			status: (await hosts.has(hostdata)) ? 302 : 404,
		}),
		removeHost: async ({ hostdata }) => ({
			status: (await hosts.remove(hostdata)) ? 200 : 404,
		}),
		listHosts: async (_body, { group }) => ({
			status: 200,
			body: { hosts: await hosts.list(group) },
		}),
	};
}
