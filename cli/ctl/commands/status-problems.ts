import type { Status } from "../../../src/client/index.ts";
import { staleSeconds } from "../../../src/protocol/sensu.ts";
import { durationText } from "../output/quantity.ts";
import { type Asked, clockSkew, passAge } from "./status-figures.ts";

const secondsOfDay = 86_400;
const certificateWarningDays = 30;
/** A smaller difference between clocks is no problem. */
const maxSkewSeconds = 30;
/** Assumed for agents that do not report their interval. */
const defaultIntervalSeconds = 60;

/**
 * Days until a certificate expires, negative afterwards, by this machine's clock: clients use their
 * own clock too.
 */
export const certificateDays = (notAfter: number, nowSeconds: number) =>
	Math.floor((notAfter - nowSeconds) / secondsOfDay);

/** Whether it is time to renew the certificate. */
export const isEndingSoon = (days: number) => days < certificateWarningDays;

type Collection = NonNullable<Status["collection"]>;
type Plugin = NonNullable<Collection["last_pass"]>["plugins"][number];

function pluginProblem(plugin: Plugin): string | undefined {
	const { plugin_name, hostname, result, bad_lines, first_bad_line } = plugin;
	const label = `metric plugin ${plugin_name} for ${hostname || "no host"}`;
	if (result !== "ok") return `${label}: ${result}`;
	if (bad_lines === 0) return undefined;
	const first = first_bad_line ? `, ${first_bad_line}` : "";
	return `${label}: ${bad_lines} bad lines${first}`;
}

function pluginProblems(plugins: readonly Plugin[]): string[] {
	const isAll =
		plugins.length > 1 && plugins.every(({ result }) => result === "missing");
	return isAll
		? [
				`collection: all ${plugins.length} metric plugins are missing (sensu-plugin-paths)`,
			]
		: plugins.flatMap((plugin) => pluginProblem(plugin) ?? []);
}

function collectionProblems(status: Status, asked: Asked): string[] {
	const { collection, uptime_seconds } = status;
	if (!collection?.enabled) return [];
	const { last_pass, config_error, config_warnings = [] } = collection;
	const limit = staleSeconds(
		collection.interval_seconds ?? defaultIntervalSeconds,
	);
	// count from the end of the pass
	const age =
		(passAge(status, asked) ?? uptime_seconds) -
		(last_pass?.duration_seconds ?? 0);
	return [
		...(config_error ? [`collection: ${config_error}`] : []),
		...config_warnings.map((warning) => `collection: ${warning}`),
		...(last_pass?.error ? [`collection: ${last_pass.error}`] : []),
		...pluginProblems(last_pass?.plugins ?? []),
		...(age > limit
			? [`collection: no pass for more than ${durationText(limit)}`]
			: []),
		...(age < -maxSkewSeconds
			? [`collection: the last pass is ${durationText(-age)} in the future`]
			: []),
	];
}

function clockProblem(status: Status, asked: Asked): string[] {
	const skew = clockSkew(status, asked);
	if (!skew) return [];
	const seconds = Math.round(Math.abs(skew.seconds));
	if (seconds <= maxSkewSeconds + skew.uncertainty) return [];
	return [
		`clock: ${durationText(seconds)} ${skew.seconds > 0 ? "ahead of" : "behind"} this machine's`,
	];
}

/** Problems of the files by which the agent verifies the certificates of clients. */
function clientProblems(
	{ client_certificates: clients }: Status,
	{ after }: Asked,
): string[] {
	if (!clients) return [];
	return [
		...clients.authorities.flatMap(({ subject, not_after }) => {
			const days = certificateDays(not_after, after);
			if (!isEndingSoon(days)) return [];
			return [
				`client CA ${subject}: ${days < 0 ? "has expired" : `expires in ${days} days`}`,
			];
		}),
		...clients.revocation_lists
			.filter(({ next_update }) => next_update <= after)
			.map(
				({ issuer }) =>
					`revocation list of ${issuer}: has expired, certificates of this CA do not count`,
			),
		...(clients.problem === undefined
			? []
			: [`client CA files: ${clients.problem}`]),
	];
}

/** What an operator has to fix, one line each. */
export function statusProblems(status: Status, asked: Asked): string[] {
	const { store, certificate, policy, commands, connections } = status;
	const problems: string[] = clockProblem(status, asked);
	if (store && !store.available)
		problems.push(`store: ${store.reason ?? "not available"}`);
	if (store?.full) problems.push(`store: full: ${store.full}`);
	if (store?.last_damage)
		problems.push(
			`store: damaged: ${store.last_damage.reason}${store.last_damage.copy === null ? "" : `, copy in ${store.last_damage.copy}`}`,
		);
	if (store && store.lost_entries > 0)
		problems.push(`store: ${store.lost_entries} entries lost`);
	if (store?.retention_waits) problems.push(`store: ${store.retention_waits}`);
	if (certificate) {
		const days = certificateDays(certificate.not_after, asked.after);
		if (days < 0) problems.push("certificate: has expired");
		else if (isEndingSoon(days))
			problems.push(`certificate: expires in ${days} days`);
		if (certificate.problem)
			problems.push(`certificate files: ${certificate.problem}`);
	}
	const { audit_log } = status;
	if (audit_log?.problem) problems.push(`audit log: ${audit_log.problem}`);
	if (audit_log && audit_log.lost > 0)
		problems.push(`audit log: ${audit_log.lost} lines lost`);
	problems.push(...clientProblems(status, asked));
	if (policy?.problem) problems.push(`policy: ${policy.problem}`);
	if (policy && policy.decisions.would_refuse > 0)
		problems.push(
			`policy: ${policy.decisions.would_refuse} calls would be refused (mode ${policy.mode})`,
		);
	problems.push(...collectionProblems(status, asked));
	if (commands && commands.survivors > 0)
		problems.push(
			`commands: ${commands.survivors} still running after SIGKILL`,
		);
	if (commands && commands.waiting > 0)
		problems.push(`commands: ${commands.waiting} wait (max-commands)`);
	if (connections && connections.waiting > 0)
		problems.push(`connections: ${connections.waiting} wait (max-connections)`);
	return problems;
}
