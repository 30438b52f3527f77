import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chown, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, it, type TestContext, test } from "node:test";
import { frameBytes, kinds } from "../../cli/broker/frame.ts";
import {
	brokerHere,
	brokerProcess,
	type TestBroker,
} from "../support/broker.ts";
import {
	checkHappoCommand,
	nativeClientMissing,
} from "../support/check-happo.ts";
import { startWithPlugins } from "../support/command-line.ts";
import { eventually } from "../support/eventually.ts";
import {
	type Answer,
	type QueryHandler,
	queryHandler,
	startWorker,
} from "../support/nagios-worker.ts";
import { answering, json } from "../support/next-hop.ts";
import { createScope } from "../support/scope.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const missing = nativeClientMissing();
const worker = missing ? describe.skip : describe;
if (missing) test("the worker of Nagios", (t) => t.skip(missing));

/** The command line of a check, as Nagios makes it. */
const checkOf = (port: number, ...more: string[]) =>
	[
		checkHappoCommand,
		"monitor -H '127.0.0.1'",
		`-P ${port} -p x`,
		...more,
	].join(" ");

/** An agent that says which client asked: only the one for Node.js closes the connection. */
const agent = (t: Pick<TestContext, "after">) =>
	answering(t, (response, { headers }) =>
		json(response, {
			return_value: 1,
			message: headers.connection === "close" ? "node\n" : "broker\n",
		}),
	);

/** What Nagios makes of an answer. */
const seen = ({ wait_status, outstd, outerr, exited_ok }: Answer) => ({
	...{ wait_status, outstd, outerr, exited_ok },
});
const ended = (status: number, outstd: string, outerr = "") => ({
	...{ wait_status: String(status << 8), outstd, outerr, exited_ok: "1" },
});
const timedOut = {
	...{ exited_ok: "0", error_code: "62", outstd: "", outerr: "" },
};
const timeoutOf = ({ exited_ok, error_code, outstd, outerr }: Answer) => ({
	...{ exited_ok, error_code, outstd, outerr },
});

/** A query handler with a registered worker that has a broker. */
async function working(
	t: Pick<TestContext, "after">,
	broker: string,
	environment?: Record<string, string>,
) {
	const nagios = await queryHandler(t);
	const started = startWorker(
		t,
		["--nagios-worker", nagios.path, "--broker", broker],
		environment,
	);
	await nagios.registered(1);
	return { nagios, worker: started };
}

