import type { Measured } from "./load.ts";
import { summary } from "./summary.ts";

/** What is told of a server under load. */
export const loadFigures = [
	"perSecond",
	"cpuMilliseconds",
	"p50",
	"p99",
	"generatorPercent",
] as const satisfies readonly (keyof Measured)[];

/** One round; a contender without a server has not all of them. */
export type Figures = Partial<Pick<Measured, (typeof loadFigures)[number]>>;

/** Their names over a table. @param what is answered: `check`, `request` */
export const loadColumns = (what: string) => [
	`${what}s/s`,
	`CPU ms/${what}`,
	"p50 ms",
	"p99 ms",
	"generator %",
];

/** One figure in all rounds. */
export const figureOf = (
	rounds: readonly Figures[] | undefined,
	figure: keyof Figures,
): number[] => (rounds ?? []).map((round) => round[figure] ?? Number.NaN);

/** The rows of a table, in the order of their names. */
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
