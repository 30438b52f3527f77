import type { Setting, SettingTable } from "../src/setting-table.ts";
import type { KnownOption } from "./argv.ts";

/** Settings that have a flag: a secret in an argument would show in `ps`. */
const flagged = (table: SettingTable) =>
	Object.entries(table).filter(([, { from }]) => from !== "environment");

/** The default of a setting as a person would write it. */
export function shownDefault({ kind, default: value }: Setting): string {
	if (kind === "switch") return value ? "yes" : "no";
	return Array.isArray(value) ? value.join(",") : String(value);
}

/** The flags of a table, for normaliseArguments. */
export function knownOptions(table: SettingTable): KnownOption[] {
	return flagged(table).map(([long, { short, kind }]) => ({
		long,
		...(short !== undefined && { short }),
		kind: kind === "switch" ? "switch" : "value",
	}));
}