worker("a worker of Nagios with a broker", () => {
	const scope = createScope();
	let broker: TestBroker;
	let nagios: QueryHandler;
	let pid: number;

	before(async () => {
		broker = await brokerHere(scope);
		const started = await working(scope, broker.socket);
		nagios = started.nagios;
		pid = started.worker.process.pid ?? assert.fail();
	});
	after(async () => {
		assert.deepEqual(nagios.strange, []);
		await scope.end();
	});

	/** How many checks the broker has answered for the worker while a function ran. */
	const throughBroker = async (run: () => Promise<unknown>) => {
		const begin = broker.status().checks_of_workers;
		await run();
		return broker.status().checks_of_workers - begin;
	};

	it("registers for check_happo, without a process id, which Nagios would kill", () => {
		assert.deepEqual(nagios.registrations, [
			"@wproc register name=check_happo;max_jobs=10000;plugin=check_happo",
		]);
	});

	it("has the broker run a check of a real agent, and answers by its own clock", async (t) => {
		const { port } = await startWithPlugins(t);
		const command = `/any/where/check_happo monitor -H 127.0.0.1 -P ${port} -p check_exit -o '2 -w "5"'`;
		const begin = Date.now() / 1000;
		const count = await throughBroker(async () => {
			const answer = await nagios.job({ command });
			const end = Date.now() / 1000;
			const { start, stop, runtime, job_id, ...rest } = answer;
			assert.deepEqual(rest, {
				...{ type: "0", command, timeout: "60" },
				...ended(2, "exit 2 says hello\n"),
			});
			assert.ok(Number(start) >= begin - 0.01 && Number(stop) <= end + 0.01);
			const took = Number(stop) - Number(start);
			assert.ok(took > 0 && Math.abs(took - Number(runtime)) < 0.001);
			assert.equal(job_id, "0");
		});
		assert.equal(count, 1);
	});

	it("passes on any status and output, as far as its first NUL", async (t) => {
		const long = `${"ü".repeat(40_000)} |a=1;2;3\nmore \u0001 = text\n|b=2\n`;
		for (const [message, status, expected] of [
			["", 0, ""],
			["one |x=1\ntwo\nthree | y=2\n", 1, undefined],
			[long, 2, undefined],
			["seen\0unseen", 3, "seen"],
			["\0unseen", 255, ""],
			["x".repeat(2_000_000), 0, "x".repeat(1_048_576)],
		] as const) {
			const { port } = await answering(t, (response) =>
				json(response, { return_value: status, message }),
			);
			assert.deepEqual(
				seen(await nagios.job({ command: checkOf(port) })),
				ended(status, expected ?? message),
			);
		}
	});

	it("answers event handlers and perfdata commands with their type", async (t) => {
		const { port } = await agent(t);
		for (const [type, timeout] of [
			[5, 30],
			[10, 0],
		] as const) {
			const command = checkOf(port);
			const answer = await nagios.job({ command, type, timeout });
			assert.deepEqual(
				[answer.type, answer.timeout, answer.outstd],
				[`${type}`, `${timeout}`, "broker\n"],
			);
		}
	});

	it("does not send environment macros back", async (t) => {
		const { port } = await agent(t);
		const env = { NAGIOS_HOSTNAME: "web01", NAGIOS_ARG1: "a=b" };
		const answer = await nagios.job({ command: checkOf(port), env });
		assert.equal(answer.outstd, "broker\n");
		assert.equal(answer.env, undefined);
	});

	it("has thousands of jobs at a time, and no descriptor more afterwards", async (t) => {
		const { port } = await answering(t, (response, { body }) => {
			const { plugin_option } = JSON.parse(String(body));
			setTimeout(
				() => json(response, { return_value: 0, message: plugin_option }),
				50,
			);
		});
		const descriptors = async () => (await readdir(`/proc/${pid}/fd`)).length;
		const send = (count: number) =>
			Promise.all(
				Array.from({ length: count }, async (_, n) => {
					const command = checkOf(port, `-o ${n}`);
					assert.equal((await nagios.job({ command })).outstd, `${n}`);
				}),
			);
		// a broker without a sign of life for seconds is asked again
		const count = await throughBroker(() => send(1_500));
		assert.ok(count >= 1_500, `${count}`);
		const open = await descriptors();
		assert.ok(open < 20, `${open} descriptors`);
		await send(500);
		assert.equal(await descriptors(), open);
	});

	it("runs itself, as workers of Nagios do, what is no plain check", async (t) => {
		const { port } = await agent(t);
		const plain = checkOf(port);
		const count = await throughBroker(async () => {
			for (const [command, expected] of [
				[`${plain} --broker= | sed s/node/piped/`, ended(0, "piped\n")],
				[`/bin/echo 'a  b' "c\\$d" e\\ f`, ended(0, "a  b c$d e f\n")],
				["/bin/echo {a,b} ~ [x] #y", ended(0, "{a,b} ~ [x] #y\n")],
				["/bin/echo $((1+1)); exit 3", ended(3, "2\n")],
				["A=1 sh -c 'echo $A >&2'", ended(0, "", "1\n")],
				["sh -c 'printf a\\\\0b'", ended(0, "a")],
				[`${plain} --broker=`, ended(1, "node\n")],
				[`${plain} --ca-file=/nonexistent`, undefined],
				[
					"/nonexistent/check_happo x",
					ended(
						127,
						"",
						"cannot be started: No such file or directory: /nonexistent/check_happo x\n",
					),
				],
				["sh -c 'kill -9 $$'", { ...ended(0, ""), wait_status: "9" }],
			] as const) {
				const answer = seen(await nagios.job({ command }));
				if (expected) assert.deepEqual(answer, expected, command);
				else assert.match(answer.outstd ?? "", /^ERROR.*nonexistent/);
			}
		});
		assert.equal(count, 0);
		// a process that is left behind is not waited for
		const left = await nagios.job({ command: "sh -c 'sleep 60 & echo $!'" });
		process.kill(Number(left.outstd), "SIGKILL");
	});

	it("gives commands their environment macros, no input, and no other descriptor", async () => {
		const answer = await nagios.job({
			command: `sh -c 'echo "$NAGIOS_A|$NAGIOS_B"; readlink /proc/self/fd/0; ls -l /proc/self/fd | grep -c "socket:\\|inode"; ps -o pgid= -p $$ | tr -d " "; echo $$'`,
			env: { NAGIOS_A: "a=b 'c'", NAGIOS_B: "" },
		});
		const [macros, input, others, group, process] = (answer.outstd ?? "").split(
			"\n",
		);
		assert.deepEqual(
			[macros, input, others, group],
			["a=b 'c'|", "/dev/null", "0", process],
		);
	});

	it("keeps the time limit of Nagios, and kills what a command has started", async (t) => {
		const directory = await temporaryDirectory(t);
		const pids = join(directory, "pids");
		const begin = performance.now();
		const command = `sh -c "sleep 61 & echo $! $$ >${pids}; wait"`.replace(
			/\$/g,
			"\\$",
		);
		assert.deepEqual(
			timeoutOf(await nagios.job({ command, timeout: 1 })),
			timedOut,
		);
		const took = performance.now() - begin;
		assert.ok(took >= 1_000 && took < 5_000, `${took} ms`);
		const started = (await readFile(pids, "utf8")).trim().split(" ");
		assert.equal(started.length, 2);
		for (const one of started)
			await eventually(`${one} is gone`, async () =>
				readFile(`/proc/${one}/stat`, "utf8").then(
					(stat) => / Z /.test(stat),
					() => true,
				),
			);
	});

	it("keeps the time limits of checks that the broker runs", async (t) => {
		const { port } = await answering(t, () => {});
		const [byNagios, byCheck] = await Promise.all([
			nagios.job({ command: checkOf(port), timeout: 1 }),
			nagios.job({ command: checkOf(port, "-t 1") }),
		]);
		// the broker's own words may come first
		if (byNagios.exited_ok === "1")
			assert.match(byNagios.outstd ?? "", /no answer within/);
		else assert.deepEqual(timeoutOf(byNagios), timedOut);
		// the worker's, if the broker is half a second late
		assert.match(byCheck.outstd ?? "", /: no answer within 1 seconds\n$/);
		assert.match(byCheck.wait_status ?? "", /^(512|768)$/);
	});

	it("goes on after messages that are none", async (t) => {
		const { port } = await agent(t);
		const end = "\u0001\0\0\0";
		for (const odd of [
			end,
			`\0${end}`,
			`x${end}`,
			`=\0==\0${end}`,
			`job_id=\0${end}`,
			`type=0\0command=x\0${end}`,
			`${"\u0001\0".repeat(1_000)}${end}`,
			`job_id=77\0type=0\0timeout=60\0${end}`,
		])
			nagios.send(odd);
		// in pieces, which end anywhere
		const bytes = `job_id=78\0type=0\0command=${checkOf(port)}\0timeout=x\0${end}`;
		for (const byte of bytes) {
			nagios.send(byte);
			await new Promise(setImmediate);
		}
		const answer = await nagios.job({ command: checkOf(port) });
		assert.equal(answer.outstd, "broker\n");
		await eventually("three answers", () => nagios.strange.length === 3);
		assert.match(
			nagios.strange.splice(0).join(""),
			/job_id=\0.*no command.*job_id=77.*no command.*job_id=78.*outstd=broker/s,
		);
	});
});

