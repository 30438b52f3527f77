import { version } from "../../generated/version.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import type { createCollector, PassResult } from "../metrics/collector.ts";
import type { MetricConfigFile } from "../metrics/metric-config-file.ts";
import type { createHttpsFetch } from "../relay/https-fetch.ts";
import { type DaemonSettings, daemonSettings } from "../settings.ts";
import type { createLoopDelay } from "../status/loop-delay.ts";
import type { State } from "../status/state.ts";
import type { ClientTrust, ClientTrustFiles } from "../tls/client-trust.ts";
import type { KeyPair } from "../tls/key-pair.ts";
import type { Authorization } from "./authorization.ts";
import type { Execution } from "./commands.ts";
import type { Store } from "./store.ts";

/** A pass of the collection, with the contract's field names. */
function shownPass(pass: PassResult | undefined, ageMilliseconds = 0) {
	if (!pass) return null;
	const { startedAt, durationMilliseconds, stored, error, plugins } = pass;
	return {
		started_at: startedAt,
		age_seconds: Math.floor(ageMilliseconds / 1000),
		duration_seconds: Math.round(durationMilliseconds) / 1000,
		stored,
		...(error !== undefined && { error }),
		plugins: plugins.map(({ badLines, firstBadLine, ...plugin }) => ({
			...plugin,
			bad_lines: badLines,
			...(firstBadLine !== undefined && { first_bad_line: firstBadLine }),
		})),
	};
}

/**
 * The certificate, with the contract's field names.
 * @param problem why the current files are not in use
 */
export function shownCertificate(
	file: string,
	{ subject, validTo, fingerprint256 }: KeyPair,
	problem?: string,
): ReturnType<State["certificate"]> {
	return {
		file,
		subject,
		not_after: Math.floor(validTo.getTime() / 1000),
		fingerprint_sha256: fingerprint256,
		...(problem !== undefined && { problem }),
	};
}

const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000);

/**
 * How the certificates of clients are verified, with the contract's field names.
 * @param problem why the current files are not in use
 */
export function shownClientTrust(
	{ caFile, crlFile }: ClientTrustFiles,
	{ authorities, lists = [] }: ClientTrust,
	problem?: string,
): ReturnType<State["clientCertificates"]> {
	return {
		ca_file: caFile,
		authorities: authorities.map(({ title, validTo, x509 }) => ({
			subject: title,
			not_after: seconds(validTo),
			fingerprint_sha256: x509.fingerprint256,
		})),
		crl_file: crlFile === "" ? null : crlFile,
		revocation_lists: lists.map(({ title, thisUpdate, nextUpdate, size }) => ({
			issuer: title,
			this_update: seconds(thisUpdate),
			next_update: seconds(nextUpdate),
			revoked: size,
		})),
		...(problem !== undefined && { problem }),
	};
}

/** The policy, with the contract's field names. */
function shownPolicy(
	file: string,
	authorization: Authorization | undefined,
): ReturnType<State["policy"]> {
	if (!authorization?.policy) return null;
	const { problem = null } = authorization.policy;
	const { policy } = authorization.policy.current();
	return {
		file,
		mode: policy.mode,
		commands: policy.commands.size,
		rules: policy.rules.length,
		decisions: { ...authorization.authorizer.counts },
		problem,
	};
}

/**
 * The state of the agent for its status before the agent listens: without connections, and with the
 * certificate that startup read. The code that starts the server replaces both.
 * @param parts.now wall clock in milliseconds
 */
export function createState(parts: {
	settings: DaemonSettings;
	now: () => number;
	execution: Execution;
	store: Store;
	collector: Pick<ReturnType<typeof createCollector>, "last" | "age">;
	metricConfigFile: MetricConfigFile;
	loopDelay: ReturnType<typeof createLoopDelay>;
	relay: Pick<ReturnType<typeof createHttpsFetch>, "status">;
	keyPair: KeyPair;
	certificateFile: string;
	/** Undefined if there is none. */
	audit: Pick<AuditLog, "status"> | undefined;
	authorization: Authorization | undefined;
}): State {
	const { settings, now, execution, store, collector } = parts;
	const { engine, commands } = execution;
	const begun = performance.now();
	return {
		version,
		startedAt: now(),
		now,
		uptimeSeconds: () => (performance.now() - begun) / 1000,
		commands: () => ({
			engine: engine.name,
			running: commands.running,
			waiting: execution.waiting(),
			timeouts: commands.timeouts,
			survivors: commands.survivors,
			survivors_total: commands.survivorsTotal,
			left_behind: commands.leftBehind,
			left_behind_stopped_total: commands.leftBehindStoppedTotal,
		}),
		connections: () => ({ open: 0, waiting: 0 }),
		relay: parts.relay.status,
		nrpe: () => null,
		eventLoop: parts.loopDelay.read,
		collection: () => {
			const { error, warnings } = parts.metricConfigFile.status();
			return {
				enabled: !settings["disable-collect-metrics"],
				interval_seconds: settings["collection-interval-seconds"],
				config_error: error,
				config_warnings: warnings,
				last_pass: shownPass(collector.last(), collector.age()),
			};
		},
		...store,
		certificate: () => shownCertificate(parts.certificateFile, parts.keyPair),
		audit: () => parts.audit?.status(),
		clientCertificates: () => null,
		policy: () => shownPolicy(settings.policy, parts.authorization),
		settings,
		table: daemonSettings,
	};
}
