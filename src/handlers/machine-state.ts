import type { Handlers } from "../../generated/handlers.ts";
import type { MachineStates } from "../store/machine-states.ts";

/** GET /machine-state and GET /machine-state/{key}. */
export function createMachineState(
	states: MachineStates,
): Pick<Handlers, "listMachineStates" | "getMachineState"> {
	return {
		listMachineStates: async () => {
			const keys = await states.list();
			return { status: keys.length > 0 ? 200 : 404, body: { keys } };
		},
		getMachineState: async ({ key }) => {
			const machineState = await states.read(key);
			return machineState === undefined
				? { status: 404, body: { error: "leveldb: not found" } }
				: { status: 200, body: { machineState } };
		},
	};
}
