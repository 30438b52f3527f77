/** As process.kill: throws an error with `code` ESRCH when there is no such process or group. */
export type Kill = (pid: number, signal: NodeJS.Signals | 0) => void;

export interface ProcessGroup {
	/**
	 * To be called when the leader has been waited for, before anything else runs: its id is free from then on.
	 * @param wasLast nobody else of the group was there
	 */
	leaderExited(wasLast?: boolean): void;
	/** Whether somebody of the group is still there; once false, always false. */
	exists(): boolean;
	/** Signals everybody in the group, if it is still there and ours. */
	signal(name: NodeJS.Signals): void;
}

/**
 * The group of processes that a command leads.
 *
 * Process ids are reused, so after the leader's exit the number alone is no proof. The kernel gives no id to a new
 * process while a group of that id exists: when a process with the leader's id is there again, our group has gone and
 * this one is a stranger's, never to be signalled.
 */
export function createProcessGroup(pid: number, kill: Kill): ProcessGroup {
	let leading = true;
	let gone = false;

	const answers = (id: number) => {
		try {
			kill(id, 0);
			return true;
		} catch (error) {
			// EPERM: it exists, under another user
			return (error as NodeJS.ErrnoException).code !== "ESRCH";
		}
	};
	const exists = () => {
		// in this order, as a kill that fails takes time: most groups are gone with their leader
		if (!leading && !gone) gone = !answers(-pid) || answers(pid);
		return !gone;
	};

	return {
		leaderExited(wasLast = false) {
			leading = false;
			gone = wasLast;
		},
		exists,
		signal(name) {
			if (!exists()) return;
			try {
				kill(-pid, name);
			} catch {
				// gone in between, or wholly under another user: nothing more can be done, the caller's clock goes on
			}
		},
	};
}
