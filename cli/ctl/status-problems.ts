import type { Status } from "../../src/client/index.ts";

const secondsOfDay = 86_400;
/** A pass comes every minute; after this many seconds without one something is wrong. */
const latePassSeconds = 300;
const certificateWarningDays = 30;

/** Days until a certificate ends, negative afterwards. */
export const certificateDays = (notAfter: number, nowSeconds: number) =>
	Math.floor((notAfter - nowSeconds) / secondsOfDay);

/** Whether somebody has to see to the certificate. */
export const isEndingSoon = (days: number) => days < certificateWarningDays;

/** What an operator has to look at, one line each. */
export function statusProblems(status: Status, nowSeconds: number): string[] {
	const { store, certificate, collection, commands, connections } = status;
	const problems: string[] = [];
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
		const days = certificateDays(certificate.not_after, nowSeconds);
		if (days < 0) problems.push("certificate: has expired");
		else if (isEndingSoon(days))
			problems.push(`certificate: expires in ${days} days`);
		if (certificate.problem)
			problems.push(`certificate files: ${certificate.problem}`);
	}
	const pass = collection?.last_pass;
	if (pass?.error) problems.push(`collection: ${pass.error}`);
	for (const plugin of pass?.plugins ?? [])
		if (plugin.result !== "ok")
			problems.push(
				`metric plugin ${plugin.plugin_name} for ${plugin.hostname || "no host"}: ${plugin.result}`,
			);
		else if (plugin.bad_lines > 0)
			problems.push(
				`metric plugin ${plugin.plugin_name} for ${plugin.hostname || "no host"}: ${plugin.bad_lines} bad lines`,
			);
	if (
		collection?.enabled &&
		pass &&
		nowSeconds - pass.started_at - pass.duration_seconds > latePassSeconds
	)
		problems.push("collection: no pass for more than five minutes");
	if (commands && commands.survivors > 0)
		problems.push(
			`commands: ${commands.survivors} were still there after SIGKILL`,
		);
	if (commands && commands.waiting > 0)
		problems.push(`commands: ${commands.waiting} wait (max-commands)`);
	if (connections && connections.waiting > 0)
		problems.push(`connections: ${connections.waiting} wait (max-connections)`);
	return problems;
}
