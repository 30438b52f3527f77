import type { components } from "../../generated/schema.ts";
import type { SettingTable } from "../setting-table.ts";
import { bufferSpan, type Damages, diskBytes, type State } from "./state.ts";

type Status = components["schemas"]["Status"];

/** The properties that goleveldb, v1's store, reports. LevelDB knows some of them. */
const propertyNames = [
	"aliveiters",
	"alivesnaps",
	"blockpool",
	"cachedblock",
	"num-files-at-level0",
	"num-files-at-level1",
	"num-files-at-level2",
	"openedtables",
	"sstables",
	"stats",
	"writedelay",
];

const nothing = { oldest: 0, newest: 0 };

function shownSettings(
	table: SettingTable,
	values: Readonly<Record<string, unknown>>,
): Record<string, string> {
	const shown = Object.entries(values).map(([name, value]) => {
		// settings without a flag are secrets, because `ps` would show a flag
		const isSecret = table[name]?.from === "environment" && value !== "";
		const text = typeof value === "boolean" ? (value ? "yes" : "no") : value;
		return [name, isSecret ? "(hidden)" : String(text)];
	});
	return Object.fromEntries(shown);
}

/** The store's properties. Unknown ones get a placeholder of the form that scripts parse. */
function properties(database: State["database"]): Record<string, string> {
	const known = database.properties(propertyNames);
	const tables = known.sstables?.match(/^ \d+:\d+\[/gm)?.length ?? 0;
	const instead = (name: string) => {
		if (name === "openedtables") return String(tables);
		if (name === "writedelay") return "DelayN:0 Delay:0s Paused:false";
		return /^(alive|cachedblock$|num-files)/.test(name) ? "0" : "";
	};
	return Object.fromEntries(
		Object.entries(known).map(([name, text]) => [
			`leveldb.${name}`,
			text || instead(name),
		]),
	);
}

/** Damage in the form of the contract. */
function shownDamages({ count, lostEntries, last }: Damages) {
	return {
		damages: count,
		lost_entries: lostEntries,
		last_damage: last
			? {
					at: Math.floor(last.at / 1000),
					reason: last.reason,
					copy: last.copy ?? null,
				}
			: null,
	};
}

/** The audit log in the form of the contract. */
function shownAudit(audit: ReturnType<State["audit"]>) {
	if (!audit) return null;
	const { file, written, lost, problem } = audit;
	return { file, written, lost, problem: problem ?? null };
}

/** What is relayed, in the form of the contract. */
const shownRelay = ({ requests, slowHops }: ReturnType<State["relay"]>) => ({
	requests,
	slow_hops: [...slowHops],
});

/** The agent's current state. */
export async function reportStatus(state: State): Promise<Status> {
	const { startedAt, database, settings, table } = state;
	const callers = process.getActiveResourcesInfo();
	const { unavailable } = database;
	const { oldest, newest } = (await bufferSpan(state)) ?? nothing;
	return {
		app_version: state.version,
		uptime_seconds: Math.floor(state.uptimeSeconds()),
		num_goroutine: callers.length,
		metric_buffer_status: {
			newest_timestamp: newest,
			oldest_timestamp: oldest,
		},
		callers,
		leveldb_properties: properties(database),
		node_version: process.versions.node,
		pid: process.pid,
		started_at: Math.floor(startedAt / 1000),
		now: Math.floor(state.now() / 1000),
		commands: state.commands(),
		connections: state.connections(),
		event_loop: state.eventLoop(),
		collection: state.collection(),
		store: {
			directory: database.directory,
			available: unavailable === undefined,
			reason: unavailable ?? null,
			disk_bytes: (await diskBytes(state)) ?? 0,
			full: state.room.full ?? null,
			refused_writes: state.room.refusals,
			retention_waits: state.retention.doubt ?? null,
			...shownDamages(database.damages),
		},
		certificate: state.certificate(),
		audit_log: shownAudit(state.audit()),
		relay: shownRelay(state.relay()),
		nrpe: state.nrpe(),
		client_certificates: state.clientCertificates(),
		policy: state.policy(),
		settings: shownSettings(table, settings),
	};
}
