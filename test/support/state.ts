import { daemonSettings } from "../../src/settings.ts";
import type { State } from "../../src/status/state.ts";

/** A state whose numbers all differ, so that a mix-up shows. */
export function aState(more: Partial<State> = {}): State {
	return {
		version: "2.0.0",
		startedAt: 1_700_000_000_500,
		now: () => 1_700_000_100_400,
		uptimeSeconds: () => 99.9,
		commands: () => ({
			engine: "native",
			running: 1,
			waiting: 2,
			timeouts: 3,
			survivors: 1,
			survivors_total: 4,
			left_behind: 9,
			left_behind_stopped_total: 10,
		}),
		connections: () => ({ open: 5, waiting: 6 }),
		relay: () => ({ requests: 0, slowHops: [] }),
		nrpe: () => null,
		policy: () => null,
		eventLoop: () => ({ mean_delay_ms: 7, max_delay_ms: 8 }),
		collection: () => ({
			enabled: true,
			interval_seconds: 60,
			config_error: null,
			config_warnings: [],
			last_pass: null,
		}),
		buffer: {
			span: async () => ({ oldest: 1_700_000_040, newest: 1_700_000_090 }),
		},
		database: {
			directory: "/var/lib/happo-agent",
			unavailable: undefined,
			damages: {
				count: 10,
				lostEntries: 11,
				last: { at: 1_700_000_050_700, reason: "a bit", copy: "/copy" },
			},
			diskBytes: async () => 4_096,
			properties: (names) =>
				Object.fromEntries(names.map((name) => [name, `<${name}>`])),
		},
		retention: { doubt: undefined },
		room: { full: undefined, refusals: 9 },
		certificate: () => ({
			file: "agent.pub",
			subject: "CN=web01",
			not_after: 1_800_000_000,
			fingerprint_sha256: "AB:CD",
		}),
		audit: () => ({
			file: "audit.log",
			written: 12,
			lost: 13,
			problem: undefined,
		}),
		clientCertificates: () => null,
		settings: {},
		table: daemonSettings,
		...more,
	};
}
