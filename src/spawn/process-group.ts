/** process.kill: throws an error with `code` ESRCH if there is no such process or group. */
export type Kill = (pid: number, signal: NodeJS.Signals | 0) => void;

/** A process group, whose id may be reused once it has gone. */
export interface ProcessGroup {
	/**
	 * Call this in the same turn in which the leader is reaped: from then on its id may be reused.
	 * @param wasLast nobody else was in the group
	 */
	leaderExited(wasLast?: boolean): void;
	/** Whether the group still has a process; once false, always false. */
	exists(): boolean;
	/** Signals all processes of the group, if it still exists and is ours. */
	signal(name: NodeJS.Signals): void;
}

/**
 * The process group that a command leads.
 *
 * Process ids are reused, so after the leader's exit the number alone proves nothing. The kernel
 * gives no new process an id for which a group exists. So if a process with the leader's id exists
 * again, our group has gone and that process is a stranger's, never to be signalled.
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
		// the group first, as a failing kill is slow and most groups end with their leader
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
				// it has just gone, or belongs to another user: the caller's time limit still applies
			}
		},
	};
}
