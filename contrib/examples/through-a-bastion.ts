// node through-a-bastion.js AGENT BASTION FINGERPRINT
import { AgentUnreachable, createAgentClient } from "happo-agent/client";

const [agent = "10.0.0.5", bastion = "bastion", fingerprint = ""] =
	process.argv.slice(2);

const client = createAgentClient({
	agent,
	via: [bastion],
	trust: { fingerprint },
	timeoutMilliseconds: 10_000,
});
try {
	const { data } = await client.GET("/status");
	console.log(data?.app_version, data?.uptime_seconds);
} catch (error) {
	if (!(error instanceof AgentUnreachable)) throw error;
	console.log(error.isTimeout ? "too slow:" : "unreachable:", error.message);
}
