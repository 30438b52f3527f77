import { once } from "node:events";
import type { Writable } from "node:stream";
import {
	type AgentClient,
	createAgentClient,
	createPlainClient,
} from "../src/client/agent-client.ts";
import { answerText } from "./answer-text.ts";
import { CommandError, readCa } from "./client-settings.ts";
import { goSamples } from "./go-print.ts";
import type { Batch } from "./sample-batches.ts";

/** Which agent samples go to, and how. */
interface DeliverySettings {
	"bastion-endpoint": string;
	"api-key": string;
	"ca-file": string;
	"timeout-seconds": number;
}

/** Of an endpoint, the agent: scheme, name or address, and port. */
const agentUrl = /^(https?):\/\/([^/?#@\s]+?)(?::(\d+))?\/?$/i;

/** Whether the way to an endpoint is not encrypted. */
export const isPlain = (endpoint: string): boolean => /^http:/i.test(endpoint);

/** Why a text names no agent; undefined if it does. */
export const badAgentUrl = (text: string) => {
	const port = Number(agentUrl.exec(text)?.[3] ?? 443);
	return agentUrl.test(text) && port >= 1 && port <= 65_535
		? undefined
		: `not https://HOST:PORT or http://HOST:PORT: ${text}`;
};

/** Where batches go; throws if it fails, and nothing is known to be done then. */
export type Deliver = (batch: Batch) => Promise<void>;

/** Prints; a reader that stops reading, such as head, is no error. */
export const printing =
	(stdout: Writable): Deliver =>
	async ({ samples }) => {
		if (!stdout.writable || stdout.write(`${goSamples(samples)}\n`)) return;
		await once(stdout, "drain").catch(() => {});
	};

/** Has the agent store them. */
export function sending(
	client: Pick<AgentClient, "POST">,
	settings: DeliverySettings,
): Deliver {
	const { "api-key": apikey, "bastion-endpoint": endpoint } = settings;
	return async ({ samples }) => {
		const { error, response } = await client.POST("/metric/append", {
			body: { apikey, metric_data: samples },
			// the status alone counts, as for the original
			parseAs: "text",
		});
		if (response.status !== 200)
			throw new CommandError(
				`${endpoint}: answered ${answerText(response.status, error)}`,
			);
	};
}

/** A client for the agent; close it. Throws CommandError and OptionsError. */
export async function clientOf(
	settings: DeliverySettings,
): Promise<Pick<AgentClient, "POST" | "close">> {
	const endpoint = settings["bastion-endpoint"];
	const timeoutMilliseconds = settings["timeout-seconds"] * 1000;
	if (isPlain(endpoint))
		return createPlainClient({ endpoint, timeoutMilliseconds });
	const [, , host = "", port = "443"] = agentUrl.exec(endpoint) ?? [];
	const { ca } = await readCa(settings["ca-file"]);
	return createAgentClient({
		agent: `${host}:${port}`,
		trust: ca ? { ca } : "unverified",
		timeoutMilliseconds,
	});
}
