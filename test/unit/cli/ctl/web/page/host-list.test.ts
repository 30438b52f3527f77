import assert from "node:assert/strict";
import { test } from "node:test";
import {
	changed,
	countStates,
	filtered,
	groupsOf,
	type HostFilter,
	worstFirst,
} from "../../../../../../cli/ctl/web/page/host-list.ts";
import type { components } from "../../../../../../generated/web-schema.ts";

type Host = components["schemas"]["Host"];

const host = (name: string, more: Partial<Host> = {}): Host => ({
	...{ id: 0, key: name, name, via: [], group: "", state: "ok" },
	...{ problem: "", problems: 0, version: "2.0.0" },
	...{ answered_at: 1, waiting_since: null },
	...more,
});
const hosts = [
	host("web10:6777", { group: "WEB!FRONT" }),
	host("web2:6777", { group: "WEB!FRONT", via: ["bastion1:6777"] }),
	host("db1:6777", { state: "critical", problem: "check disk: full" }),
	host("db2:6777", { state: "failed", group: "DB" }),
	host("new:6777", { state: "waiting" }),
];
const names = (some: readonly Host[]) =>
	some.map(({ name }) => name.replace(":6777", ""));
const find = (filter: Partial<HostFilter>) =>
	names(
		filtered(hosts, {
			...{ search: "", state: undefined, group: undefined },
			...filter,
		}),
	);

test("the worst hosts come first, and equally bad ones by name", () => {
	assert.deepEqual(names(worstFirst(hosts)), [
		...["db2", "db1", "new", "web2", "web10"],
	]);
	assert.equal(countStates(hosts).get("ok"), 2);
});

test("a search looks for words in all texts of a host", () => {
	assert.deepEqual(find({ search: "BASTION1" }), ["web2"]);
	assert.deepEqual(find({ search: " full disk " }), ["db1"]);
	assert.deepEqual(find({ search: "web db" }), []);
	assert.deepEqual(find({}), names(hosts));
});

test("a group has its subgroups", () => {
	assert.deepEqual(groupsOf(hosts), ["DB", "WEB", "WEB!FRONT"]);
	assert.deepEqual(find({ group: "WEB" }), ["web10", "web2"]);
	assert.deepEqual(find({ group: "WEB!FRONT", search: "web2" }), ["web2"]);
	assert.deepEqual(find({ state: "failed" }), ["db2"]);
});

test("hosts come, change and go", () => {
	const [one, two] = [host("one", { id: 0 }), host("two", { id: 1 })];
	const worse = { ...two, state: "critical" as const };
	const known = changed([], { hosts: [one, two], gone: [] });
	assert.deepEqual(known, [one, two]);
	const three = host("three", { id: 2 });
	assert.deepEqual(changed(known, { hosts: [three, worse], gone: [0, 7] }), [
		...[worse, three],
	]);
});
