// Kills the built daemon at random moments: crash.js [ROUNDS [SEED]]
import { crashFigures, crashRounds } from "../../test/support/crash.ts";
import { createScope } from "../../test/support/scope.ts";

const [rounds = "1000", seed = String(Math.floor(Math.random() * 2 ** 32))] =
	process.argv.slice(2);
const print = (line: string) => process.stdout.write(`${line}\n`);

const scope = createScope();
try {
	print(`seed ${seed}`);
	const report = await crashRounds(scope, {
		rounds: Number(rounds),
		seed: Number(seed),
		progress: print,
	});
	for (const line of crashFigures(report)) print(line);
	for (const line of report.errors.slice(0, 20)) print(line);
	const { lost, passesLost, resurrected, batchesChanged, torn } = report;
	const isOpen = report.killsInOpenRequest * 2 >= report.rounds;
	const bad = lost + passesLost + resurrected + batchesChanged + torn;
	if (bad > 0 || report.errors.length > 0 || !isOpen) process.exitCode = 1;
} finally {
	await scope.end();
}
