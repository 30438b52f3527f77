import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { targetSettings } from "../../../../../cli/ctl/flags.ts";
import { findTargets } from "../../../../../cli/ctl/target/targets.ts";
import { UsageError } from "../../../../../cli/program/arguments.ts";
import { resolveSettings } from "../../../../../src/setting-table.ts";

const settings = (flags: Record<string, string[]>) =>
	resolveSettings(targetSettings, flags, {});

test("targets have no duplicates; default is this machine; hosts of a group have bastions", async () => {
	const find = async (
		flags: Record<string, string[]>,
		hosts: { ip: string; port: number; proxies: string[] }[] = [],
	) =>
		(
			await findTargets(settings(flags), Readable.from([]), async () =>
				hosts.map((host) => ({ group_name: "G", hostname: "", ...host })),
			)
		).map(({ name, via }) => [name, ...via.map(({ host }) => host)]);
	assert.deepEqual(await find({}), [["127.0.0.1:6777"]]);
	assert.deepEqual(await find({ host: ["web01,web02:1", "WEB01"] }), [
		...[["web01:6777"], ["web02:1"]],
	]);
	assert.deepEqual(await find({ host: ["::1"], via: ["b1,b2"] }), [
		["[::1]:6777", "b1", "b2"],
	]);
	const listed = [
		{ ip: "192.0.2.5", port: 6777, proxies: ["198.51.100.1:6777"] },
		{ ip: "2001:db8::1", port: 1, proxies: [] },
	];
	assert.deepEqual(await find({ group: ["G"] }, listed), [
		...[["192.0.2.5:6777", "198.51.100.1"], ["[2001:db8::1]:1"]],
	]);
	assert.deepEqual(await find({ group: ["G"], via: ["b"] }, listed.slice(1)), [
		["[2001:db8::1]:1", "b"],
	]);
	// the group and the name are those of the management server
	const [named] = await findTargets(
		settings({ group: ["WEB"] }),
		Readable.from([]),
		async () => [
			{
				...{ group_name: "WEB!FRONT", ip: "192.0.2.5", hostname: "web01" },
				...{ port: 6777, proxies: [] },
			},
		],
	);
	assert.deepEqual([named?.group, named?.label], ["WEB!FRONT", "web01"]);
	await assert.rejects(find({ group: ["G"] }), /lists no hosts for it/);
	await assert.rejects(
		find({ group: ["G"] }, [{ ip: "a b", port: 1, proxies: [] }]),
		UsageError,
	);
	// without its bastion, the address may be that of another host
	for (const odd of ["bastion 1", "https://bastion1", "bastion1:0"]) {
		const behind = [{ ip: "10.0.0.5", port: 1, proxies: ["b1", odd] }];
		await assert.rejects(find({ group: ["G"] }, behind), {
			message: `--group G: 10.0.0.5 port 1: not a bastion with an optional port: "${odd}"`,
		});
		// it is not asked for
		assert.deepEqual(await find({ group: ["G"], via: ["b"] }, behind), [
			["10.0.0.5:1", "b"],
		]);
	}
	assert.deepEqual(
		await find({ group: ["G"] }, [{ ip: "a", port: 1, proxies: ["", " b "] }]),
		[["a:1", "b"]],
	);
});
