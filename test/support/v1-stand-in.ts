import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DebianMachine } from "./debian-machine.ts";
import { createPair } from "./next-hop.ts";

const database = "test/fixtures/original-db";

/** Answers on v1's port with v1's certificate. */
const server = `import { createServer } from "node:https";
import { readFileSync } from "node:fs";
const { HAPPO_AGENT_PORT, HAPPO_AGENT_PUBLIC_KEY, HAPPO_AGENT_PRIVATE_KEY } = process.env;
createServer(
	{ cert: readFileSync(HAPPO_AGENT_PUBLIC_KEY), key: readFileSync(HAPPO_AGENT_PRIVATE_KEY) },
	(_, answer) => answer.end("v1"),
).listen(Number(HAPPO_AGENT_PORT));
`;

/** Holds LOCK with flock, as v1 does, and starts the server. */
const program = `#!/bin/sh
if [ "$1" = --version ]; then
	echo happo-agent version 1.1.0
	exit
fi
exec flock --no-fork --nonblock "$HAPPO_AGENT_DBFILE/LOCK" \\
	/usr/lib/happo/node /usr/local/lib/v1/happo-agent "$@"
`;

/** Its environment file; paths are below the working directory of its unit. */
export const v1Environment = `# settings of happo-agent 1.1.0
HAPPO_AGENT_PORT=7777
HAPPO_AGENT_PUBLIC_KEY=./happo-agent.pub
HAPPO_AGENT_PRIVATE_KEY=./happo-agent.key
HAPPO_AGENT_METRIC_CONFIG=./metrics.yaml
HAPPO_AGENT_DBFILE=/var/lib/v1/happo-agent.db
HAPPO_AGENT_LOGFILE=/var/log/v1.log
HAPPO_AGENT_METRICS_MAX_LIFETIME_SECONDS=315360000
MARTINI_ENV=production
`;

/** v1's unit, which has the name of ours. */
export const v1Unit = `[Unit]
Description=happo-agent 1.1.0

[Service]
EnvironmentFile=-/etc/default/happo-agent.env
WorkingDirectory=/etc/happo
ExecStart=/usr/local/bin/happo-agent daemon -A 192.0.2.0/24

[Install]
WantedBy=multi-user.target
`;

/**
 * Installs and starts what stands in for happo-agent 1.1.0: it has its unit, its files, its port,
 * its recorded database and the lock on it. It needs happo-node.
 */
export async function startV1(machine: DebianMachine): Promise<void> {
	const pair = createPair();
	await machine.bash(
		"mkdir -p /usr/local/lib/v1 /etc/happo /var/lib/v1/happo-agent.db",
	);
	for (const [path, content] of Object.entries({
		"/usr/local/lib/v1/package.json": '{"type":"module"}',
		"/usr/local/lib/v1/happo-agent": server,
		"/usr/local/bin/happo-agent": program,
		"/etc/default/happo-agent.env": v1Environment,
		"/etc/systemd/system/happo-agent.service": v1Unit,
		"/etc/happo/happo-agent.pub": pair.certificate,
		"/etc/happo/happo-agent.key": pair.privateKey,
		"/etc/happo/metrics.yaml": "metrics: []\n",
	}))
		await machine.write(path, content);
	for (const name of await readdir(database))
		await machine.write(
			`/var/lib/v1/happo-agent.db/${name}`,
			await readFile(join(database, name)),
		);
	await machine.bash(`chmod 755 /usr/local/bin/happo-agent
		chmod 600 /etc/happo/happo-agent.key
		systemctl daemon-reload
		systemctl enable --now happo-agent`);
}
