import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { PolicyError } from "../../src/policy/policy.ts";
import type { SystemUser } from "../ctl/doctor/tools.ts";
import { readUnit, type Unit } from "../ctl/doctor/unit.ts";
import { importNrpe, NrpeConfigError } from "../ctl/nrpe/import.ts";
import type { NrpeImport } from "../ctl/nrpe/imported.ts";
import { at, groupOf, type Machine, userOf } from "./machine.ts";
import { SetupError } from "./setup-error.ts";
import { startOf } from "./unit-start.ts";

/** What the command line says about NRPE. */
export interface NrpeOptions {
	/** Name of its unit; empty to look for it. */
	unit: string;
	/** nrpe.cfg; empty for the one of the unit, or the usual places. */
	nrpeConfig: string;
}

const usualUnits = ["nagios-nrpe-server.service", "nrpe.service"];
const usualConfigs = [
	...["/etc/nagios/nrpe.cfg", "/etc/nrpe.cfg", "/etc/icinga/nrpe.cfg"],
	"/usr/local/nagios/etc/nrpe.cfg",
];
const usualPort = 5666;

/** The options of NRPE's command line that say how to take its place. */
const daemonOptions = {
	config: { type: "string", short: "c" },
	"no-ssl": { type: "boolean", short: "n" },
} as const;

/** NRPE as this machine has it. */
export interface Nrpe {
	unit: Unit | undefined;
	config: string;
	/** Whether it was told to do without TLS. */
	isPlain: boolean;
	made: NrpeImport;
	port: number;
	user: SystemUser | undefined;
	group: { name: string; gid: number } | undefined;
	userName: string;
}

/** NRPE's unit: the first that is active, otherwise the first. */
async function findUnit(
	machine: Machine,
	name: string,
): Promise<Unit | undefined> {
	const units: Unit[] = [];
	for (const each of name === "" ? usualUnits : [name]) {
		const unit = await readUnit(machine.tools, each, machine.root);
		if (unit) units.push(unit);
	}
	if (name !== "" && units.length === 0)
		throw new SetupError(`${name}: no such unit`);
	return units.find(({ state }) => state === "active") ?? units[0];
}

/** Reads NRPE's unit and configuration. Throws SetupError if there is none. */
export async function findNrpe(
	machine: Machine,
	options: NrpeOptions,
): Promise<Nrpe> {
	const unit = await findUnit(machine, options.unit);
	const { words } = unit ? await startOf(machine, unit) : { words: [] };
	const [program = "", ...args] = words;
	const { values } = parseArgs({ args, options: daemonOptions, strict: false });
	const ofUnit = typeof values.config === "string" ? values.config : "";
	const config =
		options.nrpeConfig ||
		ofUnit ||
		usualConfigs.find((file) => existsSync(at(machine, file)));
	if (!config)
		throw new SetupError(
			`no NRPE found: there is neither a unit (${usualUnits.join(", ")}) nor ${usualConfigs.join(", ")}; name its configuration with --nrpe-config`,
		);
	let made: NrpeImport;
	try {
		made = await importNrpe(at(machine, config), {
			...(program.startsWith("/") && { daemonFile: at(machine, program) }),
		});
	} catch (error) {
		if (!(error instanceof NrpeConfigError || error instanceof PolicyError))
			throw error;
		throw new SetupError(error.message);
	}
	const { settings } = made;
	// a daemon that systemd starts as a user cannot become another
	const isDropped = unit && unit.user !== "" && unit.user !== "root";
	const userName = isDropped
		? unit.user
		: (settings.user?.value ?? unit?.user ?? "") || "nagios";
	const user = await userOf(machine, userName);
	const groupName = isDropped ? unit.group : settings.group?.value;
	const group = await groupOf(machine, groupName || String(user?.gid ?? ""));
	return {
		...{ unit, config, made, user, group, userName },
		isPlain: values["no-ssl"] === true,
		port: settings.port?.value ?? usualPort,
	};
}
