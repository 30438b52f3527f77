import type { Sample } from "../src/client/index.ts";

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
