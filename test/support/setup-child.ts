/**
 * Runs setup on a machine in a directory, and kills itself with SIGKILL at a step:
 *   node setup-child.js ROOT v1|nrpe|back N
 */
import { goBackToBefore, setUp } from "../../cli/setup/run.ts";
import { machineIn } from "./setup-machine.ts";

const [, , root = "", what = "", at = ""] = process.argv;
let steps = 0;
const machine = machineIn(root, () => {
	if (steps === Number(at)) process.kill(process.pid, "SIGKILL");
	steps++;
});
if (what === "back") await goBackToBefore(machine, { isForced: false });
else
	await setUp(
		machine,
		{
			from: what as "v1" | "nrpe",
			isMeant: true,
			unit: "",
			environmentFile: "",
			nrpeConfig: "",
			acceptsLosses: false,
		},
		new AbortController().signal,
	);
await machine.end();
