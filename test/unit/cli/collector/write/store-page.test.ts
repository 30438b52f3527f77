import assert from "node:assert/strict";
import { test } from "node:test";
import { parseStorePage } from "../../../../../cli/collector/write/store-page.ts";
import {
	prometheusPage,
	victoriaPage,
} from "../../../../support/stub-store.ts";

const day = 86_400;

test("a page says which store it is, and which times and labels it keeps", () => {
	const victoria = parseStorePage(victoriaPage(1_796_016_146));
	assert.deepEqual(victoria, {
		kind: "victoria-metrics",
		startedAt: 1_796_016_146,
		maxAgeSeconds: 31 * day - 600,
		maxAheadSeconds: 2 * day - 600,
		maxLabels: 30,
	});
	const prometheus = parseStorePage(prometheusPage);
	assert.equal(prometheus.kind, "prometheus");
	assert.equal(prometheus.startedAt, 1.79e9);
	assert.equal(prometheus.maxAgeSeconds, Number.POSITIVE_INFINITY);
	assert.equal(prometheus.maxAheadSeconds, 600);
	for (const page of ["", "<html>", "process_start_time_seconds NaN"]) {
		const { kind, startedAt } = parseStorePage(page);
		assert.deepEqual([kind, startedAt], ["other", undefined]);
	}
});

test("VictoriaMetrics' retention has units, and a month without one", () => {
	const days = (text: string) =>
		(parseStorePage(victoriaPage(1).replace('value="1"', `value="${text}"`))
			.maxAgeSeconds +
			600) /
		day;
	assert.deepEqual(
		["36h", "7d", "2w", "1.5", "2y", "odd"].map(days),
		[1.5, 7, 14, 46.5, 730, 31],
	);
});

test("a store that keeps fewer labels is believed, one that keeps more is not", () => {
	const labels = (count: number) =>
		parseStorePage(victoriaPage(1).replace('"30"', `"${count}"`)).maxLabels;
	assert.deepEqual([10, 30, 100].map(labels), [10, 30, 30]);
});
