import { closeSync, ftruncateSync, openSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector";

/** A CPU profile that is being recorded. */
export interface CpuProfile {
	/** Stops recording and writes the file. */
	write(): void;
}

/**
 * Starts recording a CPU profile, in the format of Chrome's DevTools (`.cpuprofile`). Creates the
 * file now, so that an error is thrown now and not on exit.
 */
export function startCpuProfile(file: string): CpuProfile {
	// append mode keeps an older profile until there is a new one
	const descriptor = openSync(file, "a", 0o640);
	const session = new Session();
	session.connect();
	session.post("Profiler.enable");
	session.post("Profiler.start");
	return {
		write: () => {
			// calls back before post returns, as the session is on this thread
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
