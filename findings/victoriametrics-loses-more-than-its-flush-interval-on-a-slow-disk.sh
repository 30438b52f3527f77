#!/usr/bin/env bash
# Software: VictoriaMetrics 1.79 (Debian 12: 1.79.5+ds1-2+b5), default settings; strace 6.1
# (Debian 12: 6.1-0.1) makes each fsync slow, as a busy or throttled disk does.
#
# Usual expectation: samples answered with 204 are in memory for some seconds, as the store
# writes what it has in memory every five seconds. So `kill -9` takes the last five or ten
# seconds, and whoever waits for half a minute before relying on an accepted sample has a
# margin of three.
#
# What it does: there is no such limit. The samples of an interval are safe when the files of
# that interval are written, and while that takes longer, the next ones wait behind it. With
# fsync at full speed, a kill lost the last 6 to 10 seconds; with 2 seconds for each fsync the
# last 26 to 35, and with 4 seconds the last 63, in a store that got 200 samples a second and
# answered every request with 204 at once. Nothing tells: vm_pending_rows{type="storage"} is
# 0, and vm_rows counts samples in memory with those on disk.
#
# Why it matters: writers that delete or acknowledge at their source after a fixed time lose
# samples on slow disks. The time has to follow the disk, which only the disk's own figures
# tell (see iostat or /proc/pressure/io).
set -euo pipefail
dir=$(mktemp -d)
trap 'pkill -9 -f -- "-storageDataPath=$dir" || true; rm -rf "$dir"' EXIT
chmod 755 "$dir"
cd "$dir"

apt-get download victoria-metrics=1.79.5+ds1-2+b5 strace=6.1-0.1 libunwind8 >/dev/null 2>&1
for package in ./*.deb; do dpkg-deb -x "$package" debian; done
export LD_LIBRARY_PATH=$dir/debian/usr/lib/x86_64-linux-gnu

cat >measure.mjs <<'END'
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

async function freePort() {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address();
	server.close();
	return port;
}
const store = "debian/usr/bin/victoria-metrics";

/** @param slow what strace does to each fsync; undefined without strace */
async function start(name, slow) {
	const port = await freePort();
	const url = `http://127.0.0.1:${port}`;
	const options = [`-storageDataPath=${process.cwd()}/${name}`, `-httpListenAddr=127.0.0.1:${port}`];
	const child = slow
		? spawn("debian/usr/bin/strace", ["-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", `inject=fsync,fdatasync:delay_enter=${slow}`, store, ...options], { stdio: "ignore" })
		: spawn(store, options, { stdio: "ignore" });
	while (!(await fetch(`${url}/health`).then(({ ok }) => ok, () => false))) await wait(200);
	return { url, child };
}

/** Writes 200 samples a second for so many seconds, then kills the store. */
async function measure(name, seconds, slow) {
	const { url, child } = await start(name, slow);
	const end = Date.now() + seconds * 1000;
	let refused = 0;
	while (Date.now() < end) {
		const now = Math.floor(Date.now() / 1000);
		const lines = Array.from({ length: 200 }, (_, i) => `queue_length{queue="${i}"} ${now} ${now * 1000}`);
		const { status } = await fetch(`${url}/api/v1/import/prometheus`, { method: "POST", body: lines.join("\n") });
		if (status !== 204) refused++;
		await wait(1000);
	}
	const page = await (await fetch(`${url}/metrics`)).text();
	const pending = /^vm_pending_rows\{type="storage"\} (\d+)$/m.exec(page)?.[1];
	const killed = Date.now();
	execFileSync("pkill", ["-9", "-f", "--", `-storageDataPath=${process.cwd()}/${name}`]);
	if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
	const again = await start(name);
	const answer = await fetch(`${again.url}/api/v1/export?match[]=queue_length`);
	const kept = (await answer.text()).trim().split("\n").flatMap((line) => (line ? JSON.parse(line).timestamps : []));
	again.child.kill("SIGKILL");
	await once(again.child, "exit");
	const lost = (killed - Math.max(...kept, end - seconds * 1000)) / 1000;
	console.error(`${name}: lost the last ${lost.toFixed(0)} s of ${seconds}`);
	return { lost, refused, pending };
}

const fast = await measure("fast", 45);
const slow = await measure("slow", 120, 4_000_000);
console.log(`all requests answered 204: ${fast.refused + slow.refused === 0}`);
console.log(`samples that the store calls pending, fast and slow: ${fast.pending}, ${slow.pending}`);
console.log(`kill -9 lost less than 15 s: ${fast.lost < 15}`);
console.log(`with 4 s for each fsync it lost more than 25 s: ${slow.lost > 25}`);
END
node measure.mjs | tee seen
diff - seen <<'END'
all requests answered 204: true
samples that the store calls pending, fast and slow: 0, 0
kill -9 lost less than 15 s: true
with 4 s for each fsync it lost more than 25 s: true
END
