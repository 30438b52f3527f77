import { closeSync, ftruncateSync, openSync, writeFileSync } from "node:fs";
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
	// an older profile stays until there is a new one
	const descriptor = openSync(file, "a", 0o640);
	const session = new Session();
	session.connect();
	session.post("Profiler.enable");
	session.post("Profiler.start");
	return {
		write: () => {
			// called back before post returns: the session is of this thread
			session.post("Profiler.stop", (error, stopped) => {
				if (error) throw error;
				ftruncateSync(descriptor);
				writeFileSync(descriptor, JSON.stringify(stopped.profile));
			});
			closeSync(descriptor);
			session.disconnect();
		},
	};
}
