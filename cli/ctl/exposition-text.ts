import { expose } from "../../src/status/exposition.ts";

/** One value of Prometheus' text format. */
export interface ExposedValue {
	name: string;
	help: string;
	labels: Readonly<Record<string, string>>;
	value: number;
}

/** A page that Prometheus' text-file collector takes; values of one name stand together. */
export function expositionText(values: readonly ExposedValue[]): string {
	const families = new Map<string, ExposedValue[]>();
	for (const value of values) {
		const family = families.get(value.name);
		if (family) family.push(value);
		else families.set(value.name, [value]);
	}
	return expose(
		[...families].map(([name, series]) => ({
			name,
			type: "gauge" as const,
			help: series[0]?.help || name,
			series,
		})),
		"text",
	);
}
