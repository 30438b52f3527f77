import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { knownOptions } from "../../../cli/check-happo/arguments.ts";

const read = (path: string) => readFileSync(path, "utf8");

interface Argument {
	value?: string;
	set_if?: string;
	required?: boolean;
	repeat_key?: boolean;
}

interface Basket {
	Command: Record<
		string,
		{
			arguments: Record<string, Argument>;
			command: string;
			fields: { datafield_id: number; is_required: "y" | "n" }[];
			vars: Record<string, unknown>;
		}
	>;
	Datafield: Record<string, { varname: string; datatype: string }>;
}

/** The arguments of the command for Icinga 2, without their descriptions. */
function icingaArguments(text: string): Record<string, Argument> {
	const blocks = text.matchAll(/^\t\t"(-[^"]+)" = \{\n([^}]*)\}/gm);
	return Object.fromEntries(
		[...blocks].map(([, name = "", inside = ""]) => [
			name,
			Object.fromEntries(
				[...inside.matchAll(/^\t+(\w+) = (.*)$/gm)]
					.filter(([, key]) => key !== "description")
					.map(([, key, value = ""]) => [key, JSON.parse(value)]),
			),
		]),
	);
}

test("the Director basket has the arguments and variables of the Icinga 2 command", () => {
	const icinga = read("contrib/etc/icinga2/check_happo.conf");
	const { Command, Datafield } = JSON.parse(
		read("contrib/etc/icinga2-director/check_happo.json"),
	) as Basket;
	assert.deepEqual(Object.keys(Command), ["happo"]);
	const {
		arguments: args,
		command,
		fields,
		vars,
	} = Command.happo ?? assert.fail();
	const wanted = icingaArguments(icinga);
	const bare = Object.entries(args).map(([name, argument]) => {
		const { description, ...rest } = argument as Argument & {
			description: string;
		};
		assert.ok(description.length > 10, name);
		return [name, rest];
	});
	assert.deepEqual(Object.fromEntries(bare), wanted);
	assert.equal(command, "PluginDir + /check_happo monitor");
	assert.ok(icinga.includes('[ PluginDir + "/check_happo", "monitor" ]'));
	for (const [, name = "", value = ""] of icinga.matchAll(
		/^\tvars\.(\w+) = (.*)$/gm,
	))
		assert.deepEqual(vars[name], JSON.parse(value), name);

	// every option is one of check_happo, and every variable has a field
	const known = knownOptions.flatMap(({ long, short }) => [
		`--${long}`,
		...(short ? [`-${short}`] : []),
	]);
	for (const name of Object.keys(wanted)) assert.ok(known.includes(name), name);
	const varnames = fields.map(
		({ datafield_id }) => Datafield[datafield_id]?.varname,
	);
	assert.deepEqual(
		varnames.toSorted(),
		Object.values(wanted)
			.map(({ value, set_if }) => (value ?? set_if ?? "").replaceAll("$", ""))
			.sort(),
	);
	for (const { datatype } of Object.values(Datafield))
		assert.match(
			datatype,
			/^Icinga\\Module\\Director\\DataType\\DataType(String|Number|Array|Boolean)$/,
		);
});
