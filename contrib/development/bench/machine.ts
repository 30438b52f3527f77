import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, loadavg, release } from "node:os";
import { machineTicks } from "../soak/process-figures.ts";

/** A program's version, in one line. */
function versionOf(file: string, flag: string, pattern: RegExp): string {
	try {
		// nginx prints it to standard error, NRPE exits with 3
		const text = execFileSync("/bin/sh", ["-c", `"$0" ${flag} 2>&1; :`, file], {
			encoding: "utf8",
		});
		return pattern.exec(text)?.[0] ?? "unknown";
	} catch {
		return "unknown";
	}
}

export const load = () =>
	loadavg()
		.map((of) => of.toFixed(2))
		.join(" ");

/** The machine and the versions of the compared programs. */
export function machineLines(engine: string): string[] {
	const { node, openssl } = process.versions;
	return [
		`${cpus()[0]?.model ?? "unknown CPU"}, ${availableParallelism()} cores, Linux ${release()}`,
		`node ${node} with OpenSSL ${openssl}, command engine ${engine}`,
		[
			versionOf("/usr/sbin/nginx", "-v", /nginx\/[\d.]+/),
			versionOf("/usr/sbin/nrpe", "-V", /Version: [\d.]+/).replace(
				"Version:",
				"NRPE",
			),
			versionOf("/usr/sbin/nagios4", "--version", /Nagios Core [\d.]+/),
			versionOf("cc", "--version", /^.*$/m),
			versionOf("openssl", "version", /^OpenSSL \S+/),
		].join(", "),
	];
}

/** Measures how busy the machine is, until the returned function is called, which describes it in a line. */
export function watchMachine(): () => string {
	const before = machineTicks();
	const loadBefore = load();
	return () => {
		const after = machineTicks();
		const part = (of: "busy" | "stolen") =>
			((100 * (after[of] - before[of])) / (after.all - before.all)).toFixed(0);
		return `load average ${loadBefore} before and ${load()} after; machine ${part("busy")} % busy, ${part("stolen")} % stolen`;
	};
}
