// node check-every-host.js ENDPOINT PLUGIN
import { createAgentClient, createManagementClient } from "happo-agent/client";

const [endpoint = "https://management", plugin_name = "check_load"] =
	process.argv.slice(2);

const management = createManagementClient({
	endpoint,
	environment: process.env, // http_proxy, https_proxy, no_proxy
});
const { data } = await management.GET("/manage/hosts");
for (const { ip, port, proxies, hostname } of data?.hosts ?? []) {
	const client = createAgentClient({
		agent: ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`,
		via: proxies ?? [],
		trust: "unverified",
	});
	const check = await client.POST("/monitor", { body: { plugin_name } });
	console.log(hostname, check.data?.return_value, check.data?.message.trim());
}
