/** Samples like those of a collection: one metric each. */
export function batchOf(samples: number, seconds: number) {
	return Array.from({ length: samples }, (_, number) => ({
		hostname: "bench.example.com",
		timestamp: seconds,
		metrics: { [`bench.metric.${number}`]: number / 8 },
	}));
}
