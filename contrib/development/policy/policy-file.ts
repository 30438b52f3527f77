/** The commands of the campaign's policy: every type of slot, and a checker that knows nothing of ours. */
export interface CampaignCommand {
	/** As in a policy file. */
	yaml: string;
	/** Plugin and permission. */
	plugin: string;
	/** A valid option line in the plugin's own words. */
	lines: readonly string[];
	/** Valid values in the order of the slots. */
	values: readonly string[];
	/** Whether the arguments that a plugin got are among those that the template allows. */
	allows(args: readonly string[]): boolean;
}

/** A range of Nagios, or a list of them; numbers may have a unit. */
const number = "(?:-?[\\d.]+(?:%|[A-Za-z]{1,3})?)";
const range = `@?(?:~|${number})?(?::${number}?)?`;
const threshold = new RegExp(`^${range}(?:,${range})*$`);
const hasControl = (text: string) =>
	[...text].some((character) => {
		const code = character.codePointAt(0) ?? 0;
		return code < 32 || code === 127;
	});
const isBelow = (path: string, ...roots: string[]) =>
	!hasControl(path) &&
	!/\/(\.\.?)?(\/|$)/.test(path) &&
	roots.some((root) => path === root || path.startsWith(`${root}/`));

/** Compares arguments with a template: texts are literal, functions test a value. */
const matches = (
	args: readonly string[],
	template: readonly (string | ((value: string) => boolean))[],
) =>
	args.length === template.length &&
	template.every((part, at) => {
		const value = args[at] ?? "";
		return typeof part === "string" ? part === value : part(value);
	});

/** A word that is neither an option nor holds anything but printable characters. */
const isPlain = (value: string) => !value.startsWith("-") && !hasControl(value);

export const campaignCommands: Readonly<Record<string, CampaignCommand>> = {
	disk: {
		plugin: "check_disk",
		yaml: `
    run: [check_disk, -w, "{warning}", -c, "{critical}", -p, "{path}"]
    slots:
      warning: { is: threshold, default: "20%" }
      critical: { is: threshold, default: "10%" }
      path: { is: path, below: [/var, /srv] }`,
		lines: ["-w 20% -c 10% -p /var/log", "-w 5 -c 1:2 -p '/srv/a b'"],
		values: ["10 5 /srv", "@1:2 ~:3 /var/lib/x"],
		allows: (args) =>
			matches(args, [
				"-w",
				(value) => threshold.test(value),
				"-c",
				(value) => threshold.test(value),
				"-p",
				(value) => isBelow(value, "/var", "/srv"),
			]),
	},
	load: {
		plugin: "check_load",
		yaml: `
    run: [check_load, "{options...}"]
    slots: { options: { is: words, options: { -w: threshold, -c: threshold, -r: true } } }`,
		lines: ["-r -w 5,4,3 -c 10,9,8", "-w 1"],
		values: ["-r", "-w 2 -c 3"],
		allows: (args) => {
			for (let at = 0; at < args.length; at++) {
				if (args[at] === "-r") continue;
				if (args[at] !== "-w" && args[at] !== "-c") return false;
				at++;
				if (!threshold.test(args[at] ?? "!")) return false;
			}
			return true;
		},
	},
	http: {
		plugin: "check_http",
		yaml: `
    run: [check_http, "--url={url}", -H, "{host}", -p, "{port}", -t, "{seconds}"]
    slots:
      url: { is: url, schemes: [https] }
      host: { is: host }
      port: { is: port, default: "443" }
      seconds: { is: integer, min: 1, max: 30, default: "5" }`,
		lines: [
			"--url=https://www.example.net/ -H www.example.net -p 443 -t 10",
			"--url=https://a.example/x?y=1 -H 192.0.2.1 -p 8443 -t 1",
		],
		values: [
			"https://www.example.net/ www.example.net",
			"https://a.example/ ::1 80 3",
		],
		allows: (args) =>
			matches(args, [
				(value) =>
					/^--url=https:\/\/[^\s]+$/i.test(value) && !hasControl(value),
				"-H",
				(value) => /^[\w.:-]+$/.test(value) && !value.startsWith("-"),
				"-p",
				(value) => /^\d{1,5}$/.test(value) && Number(value) <= 65_535,
				"-t",
				(value) =>
					/^\d+$/.test(value) && Number(value) >= 1 && Number(value) <= 30,
			]),
	},
	service: {
		plugin: "check_service",
		yaml: `
    run: [check_service, "{name}", "{state}", "{text}"]
    slots:
      name: { is: match, pattern: "[a-z][a-z0-9@_.-]*" }
      state: { is: one-of, values: [running, stopped] }
      text: { is: text, default: "none" }`,
		lines: ["ssh running 'a b'", "cron.d stopped none"],
		values: ["ssh running", "x@1 stopped 'some text'"],
		allows: (args) =>
			matches(args, [
				(value) => /^[a-z][a-z0-9@_.-]*$/.test(value),
				(value) => value === "running" || value === "stopped",
				isPlain,
			]),
	},
	age: {
		plugin: "check_age",
		yaml: `
    run: [check_age, "{age}", "{part}", "{factor}", "{word}"]
    slots:
      age: { is: duration }
      part: { is: percent }
      factor: { is: number }
      word: { is: word }`,
		lines: ["5m 10% 1.5 abc", "30s 99% 2 x_y"],
		values: ["1h 5% 3 abc", "10s 0% 0.5 z"],
		allows: (args) =>
			matches(args, [
				(value) => /^[\d.]+\s*[a-z]*$/i.test(value),
				(value) => /^[\d.]+%?$/.test(value),
				(value) => /^-?[\d.]+(e[+-]?\d+)?$/i.test(value),
				(value) => isPlain(value) && !/\s/.test(value),
			]),
	},
};

/** Callers of the campaign, by the address of loopback that they come from. */
export const callers = {
	"127.0.0.2": "all",
	"127.0.0.3": "disk and load",
	"127.0.0.4": "nothing",
} as const;

/** The caller that sends and leaves at once, and how many of its checks may run at once. */
export const leaver = { address: "127.0.0.5", atOnce: 4 } as const;

/** The policy file. */
export const policyFile = (): string => `version: 1
mode: enforce
who:
  all: { address: 127.0.0.2 }
  some: { address: 127.0.0.3 }
  leaver: { address: ${leaver.address} }
commands:
  sleep: { run: [check_sleep, "0.05"] }
${Object.entries(campaignCommands)
	.map(([name, { yaml }]) => `  ${name}:${yaml}`)
	.join("\n")}
rules:
  - { who: all, may: check, commands: [${Object.keys(campaignCommands).join(", ")}] }
  - { who: leaver, may: check, commands: sleep, at-once: ${leaver.atOnce} }
  - { who: some, may: check, commands: [disk, load] }
  - { who: some, may: read-status }
`;
