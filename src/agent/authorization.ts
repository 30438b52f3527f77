import type { AuditLog } from "../audit/audit-log.ts";
import { createAuthorizer } from "../authorization/authorizer.ts";
import {
	createKeptPolicy,
	type LoadedPolicy,
	loadPolicy,
} from "../authorization/kept-policy.ts";
import { createThrottle, type Throttle } from "../authorization/throttle.ts";
import type { KeptFiles } from "../kept-files.ts";
import type { Log } from "../log.ts";
import { untilAnswered } from "../polled-files.ts";
import type { DaemonSettings } from "../settings.ts";

/** Who may do what. */
export interface Authorization {
	/** undefined without a policy. */
	policy: KeptFiles<LoadedPolicy> | undefined;
	authorizer: ReturnType<typeof createAuthorizer>;
}

/**
 * Reads the policy, if a setting names one; undefined if there is nothing to decide or to record.
 * @param parts.look see createFileTurn
 * @throws PolicyError
 */
export async function createAuthorization({
	settings,
	look,
	audit,
	log,
}: {
	settings: DaemonSettings;
	look: (file: string) => Promise<unknown>;
	audit: AuditLog | undefined;
	log: Pick<Log, "debug" | "info" | "warning" | "error">;
}): Promise<Authorization | undefined> {
	const file = settings.policy;
	if (file === "" && !audit) return undefined;
	const throttle = createThrottle();
	const policy =
		file === ""
			? undefined
			: await keepPolicy(file, { settings, look, throttle, log });
	const authorizer = createAuthorizer({
		policy: () => policy?.current().policy,
		patienceMilliseconds: settings["command-timeout"] * 1000,
		throttle,
		audit,
		log,
	});
	return { policy, authorizer };
}

/** Reads the policy and keeps it current once it is started. */
async function keepPolicy(
	file: string,
	{
		settings,
		look,
		throttle,
		log,
	}: {
		settings: DaemonSettings;
		look: (file: string) => Promise<unknown>;
		throttle: Throttle;
		log: Pick<Log, "info" | "warning" | "error">;
	},
) {
	await untilAnswered({ files: [file], look, log });
	const initial = await loadPolicy(file);
	for (const line of initial.warnings) log.warning(`policy ${file}: ${line}`);
	return createKeptPolicy({
		file,
		initial,
		look,
		onNew: () => throttle.forget(),
		log,
		intervalMilliseconds: settings["policy-check-seconds"] * 1000,
	});
}
