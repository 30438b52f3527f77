#!/bin/sh
# Starts VictoriaMetrics, three agents, one of them behind another, and the collector, in
# the folder fleet-data, until it is interrupted. Needs happo-agent and happo-collector in
# PATH, and victoria-metrics (Debian's package of that name).
set -eu

port=${PORT:-17000} # and the six after it
mkdir -p fleet-data
cd fleet-data
trap 'trap - EXIT; kill $started; wait' EXIT
trap 'exit 0' INT TERM
started=

for agent in 1 2 3; do
	mkdir -p "agent$agent"
	(
		cd "agent$agent"
		exec happo-agent daemon --quick-start . --port $((port + agent)) \
			--listen-address 127.0.0.1 --admin-socket none --metric-consumers fleet \
			--collection-interval-seconds 5 >log 2>&1
	) &
	started="$started $!"
done
# queries leave out the last 30 seconds otherwise
victoria-metrics -storageDataPath=store -httpListenAddr="127.0.0.1:$((port + 4))" \
	-search.latencyOffset=1s >store.log 2>&1 &
started="$started $!"

cat >hosts.json <<END
[
  { "targets": ["127.0.0.1:$((port + 1))", "127.0.0.1:$((port + 2))"], "labels": { "site": "a" } },
  { "targets": ["127.0.0.1:$((port + 3))"], "labels": { "site": "b", "__via__": "127.0.0.1:$((port + 1))" } }
]
END
echo "agents on ports $((port + 1)) to $((port + 3)), store on $((port + 4)), collector on $((port + 5))"
# the agents of --quick-start have certificates of their own
happo-collector run --hosts hosts.json --insecure --interval 10 --ack-after 10 \
	--write "http://127.0.0.1:$((port + 4))/api/v1/write" --listen "127.0.0.1:$((port + 5))" &
started="$started $!"
wait $!
