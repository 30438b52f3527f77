import { once } from "node:events";
import type { Writable } from "node:stream";
import {
	type AgentClient,
	createAgentClient,
	createPlainClient,
} from "../../src/client/agent-client.ts";
import type { Sample } from "../../src/client/index.ts";
import { CommandError, readCa } from "../client-settings.ts";
import { answerText } from "../message-text.ts";
import type { Batch } from "./batches.ts";

/** Settings that say where and how to send samples. */
interface DeliverySettings {
	"bastion-endpoint": string;
	"ca-file": string;
	"timeout-seconds": number;
}

/** Matches scheme, name or address, and port of an agent. */
const agentUrl = /^(https?):\/\/([^/?#@\s]+?)(?::(\d+))?\/?$/i;

/** Whether requests to an endpoint are not encrypted. */
export const isPlain = (endpoint: string): boolean => /^http:/i.test(endpoint);

/** Why a text is not the URL of an agent; undefined if it is. */
export const badAgentUrl = (text: string) => {
	const port = Number(agentUrl.exec(text)?.[3] ?? 443);
	return agentUrl.test(text) && port >= 1 && port <= 65_535
		? undefined
		: `not https://HOST:PORT or http://HOST:PORT: ${text}`;
};

/** A number as Go's `%v` prints it: as short as possible, with an exponent from a million on. */
function goFloat(value: number): string {
	if (Object.is(value, -0)) return "-0";
	const [digits = "", exponent = "0"] = value.toExponential().split("e");
	const power = Number(exponent);
	if (value === 0 || (power >= -4 && power < 6)) return String(value);
	const two = String(Math.abs(power)).padStart(2, "0");
	return `${digits}e${power < 0 ? "-" : "+"}${two}`;
}

/** Samples as v1 prints them: `[{h1 1444028735 map[a.b:1.5 c:1e+21]}]`, names sorted. */
export function goSamples(samples: readonly Sample[]): string {
	const texts = samples.map(({ hostname, timestamp, metrics }) => {
		const names = Object.keys(metrics).sort();
		const values = names.map(
			(name) => `${name}:${goFloat(metrics[name] ?? 0)}`,
		);
		return `{${hostname} ${timestamp} map[${values.join(" ")}]}`;
	});
	return `[${texts.join(" ")}]`;
}

/** Delivers a batch. Rejects unless the batch is known to be delivered. */
export type Deliver = (batch: Batch) => Promise<void>;

/** Prints batches. A reader that stops reading, such as head, is no error. */
export const printing =
	(stdout: Writable): Deliver =>
	async ({ samples }) => {
		if (!stdout.writable || stdout.write(`${goSamples(samples)}\n`)) return;
		await once(stdout, "drain").catch(() => {});
	};

/** Sends batches to the agent, which stores them. */
export function sending(
	client: Pick<AgentClient, "POST">,
	settings: DeliverySettings,
	apikey: string,
): Deliver {
	const { "bastion-endpoint": endpoint } = settings;
	return async ({ samples }) => {
		const { error, response } = await client.POST("/metric/append", {
			body: { apikey, metric_data: samples },
			// only the status counts, as in v1
			parseAs: "text",
		});
		if (response.status !== 200)
			throw new CommandError(
				`${endpoint}: answered ${answerText(response.status, error)}`,
			);
	};
}

/** Creates a client for the agent; the caller closes it. Throws CommandError and OptionsError. */
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
