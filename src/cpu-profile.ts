import { closeSync, openSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector";

export interface CpuProfile {
	/** Ends the recording and writes it. */
	write(): void;
}

/**
 * Records a CPU profile from now on, in the format of Chrome's DevTools (`.cpuprofile`). The file is made at once,
 * so that what keeps it from being made is thrown now and not on exit.
 */
export function startCpuProfile(file: string): CpuProfile {
	const descriptor = openSync(file, "w", 0o640);
	const session = new Session();
	session.connect();
	session.post("Profiler.enable");
	session.post("Profiler.start");
	return {
		write: () => {
			// called back before post returns: the session is of this thread
			session.post("Profiler.stop", (error, { profile }) => {
				if (error) throw error;
				writeFileSync(descriptor, JSON.stringify(profile));
			});
			closeSync(descriptor);
			session.disconnect();
		},
	};
}