worker("a worker of Nagios without its broker", () => {
	it("has no broker: checks run by themselves", async (t) => {
		const { port } = await agent(t);
		const none = join(await temporaryDirectory(t), "none.sock");
		const { nagios } = await working(t, none);
		assert.deepEqual(
			seen(await nagios.job({ command: checkOf(port) })),
			ended(1, "node\n"),
		);
		const off = await working(t, "");
		assert.deepEqual(
			seen(await off.nagios.job({ command: checkOf(port) })),
			ended(1, "node\n"),
		);
	});

	it("HAPPO_BROKER names the broker, for a check's own --broker is another one", async (t) => {
		const { port } = await agent(t);
		const [mine, other] = [await brokerHere(t), await brokerHere(t)];
		const nagios = await queryHandler(t);
		startWorker(t, [`--nagios-worker=${nagios.path}`], {
			HAPPO_BROKER: mine.socket,
		});
		await nagios.registered(1);
		for (const more of [
			"",
			`--broker ${mine.socket}`,
			`--broker ${other.socket}`,
		])
			assert.deepEqual(
				seen(await nagios.job({ command: checkOf(port, more) })),
				ended(1, "broker\n"),
			);
		assert.equal(mine.status().checks_of_workers, 2);
		assert.deepEqual(
			[other.status().checks.answered, other.status().checks_of_workers],
			[1, 0],
		);
	});

	it("is told by the broker to run it elsewhere", async (t) => {
		const { port } = await agent(t);
		const path = join(await temporaryDirectory(t), "broker.sock");
		const server = createServer((socket) => {
			socket.on("error", () => {});
			socket.on("data", () =>
				// about the whole connection: this user is not served
				socket.end(
					frameBytes({ kind: kinds.elsewhere, id: 0, body: Buffer.from("no") }),
				),
			);
		});
		server.listen(path);
		await once(server, "listening");
		t.after(() => server.close());
		const { nagios, worker } = await working(t, path);
		for (let n = 0; n < 2; n++)
			assert.deepEqual(
				seen(await nagios.job({ command: checkOf(port) })),
				ended(1, "node\n"),
			);
		assert.match(worker.said(), new RegExp(`broker ${path}: no\n`));
	});

	it("the broker is killed: checks in flight run again, later ones by a new broker", async (t) => {
		let isSilent = true;
		const server = await answering(t, (response) => {
			if (!isSilent) json(response, { return_value: 1, message: "OK\n" });
		});
		const first = await brokerProcess(t, ["--insecure"]);
		const { nagios } = await working(t, first.socket);
		const jobs = [1, 2, 3].map(() =>
			nagios.job({ command: checkOf(server.port) }),
		);
		await eventually("they run", () => server.arrived.length === 3);
		isSilent = false;
		first.process.kill("SIGKILL");
		for (const answer of await Promise.all(jobs))
			assert.deepEqual(seen(answer), ended(1, "OK\n"));
		assert.equal(server.arrived.length, 6);
		const { status } = await brokerHere(t, { socket: first.socket });
		const command = checkOf(server.port);
		assert.deepEqual(seen(await nagios.job({ command })), ended(1, "OK\n"));
		assert.equal(status().checks_of_workers, 1);
		assert.deepEqual(nagios.strange, []);
	});

	it("the broker is stopped: checks run without it, until it goes on", async (t) => {
		const { port, arrived } = await agent(t);
		const broker = await brokerProcess(t, ["--insecure"]);
		const { nagios, worker } = await working(t, broker.socket);
		const outputs = async (count: number) => {
			const answers = await Promise.all(
				Array.from({ length: count }, () =>
					nagios.job({ command: checkOf(port) }),
				),
			);
			return new Set(answers.map(({ outstd }) => outstd));
		};
		assert.deepEqual(await outputs(3), new Set(["broker\n"]));
		broker.process.kill("SIGSTOP");
		const begin = performance.now();
		assert.deepEqual(await outputs(3), new Set(["node\n"]));
		assert.ok(performance.now() - begin < 15_000);
		assert.deepEqual(await outputs(2), new Set(["node\n"]));
		broker.process.kill("SIGCONT");
		await eventually("it is used again", async () =>
			(await outputs(1)).has("broker\n"),
		);
		assert.match(worker.said(), /does not answer: .*\n.*: answers\n$/);
		assert.ok(arrived.length >= 9);
		assert.deepEqual(nagios.strange, []);
	});
});

