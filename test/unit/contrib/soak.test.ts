import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
	growthByChecks,
	growthByHours,
	isMissed,
	judge,
	type Soaked,
	table,
} from "../../../contrib/development/soak/judgement.ts";
import {
	parseCpu,
	parseKilobytes,
	parseMachine,
} from "../../../contrib/development/soak/process-figures.ts";
import {
	minGrowth,
	percentile,
	slopeOf,
} from "../../../contrib/development/soak/slope.ts";

const near = (actual: number, expected: number) =>
	assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);

describe("slope", () => {
	test("of a line is the line's, without an error", () => {
		const points = [0, 1, 2, 5].map((x) => ({ x, y: 7 - 3 * x }));
		const { slope, standardError } = slopeOf(points);
		near(slope, -3);
		near(standardError, 0);
	});

	test("of points that jump has the textbook's standard error", () => {
		const ys = [1, -1, 1, -1, -1, 1, -1, 1];
		const { slope, standardError } = slopeOf(ys.map((y, x) => ({ x, y })));
		near(slope, 0);
		near(standardError, Math.sqrt(8 / 6 / 42));
	});

	test("is less certain where neighbours are alike", () => {
		const ys = [1, 1, -1, -1, -1, -1, 1, 1];
		const { slope, standardError } = slopeOf(ys.map((y, x) => ({ x, y })));
		const alike = 3 / 8;
		near(slope, 0);
		near(
			standardError,
			Math.sqrt(8 / 6 / 42) * Math.sqrt((1 + alike) / (1 - alike)),
		);
	});

	test("is unknown of too few points, and of points in one place", () => {
		const one = { x: 1, y: 1 };
		for (const points of [[], [one], [one, { x: 2, y: 9 }], [one, one, one]])
			assert.deepEqual(slopeOf(points), {
				slope: 0,
				standardError: Number.POSITIVE_INFINITY,
			});
	});

	test("counts as growth when it stands out and matters", () => {
		assert.equal(minGrowth({ slope: 0, standardError: 10 }, 100), 100);
		assert.equal(minGrowth({ slope: 0, standardError: 80 }, 100), 160);
	});
});

test("a percentile is one of the numbers", () => {
	const numbers = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1];
	const found = [0, 0.5, 0.99, 1].map((part) => percentile(numbers, part));
	assert.deepEqual(found, [1, 5, 10, 10]);
	assert.ok(Number.isNaN(percentile([], 0.5)));
});

test("CPU time is read behind any name", () => {
	const stat = `7 (a) b (c) S ${"0 ".repeat(10)}100 50 20 5 20 0 11\n`;
	assert.deepEqual(parseCpu(stat), { own: 1.5, children: 0.25 });
});

test("the machine's time is read, what others stole apart", () => {
	const stat = "cpu  10 1 20 500 7 2 3 40 9 9\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
	assert.deepEqual(parseMachine(stat), { all: 583, busy: 36, stolen: 40 });
});

test("memory is read from its own line", () => {
	const status = "Name:\tVmRSS: 1 kB\nVmHWM:\t  900 kB\nVmRSS:\t  800 kB\n";
	assert.equal(parseKilobytes(status, "VmRSS"), 800);
	assert.equal(parseKilobytes(status, "VmHWM"), 900);
	assert.ok(Number.isNaN(parseKilobytes(status, "VmSwap")));
});

/** A run of 45 minutes, checks for the first 20, memory as given. */
function soaked(kilobytes: (minute: number) => number): Soaked {
	const looks = Array.from({ length: 540 }, (_, index) => {
		const minute = (index + 1) / 12;
		return {
			seconds: minute * 60,
			checks: Math.min(10_000, Math.floor(minute * 500)),
			// one sample in two is a little higher, as if by the heap
			cpuSeconds: minute,
			residentKilobytes: kilobytes(minute) + (index % 2) * 100,
			databaseKilobytes: 200,
		};
	});
	const checks = { planned: 10_000, sent: 10_000, failed: 0, latencies: [9] };
	return {
		minutes: 45,
		wallSeconds: 2700,
		checks,
		cpuAtStart: { own: 1, children: 0 },
		cpu: { own: 60, children: 40 },
		looks,
		peakKilobytes: 80_000,
		databaseKilobytes: 200,
		samples: 45 * 201,
		machine: { busy: 30, stolen: 1 },
		logLines: [],
	};
}

const missed = (run: Soaked) =>
	judge(run)
		.filter(isMissed)
		.map(({ what }) => what);

describe("judgement", () => {
	test("passes a run that grows at its start and not after", () => {
		const run = soaked((minute) => 70_000 + 5000 * Math.min(minute, 3));
		assert.deepEqual(missed(run), []);
	});

	test("sees a leak of each check", () => {
		const run = soaked((minute) => 70_000 + 150 * Math.min(minute, 20));
		assert.ok(Math.abs(growthByChecks(run).slope - 300) < 10);
		assert.ok(missed(run).includes("growth, KB per 1,000 checks"));
	});

	test("sees a leak of time", () => {
		const run = soaked((minute) => 70_000 + 30 * minute);
		assert.ok(Math.abs(growthByHours(run).slope - 1800) < 20);
		assert.deepEqual(missed(run), ["growth, KB per hour"]);
	});

	test("names what was missed", () => {
		const good = soaked(() => 70_000);
		const run = {
			...good,
			checks: { ...good.checks, sent: 9990, failed: 1 },
			cpu: { own: 60, children: 50 },
			databaseKilobytes: 251,
			samples: 43 * 201,
		};
		assert.deepEqual(missed(run), [
			"checks failed or not sent",
			"metrics stored",
			"CPU, % of the time",
			"database at the end, KB",
		]);
		const [first = ""] = table(judge(run));
		assert.match(first, /^checks failed or not sent +11 of 10,000 {2}MISS +0$/);
	});

	test("of a short run scales the database's limit and only shows it", () => {
		const run = { ...soaked(() => 70_000), minutes: 9 };
		const lines = table(judge(run));
		assert.deepEqual(missed(run), []);
		assert.ok(
			lines.some((line) => /200 {2}\(miss\) {2}at most 50$/.test(line)),
		);
	});
});
