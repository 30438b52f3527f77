import { shownDefault } from "../../cli/program/help.ts";
import { type Setting, variableName } from "../../src/setting-table.ts";
import { daemonSettings } from "../../src/settings.ts";

const settings: [string, Setting][] = Object.entries(daemonSettings);

/** The daemon's environment file: every variable, commented out unless a service needs a value other than the default. */
export function environmentFile(): string {
	const entries = settings.map(([name, setting]) => {
		const { installed } = setting;
		const line =
			installed === undefined
				? `#${variableName(name)}=${shownDefault(setting)}`
				: `${variableName(name)}=${installed}`;
		return `\n# ${setting.help}\n${line}\n`;
	});
	return `# Settings of happo-agent. The systemd unit and the upstart job read this file.
# \`npm run generate\` writes it from src/settings.ts. Lines that are commented out
# show the defaults; the other lines are the paths of the installation in
# contrib/doc/install.md.
# Use absolute paths: a relative path is relative to the daemon's working directory.
${entries.join("")}`;
}

const cell = (text: string) => text.replaceAll("|", "\\|");

/** The table of settings. */
function settingsTable(): string {
	const rows = settings.map(([name, setting]) => {
		const short = setting.short ? `, \`-${setting.short}\`` : "";
		const flag =
			setting.from === "environment"
				? "variable only"
				: `\`--${name}\`${short}`;
		const initial = shownDefault(setting);
		return `| ${flag} | \`${variableName(name)}\` | ${initial && `\`${initial}\``} | ${cell(setting.help)} |`;
	});
	return `| flag | variable | default | what |\n|---|---|---|---|\n${rows.join("\n")}`;
}

/** A document with the table between the settings markers replaced. */
export function withSettingsTable(document: string): string {
	const [begin, end] = ["<!-- settings -->", "<!-- /settings -->"];
	const parts = document.split(new RegExp(`${begin}[\\s\\S]*${end}`));
	if (parts.length !== 2) throw new Error("no place for the table of settings");
	return parts.join(`${begin}\n${settingsTable()}\n${end}`);
}
