import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import {
	labelTexts,
	sentSamples,
} from "../../cli/collector/write/sent-series.ts";
import type {
	HostBatch,
	Target,
	TargetOptions,
} from "../../cli/collector/write/target.ts";
import { createTarget } from "../../cli/collector/write/target.ts";
import { temporaryDirectory } from "./temporary.ts";

type Test = Pick<TestContext, "after">;

/** A sample that a store was sent. */
export interface StubSample {
	labels: Record<string, string>;
	value: number;
	time: number;
}

/** An answer of the store. */
export interface StubAnswer {
	status: number;
	text?: string;
	headers?: Record<string, string>;
}

/** A store for remote write that answers as a test wants. */
export interface StubStore {
	url: URL;
	/** All requests so far. */
	requests: {
		samples: StubSample[];
		headers: IncomingHttpHeaders;
		at: number;
	}[];
	/** Samples of the requests that were accepted. */
	stored: StubSample[];
	/** It answers 503 to everything. */
	isDown: boolean;
	/** Its page of metrics; undefined: it answers 404. */
	page: string | undefined;
	/** Decides about a request; 204 by default. */
	answer: (samples: StubSample[]) => StubAnswer | Promise<StubAnswer>;
}

/** The page of a VictoriaMetrics that was started then. */
export const victoriaPage = (startedAt: number, more = "") =>
	[
		`process_start_time_seconds ${startedAt}`,
		'flag{name="retentionPeriod", value="1", is_set="false"} 1',
		'flag{name="maxLabelsPerTimeseries", value="30", is_set="false"} 1',
		`${more}`,
	].join("\n");

/** The page of a Prometheus. */
export const prometheusPage =
	"process_start_time_seconds 1.79e+09\nprometheus_tsdb_head_series 0\n";

/** Starts a store on a free port of 127.0.0.1. */
export async function startStubStore(t: Test): Promise<StubStore> {
	const server = createServer(async (request, response) => {
		const parts: Buffer[] = [];
		for await (const part of request) parts.push(part);
		if (store.isDown) {
			response.writeHead(503).end();
			return;
		}
		if (request.url === "/metrics") {
			const { page } = store;
			response.writeHead(page === undefined ? 404 : 200).end(page);
			return;
		}
		const samples = sentSamples(Buffer.concat(parts)).map(
			({ labels, value, time }) => ({
				labels: labelTexts(labels),
				value,
				time,
			}),
		);
		store.requests.push({
			...{ samples, headers: request.headers, at: performance.now() },
		});
		const { status, text = "", headers = {} } = await store.answer(samples);
		if (status === 204) store.stored.push(...samples);
		response.writeHead(status, headers).end(text);
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => {
		server.close();
		server.closeAllConnections();
	});
	const { port } = server.address() as AddressInfo;
	const store: StubStore = {
		url: new URL(`http://127.0.0.1:${port}/api/v1/write`),
		requests: [],
		stored: [],
		isDown: false,
		page: prometheusPage,
		answer: () => ({ status: 204 }),
	};
	return store;
}

/** A target that is closed when the test ends, with its log and its quarantine file. */
export async function targetOf(
	t: Test,
	url: URL,
	options: Partial<TargetOptions> = {},
): Promise<{ target: Target; log: string[]; file: string }> {
	const log: string[] = [];
	const write = (level: string) => (message: string) => {
		log.push(`${level}: ${message}`);
	};
	const file = join(await temporaryDirectory(t), "quarantine.json");
	const target = createTarget({
		...{ url, consumer: "fleet", quarantineFile: file },
		log: {
			notice: write("notice"),
			warning: write("warning"),
			error: write("error"),
		},
		...options,
	});
	t.after(() => target.close(0));
	return { target, log, file };
}

/** The present second. */
export const nowSeconds = () => Math.floor(Date.now() / 1_000);

/** A batch of a host: one sample of `metrics` now, or several. */
export const batchOf = (
	host: string,
	metrics: Record<string, number> | HostBatch["metrics"]["metric_data"],
	labels: Record<string, string> = {},
): HostBatch => ({
	...{ host, labels, bytes: 100 },
	metrics: {
		...{ batch_id: "1", expires_at: 0, seconds: 1, message: "" },
		metric_data: Array.isArray(metrics)
			? metrics
			: [{ hostname: host, timestamp: nowSeconds(), metrics: metrics ?? {} }],
	},
});
