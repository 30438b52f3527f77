import type { components } from "../../../../generated/schema.ts";
import { bytesText, durationText } from "../../output/quantity.ts";

type Status = components["schemas"]["Status"];

const secondsOfDay = 86_400;

const counted = (count: number, one: string, many: string) =>
	`${count === 1 ? "One" : count.toLocaleString("en")} ${count === 1 ? one : many}`;

function passSentence({ collection }: Status): string[] {
	if (!collection) return [];
	if (!collection.enabled) return ["It collects no metrics."];
	const pass = collection.last_pass;
	if (!pass) return ["The metric plugins have not run yet."];
	const failed = pass.plugins.filter(({ result }) => result !== "ok").length;
	const count = pass.plugins.length;
	const ago =
		pass.age_seconds === undefined
			? ""
			: `, ${durationText(pass.age_seconds)} ago`;
	const result =
		failed === 0
			? count === 1
				? "it printed what was expected"
				: "all printed what was expected"
			: `${failed} failed`;
	return count === 0
		? ["No metric plugins are configured."]
		: [
				`${counted(count, "metric plugin ran", "metric plugins ran")}${ago}: ${result}.`,
			];
}

function bufferSentence({ metric_buffer_status, now }: Status): string[] {
	const { oldest_timestamp } = metric_buffer_status;
	if (oldest_timestamp <= 0) return ["Its buffer has no metrics."];
	return now === undefined
		? []
		: [
				`The oldest metrics in its buffer arrived ${durationText(now - oldest_timestamp)} ago.`,
			];
}

function certificateSentence({ certificate }: Status, now: number): string[] {
	if (!certificate) return [];
	const days = Math.floor((certificate.not_after - now) / secondsOfDay);
	const of = `The certificate of ${certificate.subject}`;
	return [
		days < 0
			? `${of} has expired.`
			: `${of} is valid for ${days.toLocaleString("en")} days.`,
	];
}

function loadSentences({ commands, connections, event_loop }: Status) {
	const sentences: string[] = [];
	if (commands && connections)
		sentences.push(
			`${counted(connections.open, "connection is", "connections are")} open and ${commands.running === 0 ? "no command is" : counted(commands.running, "command is", "commands are").toLowerCase()} running.`,
		);
	if (event_loop)
		sentences.push(
			`Requests were delayed by at most ${Math.round(event_loop.max_delay_ms)} ms in the last minute.`,
		);
	return sentences;
}

function policySentence({ policy }: Status): string[] {
	if (policy === undefined) return [];
	if (policy === null)
		return [
			"There is no policy: every client in allowed-hosts may do everything.",
		];
	const { allowed, refused, would_refuse, limited } = policy.decisions;
	const no = (count: number, what: string) =>
		count > 0 ? `, ${count.toLocaleString("en")} ${what}` : "";
	return [
		`The policy ${policy.mode === "enforce" ? "is enforced" : "only observes"}: ${allowed.toLocaleString("en")} requests allowed${no(refused, "refused")}${no(would_refuse, "would be refused")}${no(limited, "over a limit")}.`,
	];
}

/**
 * What an agent says about itself, in sentences. v1 (Go) says little.
 * @param now seconds since 1970 by the clock of this machine
 */
export function healthSentences(status: Status, now: number): string[] {
	const { app_version, uptime_seconds, node_version, store } = status;
	return [
		`happo-agent ${app_version} has been running for ${durationText(uptime_seconds)}${node_version === undefined ? "" : `, on Node.js ${node_version}`}.`,
		...loadSentences(status),
		...passSentence(status),
		...bufferSentence(status),
		...(store ? [`Its store takes ${bytesText(store.disk_bytes)}.`] : []),
		...certificateSentence(status, now),
		...policySentence(status),
	];
}
