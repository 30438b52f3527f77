import { check } from "../requests.ts";
import type { Scenario } from "../scenario.ts";

/**
 * Sizes just under the default limit for bodies, and under sensible limits of single
 * operations; the smallest first.
 */
const sizes = [
	["64 KiB", 65_536],
	["2 MiB", 2 * 1_048_576],
	["4 MiB", 4 * 1_048_576],
	["16 MiB", 16 * 1_048_576],
] as const;

/** Maximum number of bytes that a body adds around a value. */
const roomForPlace = 200;

/** As many pieces as fit into this many bytes, between a beginning and an end. */
function filled(
	bytes: number,
	begin: string,
	piece: (number: number) => string,
	end: string,
): string {
	const parts: string[] = [begin];
	let length = begin.length + end.length;
	for (let number = 0; ; number++) {
		const next = `${number > 0 ? "," : ""}${piece(number)}`;
		length += next.length;
		if (length > bytes) break;
		parts.push(next);
	}
	parts.push(end);
	return parts.join("");
}

const nested = (bytes: number, open: string, inner: string, close: string) => {
	const depth = Math.floor(
		(bytes - inner.length) / (open.length + close.length),
	);
	return open.repeat(depth) + inner + close.repeat(depth);
};

/** JSON values that take far more memory or time than their bytes suggest, by their maximum size. */
export const values: Readonly<Record<string, (bytes: number) => string>> = {
	"a million keys": (bytes) =>
		filled(bytes, "{", (number) => `"k${number}":0`, "}"),
	"empty arrays": (bytes) => filled(bytes, "[", () => "[]", "]"),
	"empty objects": (bytes) => filled(bytes, "[", () => "{}", "]"),
	"nested arrays": (bytes) => nested(bytes, "[", "", "]"),
	"nested objects": (bytes) => nested(bytes, '{"a":', "0", "}"),
	"a million plugins": (bytes) =>
		filled(bytes, "[", () => '{"Plugin_Name":"a"}', "]"),
	"one long name": (bytes) => `{"${"n".repeat(bytes - 6)}":0}`,
	"one long text of escapes": (bytes) =>
		`"${"\\u00e9".repeat(Math.floor((bytes - 2) / 6))}"`,
};

/** A body for each operation with the value in it. */
export const places: readonly (readonly [
	path: string,
	body: (value: string) => string,
])[] = [
	["/metric/config/update", (value) => `{"config":${value}}`],
	[
		"/metric/config/update",
		(value) => `{"config":{"Metrics":[{"Hostname":"web","Plugins":${value}}]}}`,
	],
	[
		"/metric/append",
		(value) =>
			`{"metric_data":[{"hostname":"web","timestamp":1,"metrics":${value}}]}`,
	],
	["/metric/append", (value) => `{"metric_data":${value}}`],
	[
		"/monitor",
		(value) => `{"plugin_name":"check_ok","plugin_option":${value}}`,
	],
	["/monitor", (value) => `{"x":${value},"plugin_name":"check_ok"}`],
	["/inventory", (value) => `{"command":"true","command_option":${value}}`],
	[
		"/proxy",
		(value) =>
			`{"request_type":"monitor","request_json":"{}","proxy_hostport":${value}}`,
	],
	["/metric", (value) => `{"apikey":${value}}`],
	["/metric/lease", (value) => `{"consumer":${value}}`],
	["/metric/ack", (value) => `{"batch_id":${value}}`],
	["/metric/release", (value) => `{"batch_id":${value}}`],
	["/metric/peek", (value) => `{"consumer":${value}}`],
];

const shaped = (name: string, value: (bytes: number) => string): Scenario => ({
	name: `bodies up to 16 MiB with ${name}`,
	seconds: 60,
	async run(attack) {
		for (const [size, bytes] of sizes) {
			const text = value(bytes - roomForPlace);
			for (const [path, body] of places) {
				if (attack.over.aborted) return undefined;
				attack.step(`4 bodies of ${size} to ${path}`);
				const whole = Buffer.from(body(text));
				const ask = () => attack.ask({ path, body: whole });
				await Promise.all(Array.from({ length: 4 }, ask));
			}
		}
		return undefined;
	},
});

/** Valid samples, as many as the limits allow. */
const appends: Scenario = {
	name: "appends of 15 MB of good samples, 8 at once",
	seconds: 15,
	async run(attack) {
		const metrics: Record<string, number> = {};
		for (let number = 0; number < 1000; number++)
			metrics[`append.of.metric.number${number}`] = number;
		const sample = (number: number) => ({
			...{ hostname: `web${number}`, timestamp: 1000 + number, metrics },
		});
		const body = JSON.stringify({
			metric_data: Array.from({ length: 350 }, (_, number) => sample(number)),
		});
		await Promise.all(
			Array.from({ length: 8 }, async () => {
				while (!attack.over.aborted)
					await attack.ask({ path: "/metric/append", body });
			}),
		);
		return undefined;
	},
};

/** A configuration that the agent accepts and runs a minute later. */
const plugins: Scenario = {
	name: "a configuration of 15,000 slow metric plugins, and its pass",
	seconds: 75,
	// the pass continues
	keeps: { processes: 64 },
	settleSeconds: 10,
	async run(attack) {
		const list = Array.from({ length: 15_000 }, () => ({
			Plugin_Name: "metrics_slow",
			Plugin_Option: "",
		}));
		await attack.ask({
			path: "/metric/config/update",
			body: { config: { Metrics: [{ Hostname: "web", Plugins: list }] } },
		});
		await attack.hold();
		return undefined;
	},
};

const options: Scenario = {
	name: "256 checks with options of 120 KB",
	async run(attack) {
		const body = check("check_ok", "x".repeat(120_000));
		const ask = () => attack.ask({ path: "/monitor", body });
		await Promise.all(Array.from({ length: 256 }, ask));
		return undefined;
	},
};

export const documentScenarios: readonly Scenario[] = [
	...Object.entries(values).map(([name, value]) => shaped(name, value)),
	appends,
	options,
	plugins,
];
