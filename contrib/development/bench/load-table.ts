import type { Measured } from "./load.ts";
import { summary } from "./summary.ts";

/** The reported figures of a server under load. */
export const loadFigures = [
	"perSecond",
	"cpuMilliseconds",
	"p50",
	"p99",
	"generatorPercent",
] as const satisfies readonly (keyof Measured)[];

/** The figures of one round; a contender without a server lacks some. */
export type Figures = Partial<Pick<Measured, (typeof loadFigures)[number]>>;

/** Headings of the figures. @param what unit of work: `check`, `request` */
export const loadColumns = (what: string) => [
	`${what}s/s`,
	`CPU ms/${what}`,
	"p50 ms",
	"p99 ms",
	"generator %",
];

/** The values of one figure in all rounds. */
export const figureOf = (
	rounds: readonly Figures[] | undefined,
	figure: keyof Figures,
): number[] => (rounds ?? []).map((round) => round[figure] ?? Number.NaN);

/** The rows of a table, sorted by name. */
export function loadRows(measured: Readonly<Record<string, Figures[]>>) {
	return Object.entries(measured)
		.toSorted(([a], [b]) => (a < b ? -1 : 1))
		.map(([name, rounds]) => ({
			name,
			cells: loadFigures.map((figure) =>
				figure in (rounds[0] ?? {})
					? summary(figureOf(rounds, figure))
					: undefined,
			),
		}));
}
