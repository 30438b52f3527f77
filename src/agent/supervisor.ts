import type { Log } from "../log.ts";
import { createProcessGroup } from "../spawn/process-group.ts";
import type { Engine } from "../spawn/started.ts";

/** A hanging systemd must not keep the agent from starting or stopping. */
const maxMilliseconds = 6_000;

/**
 * Notifies systemd of the agent's state (`READY=1`, `STOPPING=1`), if `Type=notify` has given it a
 * socket. Node cannot send to such a socket (unix, datagram), so systemd-notify does; the unit
 * needs `NotifyAccess=all`. Never throws, and waits at most six seconds, one more than
 * systemd-notify; failures are logged.
 */
export function createSupervisor(parts: {
	engine: Engine;
	environment: NodeJS.ProcessEnv;
	log: Pick<Log, "warning">;
}): (...states: string[]) => Promise<void> {
	const { NOTIFY_SOCKET, PATH } = parts.environment;
	if (!NOTIFY_SOCKET) return async () => {};
	const environment = { NOTIFY_SOCKET, ...(PATH && { PATH }) };
	const file = "systemd-notify";
	return async (...states) => {
		const fail = (why: string) =>
			parts.log.warning(`${file} ${states.join(" ")}: ${why}`);
		try {
			const line = { file, args: states };
			const started = await parts.engine.startProcess(line, environment);
			let said = "";
			const nothing = () => {};
			started.stdout.listen(nothing, nothing);
			started.stderr.listen((chunk) => {
				said = (said + chunk).slice(0, 200);
			}, nothing);
			const status = await new Promise<number | undefined>((resolve) => {
				const giveUp = setTimeout(() => {
					createProcessGroup(started.pid, process.kill).signal("SIGKILL");
					started.unref();
					resolve(undefined);
				}, maxMilliseconds);
				started.onExit(({ exitStatus }) => {
					clearTimeout(giveUp);
					resolve(exitStatus);
				});
			});
			// processes that it left behind may hold them open
			started.stdout.destroy();
			started.stderr.destroy();
			if (status !== 0) fail(said.trim() || `exit status ${status ?? "none"}`);
		} catch (error) {
			fail((error as Error).message);
		}
	};
}
