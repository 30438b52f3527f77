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

/** A number as Go's `%v` prints it: shortest, with an exponent from a million on. */
function goFloat(value: number): string {
	if (Object.is(value, -0)) return "-0";
	const [digits = "", exponent = "0"] = value.toExponential().split("e");
	const power = Number(exponent);
	if (value === 0 || (power >= -4 && power < 6)) return String(value);
	const two = String(Math.abs(power)).padStart(2, "0");
	return `${digits}e${power < 0 ? "-" : "+"}${two}`;
}

/** Samples as the original prints them: `[{h1 1444028735 map[a.b:1.5 c:1e+21]}]`, names in order. */
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
