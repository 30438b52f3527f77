import { check, postText } from "../requests.ts";
import type { Attack, Scenario } from "../scenario.ts";

/** More processes left behind than any sensible limit allows. */
const maxLeft = 512;

/** Checks that leave a child behind, as fast as the agent answers them. */
const leaving = (name: string, plugin: string): Scenario => ({
	name: `800 checks that leave a child, its output ${name}`,
	seconds: 30,
	// the children sleep for thirty seconds
	settleSeconds: 40,
	async run(attack) {
		let left = 800;
		await Promise.all(
			Array.from({ length: 50 }, async () => {
				while (left-- > 0 && !attack.over.aborted)
					await attack.ask({ path: "/monitor", body: check(plugin) });
			}),
		);
		const answer = await attack.ask({ path: "/status" });
		if (!answer) return ["/status was not answered"];
		const { commands } = JSON.parse(answer.text) as {
			commands?: Record<string, unknown>;
		};
		const there = attack.processes();
		attack.tally.count(
			`/status with ${there} remaining processes: ${JSON.stringify(commands)}`,
		);
		const counted = Object.values(commands ?? {})
			.filter(Number)
			.map(Number);
		return [
			...(there > maxLeft ? [`${there} processes left behind at once`] : []),
			// some end between the answer and the count
			...(counted.some((number) => number >= there / 2)
				? []
				: [`/status counts no processes while ${there} are left behind`]),
		];
	},
});

/** Many requests at once, each on a connection of its own. */
async function atOnce(
	attack: Attack,
	count: number,
	path: string,
	body: unknown,
) {
	const ask = () => attack.ask({ path, body });
	await Promise.all(Array.from({ length: count }, ask));
	return undefined;
}

const loudInventory = {
	command: "head -c 4194304 /dev/zero | tr '\\0' x",
	command_option: "",
};

const outputs: Scenario[] = [
	{
		name: "256 checks that print 8 MiB each",
		seconds: 30,
		run: (attack) => atOnce(attack, 256, "/monitor", check("check_loud")),
	},
	{
		name: "256 checks that print 8 MiB each, answers not read",
		seconds: 30,
		async run(attack) {
			await Promise.all(
				Array.from({ length: 256 }, async () => {
					const wire = attack.wire({ reads: false });
					if (await wire.opened)
						wire.socket.write(postText("/monitor", check("check_loud")));
				}),
			);
			await attack.hold();
			return undefined;
		},
	},
	{
		name: "256 inventory commands that print 4 MiB each",
		seconds: 30,
		run: (attack) => atOnce(attack, 256, "/inventory", loudInventory),
	},
	{
		name: "failing checks with machine states of 3.6 MB, 50 at once",
		seconds: 20,
		flags: (plugins) => [
			...["--error-log-interval-seconds", "0"],
			"--machine-state-commands",
			Array.from({ length: 4 }, () => `${plugins}/state_big`).join(","),
		],
		async run(attack) {
			await Promise.all(
				Array.from({ length: 50 }, async () => {
					while (!attack.over.aborted)
						await attack.ask({
							...{ path: "/monitor", body: check("check_failing") },
						});
				}),
			);
			return undefined;
		},
	},
];

export const commandScenarios: readonly Scenario[] = [
	leaving("open", "check_leaves_open"),
	leaving("closed", "check_leaves_closed"),
	...outputs,
];
