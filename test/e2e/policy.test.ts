import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { brokerProcess } from "../support/broker.ts";
import { nativeClientMissing } from "../support/check-happo.ts";
import { startWithPlugins } from "../support/command-line.ts";
import { missingNagios, startNagios } from "../support/nagios.ts";
import { lacksPeer } from "../support/peer.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const policyText = `version: 1
mode: enforce
who:
  nagios: { address: 127.0.0.1 }
commands:
  exit:
    run: [check_exit, "{status}"]
    slots: { status: { is: integer, min: 0, max: 3 } }
  args:
    run: [check_args, -w, "{warning}", -c, "{critical}", -p, "{path}"]
    slots:
      warning: { is: threshold }
      critical: { is: threshold }
      path: { is: path, below: [/, /var] }
rules:
  - { who: nagios, may: check, commands: "*" }
`;

/** Fifty services as they are defined today, without a thought of a policy. */
const services = (port: number) =>
	Array.from({ length: 50 }, (_, number) => {
		const status = number % 4;
		const command =
			number % 2 === 0
				? `check_exit!${status}`
				: `check_args!-w 10:${number + 20} -c @1:2,~:5 -p '/var/log ${number}'`;
		return {
			description: `service ${String(number).padStart(2, "0")}`,
			command: `check_happo_port!${port}!${command}`,
		};
	});

test("fifty services of a real Nagios run unchanged under a policy; another word is refused", async (t) => {
	if (lacksPeer(t, missingNagios ?? nativeClientMissing())) return;
	const directory = await temporaryDirectory(t);
	const file = join(directory, "policy.yaml");
	const broker = await brokerProcess(t, ["--insecure"]);
	const seen = async (port: number) => {
		const nagios = await startNagios(
			t,
			[
				...services(port),
				{
					description: "shadow",
					command: `check_happo_port!${port}!check_args!-w 1 -c 2 -p /etc/../etc/shadow`,
				},
			],
			{ environment: { HAPPO_BROKER: broker.socket } },
		);
		const found = await nagios.checked();
		await nagios.stop();
		return new Map(found.map((one) => [one.description, one]));
	};
	const without = await startWithPlugins(t);
	const before = await seen(without.port);
	await writeFile(file, policyText);
	const under = await startWithPlugins(t, ["--policy", file]);
	const after = await seen(under.port);
	for (const { description } of services(0))
		assert.deepEqual(after.get(description), before.get(description));
	assert.equal(before.get("shadow")?.state, 0);
	const refused = after.get("shadow");
	assert.equal(refused?.state, 3);
	assert.match(refused.output, /not permitted: path: \/etc\/\.\.\/etc\/shadow/);
	assert.equal((await under.stop()).code, 0);
	assert.equal((await without.stop()).code, 0);
});
