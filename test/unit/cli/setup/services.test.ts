import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tools } from "../../../../cli/ctl/doctor/tools.ts";
import { systemd } from "../../../../cli/setup/services.ts";

interface Unit {
	enabled: boolean;
	active: boolean;
}

/** A systemctl with these units, which records what changes them. */
function systemctl(units: Record<string, Unit>, failing?: string) {
	const calls: string[] = [];
	const ended = (status: number, stdout = "", stderr = "") => ({
		...{ status, stdout, stderr, isTimedOut: false },
	});
	const tools: Tools = {
		async run([, verb = "", ...words]) {
			const name = words.find((word) => !word.startsWith("-")) ?? "";
			const unit = units[name];
			if (verb === "show")
				return ended(
					0,
					unit
						? `LoadState=loaded\nUnitFileState=${unit.enabled ? "enabled" : "disabled"}\nActiveState=${unit.active ? "active" : "inactive"}\n`
						: "LoadState=not-found\nUnitFileState=\nActiveState=inactive\n",
				);
			calls.push([verb, name].join(" ").trim());
			if (verb === failing)
				return ended(1, "", `Job for ${name} failed.\nSee status.\n`);
			if (unit && (verb === "enable" || verb === "disable"))
				unit.enabled = verb === "enable";
			if (unit && (verb === "restart" || verb === "stop"))
				unit.active = verb === "restart";
			return ended(0);
		},
		close: async () => {},
	};
	return { services: systemd(tools), calls };
}

const on = () => ({ enabled: true, active: true });
const off = () => ({ enabled: false, active: false });

test("a service is brought to a state with what is missing only", async () => {
	for (const [before, wanted, calls] of [
		[
			off(),
			on(),
			["enable a.service", "reset-failed a.service", "restart a.service"],
		],
		[on(), on(), []],
		[on(), off(), ["disable a.service", "stop a.service"]],
		[off(), off(), []],
		[
			{ enabled: true, active: false },
			on(),
			["reset-failed a.service", "restart a.service"],
		],
		[on(), { enabled: true, active: false }, ["stop a.service"]],
	] as const) {
		const made = systemctl({ "a.service": { ...before } });
		await made.services.bring("a.service", wanted);
		assert.deepEqual(made.calls, calls);
	}
	const restarted = systemctl({ "a.service": on(), "a.socket": on() });
	await restarted.services.bring("a.service", on(), { restart: true });
	assert.deepEqual(restarted.calls, [
		...["stop a.socket", "stop a.service"],
		...["reset-failed a.service", "restart a.service"],
	]);
});

test("a socket that listens for the service stops first", async () => {
	const { services, calls } = systemctl({
		"a.service": on(),
		"a.socket": on(),
	});
	await services.bring("a.service", { enabled: true, active: false });
	assert.deepEqual(calls, ["stop a.socket", "stop a.service"]);
});

test("an unknown service need not be stopped, and cannot be started", async () => {
	const { services } = systemctl({});
	assert.equal(await services.state("a.service"), undefined);
	await services.bring("a.service", off());
	await assert.rejects(
		services.bring("a.service", on()),
		/^SetupError: a\.service: systemd does not know it$/,
	);
});

test("what systemctl says is the reason", async () => {
	const { services } = systemctl({ "a.service": off() }, "restart");
	await assert.rejects(
		services.bring("a.service", on()),
		/^SetupError: systemctl restart a\.service: Job for a\.service failed\.$/,
	);
});