worker("a worker of Nagios, and Nagios", () => {
	it("registers again when Nagios restarts, and has stopped what that had asked for", async (t) => {
		const pids = join(await temporaryDirectory(t), "pid");
		const silent = await answering(t, () => {});
		const { port } = await agent(t);
		const broker = await brokerHere(t);
		const { nagios, worker } = await working(t, broker.socket);
		const lost = [
			nagios.job({ command: `sh -c 'echo $$ >${pids}; exec sleep 62'` }),
			nagios.job({ command: checkOf(silent.port) }),
		];
		for (const one of lost) one.catch(() => {});
		await eventually("both run", async () => {
			const pid = await readFile(pids, "utf8").catch(() => "");
			return pid !== "" && silent.arrived.length === 1;
		});
		await nagios.stop();
		for (const one of lost) await assert.rejects(one, /has gone/);
		const pid = Number(await readFile(pids, "utf8"));
		await eventually("the command is gone", () => {
			try {
				process.kill(pid, 0);
				return false;
			} catch {
				return true;
			}
		});
		await eventually("the broker has stopped the check", () =>
			Boolean(broker.status().checks_in_flight === 0),
		);
		await nagios.listen();
		await nagios.registered(2);
		assert.equal(nagios.registrations[1], nagios.registrations[0]);
		for (let n = 0; n < 3; n++)
			assert.deepEqual(
				seen(await nagios.job({ command: checkOf(port) })),
				ended(1, "broker\n"),
			);
		assert.deepEqual(nagios.strange, []);
		assert.equal(worker.process.exitCode, null);
	});

	it("waits for a Nagios that is not there yet, or does not register it", async (t) => {
		const nagios = await queryHandler(t, { reply: "503: Server full\0" });
		const { said, process: child } = startWorker(t, [
			...["--nagios-worker", nagios.path, "--broker", ""],
		]);
		await nagios.registered(2);
		assert.match(said(), /does not register the worker: 503: Server full/);
		await nagios.stop();
		await eventually("it says that nobody is there", () =>
			/No such file/.test(said()),
		);
		assert.equal(child.exitCode, null);
	});

	it("takes no commands from another user", async (t) => {
		if (process.getuid?.() !== 0) return t.skip("only root can give it away");
		const nagios = await queryHandler(t);
		await chown(nagios.path, 65_534, 65_534);
		const { said } = startWorker(t, ["--nagios-worker", nagios.path]);
		await eventually("it says so", () =>
			/belongs to a user who is neither root nor the worker's/.test(said()),
		);
		assert.deepEqual(nagios.registrations, []);
	});

	it("told to stop, answers all jobs and takes no more", async (t) => {
		const { port, arrived } = await answering(t, (response) =>
			setTimeout(
				() => json(response, { return_value: 0, message: "late\n" }),
				500,
			),
		);
		const broker = await brokerHere(t);
		const { nagios, worker } = await working(t, broker.socket);
		const jobs = [
			nagios.job({ command: checkOf(port) }),
			nagios.job({ command: "sh -c 'sleep 0.6; echo late'" }),
		];
		await eventually("it runs", () => arrived.length === 1);
		worker.process.kill("SIGTERM");
		await eventually("it stops", () => /stopping, 2 jobs/.test(worker.said()));
		// Nagios does not know, and is served
		jobs.push(nagios.job({ command: checkOf(port) }));
		for (const answer of await Promise.all(jobs))
			assert.deepEqual(seen(answer), ended(0, "late\n"));
		assert.deepEqual(await worker.exited, [0, null]);
		await assert.rejects(nagios.job({ command: "true" }));
	});

	it("tells the watchdog of systemd that it lives, and commands nothing of it", async (t) => {
		const path = join(await temporaryDirectory(t), "notify");
		const script = `use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un($ARGV[0])); print "ready\n"; while (defined recv(S, $text, 100, 0)) { print "$text\n" }`;
		const listener = spawn("perl", ["-e", `$| = 1; ${script}`, path], {
			stdio: ["ignore", "pipe", "ignore"],
		});
		let heard = "";
		listener.stdout.setEncoding("utf8").on("data", (text: string) => {
			heard += text;
		});
		t.after(() => {
			listener.kill("SIGKILL");
		});
		await eventually("it listens", () => heard.includes("ready"));
		const { nagios } = await working(t, "", {
			...{ NOTIFY_SOCKET: path, WATCHDOG_USEC: "200000" },
		});
		await eventually("it is told twice", () =>
			/^ready\nWATCHDOG=1\nWATCHDOG=1\n/.test(heard),
		);
		const { outstd } = await nagios.job({ command: "sh -c env" });
		assert.doesNotMatch(outstd ?? "", /NOTIFY|WATCHDOG/);
	});

	it("told to stop twice, ends at once", async (t) => {
		const { nagios, worker } = await working(t, "");
		const job = nagios.job({ command: "sleep 63" });
		job.catch(() => {});
		worker.process.kill("SIGTERM");
		await eventually("it stops", () => /stopping, 1 jobs/.test(worker.said()));
		worker.process.kill("SIGINT");
		assert.deepEqual(await worker.exited, [0, null]);
		await assert.rejects(job, /has gone/);
	});

	it("keeps little for a Nagios that takes no answers", async (t) => {
		const { nagios, worker } = await working(t, "");
		const count = 400;
		const file = join(await temporaryDirectory(t), "output");
		await writeFile(file, "x".repeat(1_000_000));
		nagios.worker().pause();
		const jobs = Array.from({ length: count }, () =>
			nagios.job({ command: `cat ${file}`, timeout: 300 }),
		);
		const megabytes = async () => {
			const status = await readFile(
				`/proc/${worker.process.pid}/status`,
				"utf8",
			);
			return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
		};
		let before = -1;
		await eventually("it takes no more", async () => {
			const now = await megabytes();
			const isSame = now > 30 && now === before;
			before = now;
			return isSame;
		});
		nagios.worker().resume();
		for (const answer of await Promise.all(jobs))
			assert.equal(answer.outstd?.length, 1_000_000);
		assert.ok(before < 300, `${before} MiB`);
		assert.ok((await megabytes()) < 300);
	});
});

worker("the command line of the worker", () => {
	for (const args of [
		["--nagios-worker"],
		["--nagios-worker="],
		["--nagios-worker", "x", "--broker"],
		["--nagios-worker", "x", "--port", "1"],
		["--nagios-worker", "x", "y"],
	])
		it(`${args.join(" ")} is wrong`, () => {
			const { stdout, stderr, status } = spawnSync(checkHappoCommand, args, {
				encoding: "utf8",
			});
			assert.deepEqual([stdout, status], ["", 3]);
			assert.match(stderr, /^check_happo: .*\nUsage: .*--nagios-worker QUERY_/);
		});
});
