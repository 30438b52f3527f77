// node check-a-plugin.js AGENT PLUGIN OPTION
import { createAgentClient } from "happo-agent/client";

const [agent = "web01", plugin_name = "check_procs", plugin_option = ""] =
	process.argv.slice(2);

const client = createAgentClient({ agent, trust: "unverified" });
const { data, error, response } = await client.POST("/monitor", {
	body: { plugin_name, plugin_option },
});
if (data) console.log(data.return_value, data.message.trim());
else console.log("no result:", response.status, error);
