import assert from "node:assert/strict";
import { test } from "node:test";
import { openMetricsType, textType } from "../../src/protocol/exposition.ts";
import { startDaemon } from "../support/daemon.ts";
import { send } from "../support/https.ts";

const getPage = (port: number, accept?: string, method = "GET") =>
	send({
		port,
		method,
		path: "/metrics",
		headers: accept === undefined ? {} : { accept },
	});

/** The header that Prometheus 2.42 sends. */
const ofPrometheus =
	"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

const negotiated: readonly [string | undefined, string][] = [
	[undefined, textType],
	["*/*", textType],
	["text/html", textType],
	["text/plain", textType],
	["text/plain, application/openmetrics-text;q=0.9", textType],
	["application/openmetrics-text;q=0", textType],
	["application/openmetrics-text", openMetricsType],
	["Application/OpenMetrics-Text; version=1.0.0, */*;q=0.1", openMetricsType],
	["text/plain;q=0.5, application/openmetrics-text", openMetricsType],
	[ofPrometheus, openMetricsType],
];

test("Accept decides the format, for HEAD too", async (t) => {
	const { port } = await startDaemon(t, ["--disable-collect-metrics"]);
	for (const [accept, contentType] of negotiated) {
		const { status, headers, text } = await getPage(port, accept);
		assert.equal(status, 200, accept);
		assert.equal(headers["content-type"], contentType, accept);
		const ends = text.match(/^# EOF$/gm)?.length ?? 0;
		assert.equal(ends, contentType === textType ? 0 : 1, accept);
		if (ends > 0) assert.ok(text.endsWith("\n# EOF\n"));
		const counter = `process_cpu_seconds${ends > 0 ? "" : "_total"}`;
		assert.match(text, new RegExp(`^# TYPE ${counter} counter$`, "m"), accept);
		const head = await getPage(port, accept, "HEAD");
		assert.equal(head.status, 200, accept);
		assert.equal(head.headers["content-type"], contentType, accept);
		assert.equal(head.text, "");
	}
});
