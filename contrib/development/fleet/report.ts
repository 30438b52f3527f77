import type { Kills } from "./chaos.ts";
import type { Comparison } from "./comparison.ts";
import type { Observed } from "./observer.ts";
import type { FleetOptions } from "./site.ts";
import { diskOperations } from "./slow-disk.ts";
import type { Lag } from "./store-lag.ts";

/** What came of a fleet. */
export interface FleetReport extends Comparison, Kills {
	/** Samples that no agent has had acknowledged at the end. */
	left: number;
	quarantined: number;
	/** Leases that had ended before the acknowledgement, of the whole run. */
	leasedAgain: number;
	/** Minutes in which nobody is killed: the leases are too short if one of them ends. */
	quiet: Observed;
	/** As in the quiet minutes, with kills. */
	chaosLag: Lag;
	/** Bytes that the store's disk wrote in the whole run, and its time; undefined for a disk without limit. */
	disk: { writtenBytes: number; seconds: number } | undefined;
}

const lagText = ({ count, median, high, largest }: Lag) =>
	`median ${median.toFixed(1)} s, 99 % up to ${high.toFixed(1)} s, largest ${largest.toFixed(1)} s of ${count}`;

const diskText = (
	{ writtenBytes, seconds }: NonNullable<FleetReport["disk"]>,
	limit: number,
) =>
	`the store's disk wrote ${(writtenBytes / 2 ** 20 / seconds).toFixed(2)} MiB a second, of at most ${limit} MiB in ${diskOperations} operations`;

/** The lines of a report. */
export function fleetFigures(
	{ quiet, ...report }: FleetReport,
	{ intervalSeconds, disk }: Pick<FleetOptions, "intervalSeconds" | "disk">,
): string[] {
	const kills = Object.entries(report.kills)
		.map(([role, count]) => `${count} ${role}`)
		.join(", ");
	return [
		`given ${report.given} samples, lost ${report.lost}, altered ${report.altered}, invented ${report.invented}`,
		`not acknowledged at the end: ${report.left} times of samples; in quarantine: ${report.quarantined}`,
		`killed with kill -9: ${kills || "nothing"}; leases that ended before the acknowledgement: ${report.leasedAgain}, of these ${quiet.leasedAgain} in the quiet minutes; batches that killed collectors held: ${report.leftLeased}`,
		`${quiet.samples} samples in ${quiet.seconds.toFixed(0)} quiet seconds: ${(quiet.samples / quiet.seconds).toFixed(0)} a second; ${quiet.machine}`,
		...Object.entries(quiet.cpuSeconds).map(
			([role, cpu]) =>
				`${role}: ${((100 * cpu) / quiet.seconds).toFixed(1)} % of a core, ${((1e6 * cpu) / quiet.samples).toFixed(2)} us a sample, peak ${((quiet.peakKilobytes[role] ?? 0) / 1024).toFixed(0)} MiB`,
		),
		`lag, from a sample's time until the store shows it (the interval is ${intervalSeconds} s): ${lagText(quiet.lag)}; with kills ${lagText(report.chaosLag)}`,
		...(report.disk ? [diskText(report.disk, disk)] : []),
		...report.first,
	];
}
