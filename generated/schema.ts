// Written by `npm run generate` from openapi.yaml. Do not edit.
export interface paths {
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check that the agent answers
         * @description Answers `OK` without a newline, as v1 does. The agent checks nothing and runs nothing.
         */
        get: operations["checkAvailability"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/proxy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Relay a request to the next hop
         * @description Relays a request to the first host of `proxy_hostport` and returns that hop's answer: its
         *     status, its body byte for byte, and its `Content-Type`, or `application/octet-stream` if it sent
         *     none (v1 guessed the type from the body). The agent returns a hop's redirect and never follows
         *     it; it drops `Location` and the other headers, as v1 does.
         *
         *     If one host is left, the agent posts the bytes of `request_json` to `/<request_type>` of that
         *     host. If more are left, it calls `/proxy` of the first with the remaining hosts. With
         *     `get/<path>`, such as `get/status`, the last relay sends a real `GET`. A v1 agent as the last
         *     relay cannot do that: it posts to `/get/<path>`, and its peer answers 404 (`misrelayed-get`).
         *
         *     `request_json` is base64, as all v1 clients and agents send it, or JSON text, as v1's
         *     documentation shows it (v1 itself forwards an empty body in that case). The first character
         *     that is not a blank decides: `{` means JSON text.
         *
         *     A request passes at most 16 agents, nested relays included. Each agent tells the next how much
         *     time is left, so that an inner hop gives up before an outer one and the answer names the slow
         *     hop. An agent has at most 512 relayed requests in flight, of which at most 128 go to one host, or
         *     8 to a host that is slow to connect or did not answer. Further requests wait for a place as long
         *     as their time limit allows and then get 503. Requests that came through another agent do not
         *     wait; they get 503 at once. If the client disconnects, the agent cancels the relayed request. A
         *     setting decides whether the agent verifies the next hop's certificate; by default it does not,
         *     like v1.
         *
         *     Failures of the relay itself have the shape of a check result, whatever the request was,
         *     because v1 clients expect it. Status 500 makes check_happo report CRITICAL, on purpose.
         */
        post: operations["relayRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/monitor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Run a Nagios plugin
         * @description Looks `plugin_name` up in the directories of `nagios-plugin-paths`, in order, runs it with
         *     `plugin_option` and returns its exit status and its output. A failed check is a result, not an
         *     error: the HTTP status is 200 whatever the plugin's exit status is.
         *
         *     The agent splits an option line of plain words and quotes as a POSIX shell would, and executes
         *     the plugin directly. A line that needs a shell (pipes, substitutions, globs, redirections,
         *     variables, an unclosed quote) goes through `/bin/sh -c`, if the setting `shell` allows it. v1
         *     used `/bin/sh -c` for every line.
         *
         *     Unchanged from v1, because clients depend on it:
         *     - `return_value` is the plugin's exit status, 0 to 255, not only the four values that Nagios
         *       knows. A plugin that does not exist gives 127, one that is not an executable file 126.
         *     - `message` is the standard output, unchanged. If the plugin wrote to standard error, `message`
         *       is `<stdout>, stderr=<stderr>`. If standard output is empty, it is `stdout=, stderr=<stderr>`.
         *     - A timeout gives status 500 with `return_value` 2 (CRITICAL); the output is dropped.
         *
         *     Different from v1:
         *     - If signal *n* kills the plugin, `return_value` is 128+*n* on every system, and `message` names
         *       the signal. Node.js does not report real-time signals: they look like exit status 0.
         *     - After `command-timeout` seconds the whole process group gets SIGTERM, and three seconds later
         *       SIGKILL. A process that has left the group (`setsid`) gets neither. A background process of
         *       the plugin does not delay the answer.
         *     - Each output stream is cut at `command-output-limit-bytes`, and `message` says so. U+FFFD
         *       replaces invalid UTF-8.
         */
        post: operations["runCheck"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/inventory": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Run a command and return its output
         * @description Runs `<command> <command_option>` as one `/bin/sh -c` line, found through `PATH`, and returns
         *     its standard output and standard error, in the order in which they were written.
         *
         *     This is a remote shell for everyone whom `allowed-hosts` admits. v1 offers it and clients use
         *     it. With the setting `shell` off, the agent runs only the commands listed in
         *     `inventory-commands`, without a shell. With `inventory` off it answers every request 403.
         *
         *     Unchanged from v1: an exit status other than 0 gives status 400; a timeout gives status 417,
         *     `return_code` 0 and empty output.
         */
        post: operations["runInventoryCommand"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metric": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take the oldest metrics
         * @description Returns the oldest stored metrics and deletes them once the answer is delivered. The answer has
         *     the entries of up to 60 distinct seconds of arrival and up to 8 MiB, but at least one entry. The
         *     body may be absent. If nothing is stored, `metric_data` is `null`, not `[]`, as in v1.
         *
         *     The answer counts as delivered when the client sends its next request on the connection, closes
         *     the connection in order, or has not reset it for three seconds. A client that closes its sending
         *     side before the answer counts as gone. Until delivery the data is reserved, so that concurrent
         *     drains never get the same data. If delivery fails, the data is available again. After a crash or
         *     a stop of the agent the same data can be returned a second time (at-least-once delivery). Behind
         *     a bastion the agent sees only the bastion: the data is deleted as soon as the bastion has it.
         *     Backends behind a bastion, and backends that must not lose data, use `/metric/lease` and
         *     `/metric/ack`.
         *
         *     A drain acts as the consumer `default`. It does not return data that `default` has leased, while
         *     the lease runs. If the setting `metric-consumers` does not name `default`, the agent refuses the
         *     drain with 400.
         */
        post: operations["drainMetrics"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metric/append": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Store metrics
         * @description Stores all samples or none. `ok` means that they are on disk and survive a crash and a power
         *     loss. If `metric_data` is `null` or `[]`, the agent answers `ok` and stores nothing (v1 stored
         *     an empty entry).
         *
         *     While the store is full (`max-store-bytes`, `min-free-bytes`), the agent stores nothing and
         *     answers 503 with `Retry-After`; `detail` names the limit. Drains, leases and acknowledgements
         *     still work.
         */
        post: operations["appendMetrics"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metric/lease": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Lease the oldest metrics for a time
         * @description Returns the oldest metrics that nobody has leased, as a batch with a `batch_id`, and keeps them
         *     out of other leases and drains for `seconds`. Only `/metric/ack` deletes them. When the lease
         *     has ended, also after a restart, the agent returns the same batch under the same id, without
         *     the entries that retention or a plain drain has removed since; `limit` applies to new batches
         *     only.
         *
         *     A lease ends after the granted time has passed, even if the clock is changed. If a client asks
         *     for more than `metric-max-lease-seconds`, it gets that; `seconds` in the answer is the granted
         *     time. `GET /metric/leases` lists leases, `/metric/release` ends them. v1 answers 404: a client
         *     must not fall back to `/metric` then, which deletes.
         */
        post: operations["leaseMetrics"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metric/ack": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Acknowledge a leased batch
         * @description Deletes the batch `batch_id`. While other consumers of the setting `metric-consumers` still need
         *     it, the agent only marks it as taken by this consumer. The operation is idempotent: an unknown id
         *     counts as acknowledged before. Not in v1 (404).
         */
        post: operations["acknowledgeMetrics"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metric/leases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the leases
         * @description Returns every batch that was leased and not acknowledged, oldest metrics first: batches whose
         *     lease still runs, and batches that the next reader gets (`seconds_left` 0). Not in v1 (404).
         */
        get: operations["listLeases"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metric/release": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End a lease
         * @description Ends the lease of `batch_id` now, so that the next reader can lease or drain the batch. The data
         *     stays, and the previous reader can still acknowledge it. An unknown id, or one whose lease has
         *     ended, changes nothing; `released` is then false. Not in v1 (404).
         */
        post: operations["releaseLease"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metric/peek": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show the oldest metrics
         * @description Returns the oldest metrics that `consumer` has not taken, including leased ones. It changes
         *     nothing. Not in v1 (404).
         */
        post: operations["peekMetrics"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metric/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show the collection's active configuration
         * @description Returns the last valid version of the `metric-config` file, which is the active one, and an
         *     error if the present file cannot be used. Not in v1 (404).
         */
        get: operations["getMetricConfig"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metric/config/update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace the collection's configuration
         * @description Validates the configuration, writes it to the `metric-config` file and uses it from the next
         *     pass on. `"config":{}` is valid and empties the file. The agent refuses a request without
         *     `config` (v1 emptied the file and answered `OK`). If the file cannot be written, the answer is
         *     status 200 with `status` `NG`, as in v1, and also the reason.
         *
         *     v1 clients send `Metrics`, `Hostname`, `Plugin_Name`. The setting `config-update` turns the
         *     operation off (403).
         *
         *     The agent keeps the previous version beside the file, with the suffix `.previous`. If it can
         *     write the file but not replace it (the agent may not write to the directory, or the file is a
         *     mount point), it writes the file in place and keeps the previous version as
         *     `<dbfile>.metric-config.previous`. If a crash interrupts that write, the next start restores the
         *     previous version. If the file system hangs during a write, the answer is `NG` after 5 s; the
         *     write may still complete once the file system responds.
         */
        post: operations["updateMetricConfig"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metric/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Redirect to /status
         * @description The path of `/status` in early versions. The query string is dropped, as in v1.
         */
        get: operations["getMetricStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Report the agent's state
         * @description Has v1's fields, as far as Node.js has counterparts, and more for operators. The agent reads
         *     every value when it answers the request.
         */
        get: operations["getStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/status/memory": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Report memory use
         * @description Has the field names of Go's `runtime.MemStats`, which existing graphs use. Their values come from
         *     V8 and the process, or are 0 if there is no counterpart. `node` has Node.js's own figures.
         */
        get: operations["getMemoryStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/status/request": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Count answered requests
         * @description Counts answers by path and status over the last minute and the last five minutes. The counts
         *     include refused requests (v1 left them out) but not this request. `url` is the path as written
         *     in this document, without a query; all other paths are counted together as `other`. Off unless
         *     `enable-requeststatus-middleware` is set.
         */
        get: operations["getRequestStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machine-state": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the snapshots
         * @description Returns the keys of the stored snapshots, oldest first. If none is stored, the status is 404 and
         *     the body has an empty list, as in v1; clients rely on it.
         */
        get: operations["listMachineStates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machine-state/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show one snapshot
         * @description Returns the text of one snapshot. Keys that do not begin with `s-` are not readable (v1 returned
         *     any entry of its database).
         */
        get: operations["getMachineState"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Expose metrics to Prometheus
         * @description Returns the agent's own metrics; the last result of each check and its performance data
         *     (`state_check_...`), until the check has not run for ten minutes or three of its intervals,
         *     whichever is longer; and the latest value of each metric from the metric plugins, under a name
         *     of its own with the label `host`: at most 10,000 values, none older than five minutes or two
         *     and a half collection intervals, whichever is longer. If a plugin prints a metric with several
         *     times, the value with the latest time counts. `happo_collected_metric`, with the labels `host`
         *     and `metric`, has the same values; it is deprecated and will be gone in the next release. The
         *     format is Prometheus text, or OpenMetrics if `Accept` asks for it. Not in v1 (404).
         */
        get: operations["exposeMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/commands": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * List the commands that the caller may run
         * @description Returns the policy's commands that a rule permits to this caller, with their slots, in
         *     alphabetical order. In mode `enforce` these are all that it may run; a command that no rule
         *     permits to it is not named. Without a policy, and in mode `observe`, it may run any plugin with
         *     any options: `plugins` names those that exist. The answer has no fixed words of a command, which
         *     may be passwords, and only name and type of a secret slot.
         *
         *     A request names a command by `plugin_name` and gives the values of its slots as the words of
         *     `plugin_option`, in the order of `slots`; values that are missing at the end take their defaults.
         *     In mode `observe` a request finds a command only by its plugin and options.
         *
         *     This is a POST, like `/results` and `/refusals`, because a key passes bastions only in a body.
         *     Not in v1 (404).
         */
        post: operations["listCommands"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/results": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show the last result of each check
         * @description Returns the last result of each command of the policy, or of each plugin, that has run as a check
         *     since the agent started, in alphabetical order. Results of all callers are shown to everybody
         *     with the permission. Results that are old, or beyond the agent's limit, are left out. Not in v1
         *     (404).
         */
        post: operations["listResults"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/refusals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show the last requests that the policy refused
         * @description Returns the last requests that the policy has refused since the agent started, or in mode
         *     `observe` would refuse, the latest first. Equal ones are one entry with a count. The agent keeps
         *     at most 128, of one caller at most 32, and of callers whom the policy does not know at most 32
         *     together. Callers, words and reasons are those of the audit
         *     log: what may be a secret is masked. Requests that `allowed-hosts` refuses are in the log only.
         *
         *     `allow` has the lines of a policy that would permit the request. Nothing uses them: read them
         *     first, as the caller has chosen the words. Not in v1 (404).
         */
        post: operations["listRefusals"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/manage/add": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Register a host
         * @description Adds a host. Clients use the status only and do not follow redirects: 302 means that the host
         *     is registered already.
         */
        post: operations["addHost"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/manage/is_added": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Check whether a host is registered
         * @description 302 means found, 404 means not found. 200 means neither: v1 clients report it as
         *     `Unknown Status`. In these requests `hostname` is empty and `proxies` is `null`.
         */
        post: operations["findHost"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/manage/remove": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Unregister a host
         * @description 200 means removed. Every other status, including 302, means failure.
         */
        post: operations["removeHost"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/manage/hosts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the registered hosts
         * @description For crawlers, which drain the metrics of every host and need to know how to reach it. No v1
         *     program calls it.
         */
        get: operations["listHosts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The client's key; may be empty, as from v1's clients. See the introduction. */
        ApiKey: string | null;
        /** @constant */
        AccessDenied: "Access Denied\n";
        /**
         * @description The kind of problem. Clients decide by it, never by a text.
         *
         *     | `urn:happo:problem:` | status | meaning |
         *     |---|---|---|
         *     | `bad-http` | 400 | not HTTP, or a broken header or path |
         *     | `bad-body` | 400 | the body is not a JSON object, too deep, too complex or incomplete |
         *     | `bad-request` | 400 | this document or the agent's settings do not allow a field's value |
         *     | `bad-relay` | 400 | a field of `/proxy` is invalid |
         *     | `unknown-consumer` | 400 | the agent's setting `metric-consumers` does not name the consumer |
         *     | `forbidden` | 403 | a setting of the agent forbids it |
         *     | `not-permitted` | 403 | the agent's policy does not permit it |
         *     | `destination-forbidden` | 403 | `proxy-destinations` forbids the next hop, or it is an address of this host |
         *     | `web-page` | 403 | a web page sent the request, which no web page may do |
         *     | `no-such-path` | 404 | no operation has this path |
         *     | `misrelayed-get` | 404 | a v1 relay posted to `/get/<path>` instead of sending a `GET` |
         *     | `turned-off` | 404 | a setting of the agent turns the operation off |
         *     | `no-such-method` | 405 | the path supports other methods only (`Allow`) |
         *     | `request-timeout` | 408 | the request did not arrive in time |
         *     | `body-too-large` | 413 | the body exceeds the operation's limit |
         *     | `rate-limited` | 429 | the caller has reached the `rate` or `at-once` of its rule (`Retry-After`) |
         *     | `headers-too-large` | 431 | the headers exceed 16 KiB |
         *     | `internal` | 500 | the agent failed; its log says why |
         *     | `not-started` | 500 | the command could not be started |
         *     | `audit-failed` | 503 | the decision could not be written to the audit log (`audit-required`) |
         *     | `busy` | 503 | the agent is overloaded (`Retry-After`) |
         *     | `relay-busy` | 503 | too many requests are in flight to the next hop, or in total |
         *     | `stopping` | 503 | the agent is stopping |
         *     | `store-full` | 503 | `max-store-bytes` or `min-free-bytes` is reached |
         *     | `store-unavailable` | 503 | the store cannot be used now |
         * @enum {string}
         */
        ProblemType: "urn:happo:problem:bad-http" | "urn:happo:problem:bad-body" | "urn:happo:problem:bad-request" | "urn:happo:problem:bad-relay" | "urn:happo:problem:unknown-consumer" | "urn:happo:problem:forbidden" | "urn:happo:problem:not-permitted" | "urn:happo:problem:destination-forbidden" | "urn:happo:problem:web-page" | "urn:happo:problem:no-such-path" | "urn:happo:problem:misrelayed-get" | "urn:happo:problem:turned-off" | "urn:happo:problem:no-such-method" | "urn:happo:problem:request-timeout" | "urn:happo:problem:body-too-large" | "urn:happo:problem:rate-limited" | "urn:happo:problem:headers-too-large" | "urn:happo:problem:internal" | "urn:happo:problem:not-started" | "urn:happo:problem:audit-failed" | "urn:happo:problem:busy" | "urn:happo:problem:relay-busy" | "urn:happo:problem:stopping" | "urn:happo:problem:store-full" | "urn:happo:problem:store-unavailable";
        /** @description Why a request was refused (RFC 9457). */
        Problem: {
            type: components["schemas"]["ProblemType"];
            /** @description The status in words. */
            title: string;
            /** @description The HTTP status. */
            status: number;
            /** @description What is wrong: the field and the value. */
            detail: string;
            id?: components["schemas"]["DecisionId"];
        };
        /** @description Id of the policy's decision, in refusals by the policy. The audit log has the reason. */
        DecisionId: string;
        /** @description A problem that also has the fields of a check result, which check clients decode. */
        CheckProblem: {
            type: components["schemas"]["ProblemType"];
            title: string;
            status: number;
            detail: string;
            id?: components["schemas"]["DecisionId"];
            /**
             * @description UNKNOWN.
             * @constant
             */
            return_value: 3;
            /** @description The same text as `detail`. */
            message: string;
        };
        /** @description A problem that also has the fields of an inventory result. */
        InventoryProblem: {
            type: components["schemas"]["ProblemType"];
            title: string;
            status: number;
            detail: string;
            id?: components["schemas"]["DecisionId"];
            /** @constant */
            return_code: 125;
            /** @description The same text as `detail`. */
            return_value: string;
        };
        KeyOnlyRequest: {
            apikey?: components["schemas"]["ApiKey"];
        };
        CheckRequest: {
            apikey?: components["schemas"]["ApiKey"];
            /**
             * @description File name of the plugin, relative to a directory of `nagios-plugin-paths`. It cannot leave
             *     that directory (`..`, an absolute path) and has no control or shell characters. The agent
             *     removes surrounding blanks and a leading `./`. If no plugin has the whole name, words after
             *     the first blank are options, which come before `plugin_option`.
             */
            plugin_name: string;
            /** @description The option line, with words and quotes as in a shell. */
            plugin_option?: string | null;
        };
        CheckResult: {
            /** @description Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, or another value of the plugin's. */
            return_value: number;
            /** @description The plugin's output, including performance data. */
            message: string;
        };
        InventoryRequest: {
            apikey?: components["schemas"]["ApiKey"];
            /** @description The command, looked up in `PATH`. */
            command: string;
            /** @description The command's arguments as a shell line. */
            command_option?: string | null;
        };
        InventoryResult: {
            /** @description Exit status of the command. */
            return_code: number;
            /** @description Standard output and standard error in the order in which they were written. */
            return_value: string;
        };
        RelayRequest: {
            /**
             * @description The client's key for this agent, which does not pass it on. The operation at the other end
             *     reads a key from the body that `request_json` holds.
             */
            apikey?: string | null;
            /**
             * @description The hops, nearest first, the destination last. Each is a host name, an IPv4 address or an
             *     IPv6 address with or without brackets, and an optional port (default 6777).
             */
            proxy_hostport: string[];
            /**
             * @description Path of the operation, such as `monitor` or `metric/append`. The prefix `get/` means `GET`,
             *     and `get/` alone means `GET /`. A leading or trailing slash makes no difference.
             */
            request_type: string;
            /** @description The body to deliver, as base64 or as JSON text. If absent, the body is empty. */
            request_json?: string | null;
        };
        Sample: {
            /** @description The host that the metrics belong to; may be empty. */
            hostname: string;
            /** @description When the metrics were measured, in seconds since 1970. Not used for ordering or retention. */
            timestamp: number;
            /** @description Value by metric name. */
            metrics: {
                [key: string]: number;
            };
        };
        StoredSample: {
            hostname: string;
            /** @description Seconds since 1970. */
            timestamp: number;
            /** @description Value by metric name; `null` only in entries that v1 stored. */
            metrics: {
                [key: string]: number;
            } | null;
        };
        AppendRequest: {
            apikey?: components["schemas"]["ApiKey"];
            metric_data: components["schemas"]["Sample"][] | null;
        };
        Metrics: {
            metric_data: components["schemas"]["StoredSample"][] | null;
            /** @description Usually empty. */
            message: string;
        };
        /** @description Name of the consumer, one of the setting `metric-consumers`. If absent, `default`. */
        Consumer: string | null;
        /** @description Maximum number of distinct seconds of arrival. If absent, 60. */
        BatchLimit: number | null;
        LeaseRequest: {
            apikey?: components["schemas"]["ApiKey"];
            /** @description How long to reserve the batch for this consumer, in seconds, up to `metric-max-lease-seconds`. */
            seconds: number;
            limit?: components["schemas"]["BatchLimit"];
            consumer?: components["schemas"]["Consumer"];
        };
        LeasedMetrics: {
            batch_id: string | null;
            /** @description When the lease ends according to the agent's present clock, in seconds since 1970. */
            expires_at: number | null;
            /** @description The granted time, in seconds. */
            seconds: number | null;
            metric_data: components["schemas"]["StoredSample"][] | null;
            message: string;
        };
        LeaseList: {
            leases: {
                batch_id: string;
                /** @description The consumer, one of `metric-consumers`. */
                consumer: string;
                /** @description The granted time, in seconds. */
                seconds: number;
                /** @description Seconds until the lease ends, whatever the clock is set to; 0 if it has ended. */
                seconds_left: number;
                /** @description When the lease ends or ended, according to the clock at the time of the grant, in seconds since 1970. */
                expires_at: number;
                /** @description Number of store entries in the batch; usually each append is one. */
                entries: number;
                /** @description Arrival of the oldest metrics in the batch, in seconds since 1970. */
                oldest_timestamp: number;
                /** @description Arrival of the newest metrics in the batch, in seconds since 1970. */
                newest_timestamp: number;
            }[];
        };
        ReleaseRequest: {
            apikey?: components["schemas"]["ApiKey"];
            /** @description From the answer of `/metric/lease` or `/metric/leases`. */
            batch_id: string;
        };
        AcknowledgeRequest: {
            apikey?: components["schemas"]["ApiKey"];
            /** @description From the answer of `/metric/lease`. */
            batch_id: string;
            consumer?: components["schemas"]["Consumer"];
        };
        PeekRequest: {
            apikey?: components["schemas"]["ApiKey"];
            limit?: components["schemas"]["BatchLimit"];
            consumer?: components["schemas"]["Consumer"];
        };
        MetricConfigUpdate: {
            apikey?: components["schemas"]["ApiKey"];
            config: {
                Metrics?: {
                    Hostname: string;
                    Plugins?: {
                        Plugin_Name: string;
                        Plugin_Option?: string | null;
                    }[] | null;
                }[] | null;
            };
        };
        /** @description The shape of metrics.yaml. */
        MetricConfig: {
            metrics: {
                /** @description The host that the metrics belong to. `$HOSTNAME` means the machine of the agent, by its name; v1 does not replace it. */
                hostname: string;
                plugins: {
                    plugin_name: string;
                    plugin_option: string;
                }[];
            }[];
        };
        MetricConfigStatus: {
            /** @description Path of the `metric-config` file. */
            file: string;
            /** @description When the agent read the active version, in seconds since 1970; `null` if it read none. */
            read_at: number | null;
            /** @description Why the present file cannot be used; `null` if it can. */
            error: string | null;
            /** @description Suspect entries of the active version, with their line: a duplicate key, an entry that was skipped. */
            warnings: string[];
            config: components["schemas"]["MetricConfig"];
        };
        /** @description The first six fields are those of v1; v1 agents return no others. */
        Status: {
            /** @description The version that `happo-agent --version` prints. */
            app_version: string;
            /** @description Whole seconds since the agent started. */
            uptime_seconds: number;
            /** @description The nearest counterpart of Go's goroutines: the number of handles and requests that keep the event loop busy, which `callers` lists. */
            num_goroutine: number;
            metric_buffer_status: {
                /** @description Arrival of the newest stored metrics, in seconds since 1970; 0 if there are none or the store cannot be used. */
                newest_timestamp: number;
                /** @description Arrival of the oldest stored metrics, in seconds since 1970; 0 if there are none or the store cannot be used. */
                oldest_timestamp: number;
            };
            /** @description The handles and requests that the event loop waits for, one entry each, such as `TLSSocketWrap`. In v1: Go's goroutine stacks. */
            callers: string[];
            /** @description LevelDB's properties under v1's keys, numbers where v1 has numbers. `openedtables` is the number of tables, `blockpool` is empty, and properties that this LevelDB does not have are 0. */
            leveldb_properties: {
                [key: string]: string;
            };
            /** @description Version of Node.js, such as `20.19.0`. */
            node_version?: string;
            pid?: number;
            /** @description Seconds since 1970. */
            started_at?: number;
            /** @description The agent's clock at the time of this answer, in seconds since 1970. All times in the answer refer to this clock. */
            now?: number;
            /** @description Plugins and commands, including those of the collection and of machine states. */
            commands?: {
                /**
                 * @description How commands are started (`command-engine`).
                 * @enum {string}
                 */
                engine: "native" | "child_process";
                /** @description Commands running now. */
                running: number;
                /** @description Commands waiting for a place (`max-commands`). */
                waiting: number;
                /** @description Commands stopped at the time limit since the start. */
                timeouts: number;
                /** @description Commands that got SIGKILL more than a second ago and still exist. */
                survivors: number;
                /** @description Commands that still existed one second after SIGKILL, since the start. */
                survivors_total: number;
                /** @description Answered commands whose processes still exist or hold the output pipes open (`max-left-behind`). */
                left_behind: number;
                /** @description Commands whose remaining processes were stopped because of `max-left-behind`, since the start. */
                left_behind_stopped_total: number;
            };
            connections?: {
                /** @description Connections served now, including this one. */
                open: number;
                /** @description Connections waiting for a place (`max-connections`). */
                waiting: number;
            };
            /** @description Requests that the agent relays to others. */
            relay?: {
                /** @description Relayed requests that are in flight or wait for a place. */
                requests: number;
                /** @description Next hops that were slow to connect or did not answer in time the last time, at most 20. They have few places. */
                slow_hops: string[];
            };
            /** @description The port for check_nrpe (`nrpe-port`), whose connections are among those above; `null` without one. */
            nrpe?: {
                /** @description `::` is every address. */
                address: string;
                port: number;
                /**
                 * @description Who may do without TLS (`nrpe-plain-text`).
                 * @enum {string}
                 */
                plain_text: "no" | "loopback";
            } | null;
            /**
             * @description How late a timer fires that is due twice a second, over the last minute. Requests are delayed by
             *     the same amount. 0 in the first second.
             */
            event_loop?: {
                /** @description Mean, in milliseconds. */
                mean_delay_ms: number;
                /** @description Maximum, in milliseconds. */
                max_delay_ms: number;
            };
            /** @description The metric plugins. */
            collection?: {
                /** @description False if `disable-collect-metrics` is set. */
                enabled: boolean;
                /** @description Seconds between two passes (`collection-interval-seconds`). */
                interval_seconds?: number;
                /** @description Why the present `metric-config` file cannot be used, as in `/metric/config`; `null` if it can, and before the first pass. */
                config_error?: string | null;
                /** @description As in `/metric/config`. */
                config_warnings?: string[];
                last_pass: components["schemas"]["CollectionPass"];
            };
            store?: {
                directory: string;
                /** @description If false, the agent answers requests for metrics with 503. */
                available: boolean;
                /** @description Why the store is not available. */
                reason: string | null;
                /** @description Total size of the store's files in bytes. */
                disk_bytes: number;
                /** @description Why the store refuses new metrics and machine states (`max-store-bytes`, `min-free-bytes`). Usually `null`. */
                full: string | null;
                /** @description Writes refused for that reason since the start. */
                refused_writes: number;
                /** @description Why old data is kept longer: the clock was set ahead. Usually `null`. */
                retention_waits: string | null;
                /** @description How often the agent found damaged files or values since the start. */
                damages: number;
                /** @description Entries that the agent had confirmed as stored and found missing since the start. */
                lost_entries: number;
                last_damage: {
                    /** @description When the agent found the damage, in seconds since 1970. */
                    at: number;
                    reason: string;
                    /** @description The copy that the agent made before the repair; `null` if only a single value is damaged. */
                    copy: string | null;
                } | null;
            };
            certificate?: {
                file: string;
                /** @description The subject in one line, such as `CN=web01`. */
                subject: string;
                /** @description Last second of its validity, in seconds since 1970. */
                not_after: number;
                /** @description Hexadecimal bytes with colons. */
                fingerprint_sha256: string;
                /** @description Why the agent does not use the present files. */
                problem?: string;
            };
            /** @description The audit log (`audit-log`); `null` if there is none. */
            audit_log?: {
                file: string;
                /** @description Lines written since the start. */
                written: number;
                /** @description Lines that could not be written, since the start. */
                lost: number;
                /** @description Why lines cannot be written now. Usually `null`. */
                problem: string | null;
            } | null;
            /** @description How the agent verifies the certificates of clients; `null` if it does not ask for any (`client-ca-file`). */
            client_certificates?: {
                ca_file: string;
                authorities: {
                    /** @description The subject in one line, such as `CN=clients`. */
                    subject: string;
                    /** @description Last second of its validity, in seconds since 1970. */
                    not_after: number;
                    /** @description Hexadecimal bytes with colons. */
                    fingerprint_sha256: string;
                }[];
                /** @description `null` if no certificate counts as revoked (`client-crl-file`). */
                crl_file: string | null;
                revocation_lists: {
                    /** @description The CA in one line, such as `CN=clients`. */
                    issuer: string;
                    /** @description When it was issued, in seconds since 1970. */
                    this_update: number;
                    /** @description When it expires, in seconds since 1970: after that, no certificate of this CA counts. */
                    next_update: number;
                    /** @description Number of revoked certificates. */
                    revoked: number;
                }[];
                /** @description Why the agent does not use the present files. */
                problem?: string;
            } | null;
            /** @description Who may do what (`policy`); `null` without a policy, when every client in `allowed-hosts` may do everything. */
            policy?: {
                file: string;
                /**
                 * @description `observe`: the agent refuses nothing, and counts what it would refuse.
                 * @enum {string}
                 */
                mode: "observe" | "enforce";
                /** @description Number of commands. */
                commands: number;
                /** @description Number of rules. */
                rules: number;
                /** @description Decisions since the start. */
                decisions: {
                    allowed: number;
                    refused: number;
                    /** @description Refused if the mode were `enforce`. */
                    would_refuse: number;
                    /** @description Refused because of a rule's `rate` or `at-once`. */
                    limited: number;
                };
                /** @description Why the present file is not in use; `null` if it is. */
                problem: string | null;
            } | null;
            /** @description Active settings, by flag; a secret is `(hidden)`. */
            settings?: {
                [key: string]: string;
            };
        };
        /** @description The last completed pass of the metric plugins; `null` before the first one. */
        CollectionPass: {
            /** @description Seconds since 1970. */
            started_at: number;
            /** @description Seconds since the pass started, by the monotonic clock. */
            age_seconds?: number;
            duration_seconds: number;
            /** @description True if samples were stored; false also if there were none. */
            stored: boolean;
            /** @description Why the samples could not be stored or the configuration could not be read. */
            error?: string;
            plugins: {
                hostname: string;
                plugin_name: string;
                /** @enum {string} */
                result: "ok" | "failed" | "timeout" | "missing" | "empty";
                /** @description Number of stored samples, one for each distinct time that the plugin printed. */
                samples: number;
                /** @description Number of skipped lines: no usable value or time, a time more than a day in the future, or not three fields. */
                bad_lines: number;
                /** @description The first skipped line with the reason; absent if there is none. */
                first_bad_line?: string;
            }[];
        } | null;
        /**
         * @description Has the fields of Go's `runtime.MemStats`. Fields not described here are 0 or empty arrays, because
         *     V8 has no counterpart.
         */
        MemoryStatus: {
            /** @description Bytes of the V8 heap in use, including dead objects that are not collected yet. */
            Alloc: number;
            /** @description Bytes allocated on the V8 heap since the start. Where V8 does not count them (Node 20 to 24), the growth observed after collections and between requests, which is far too low under load. */
            TotalAlloc: number;
            /** @description Resident memory of the process in bytes. */
            Sys: number;
            /** @description 0: V8 does not count objects. */
            Mallocs?: number;
            /** @description Same as Alloc. */
            HeapAlloc: number;
            /** @description Bytes that V8 has allocated for its heap. */
            HeapSys: number;
            /** @description HeapSys minus HeapInuse, in bytes. */
            HeapIdle: number;
            /** @description Bytes of the heap that are backed by memory. */
            HeapInuse: number;
            /** @description 0: V8 does not count the memory that it returns. */
            HeapReleased?: number;
            /** @description Heap limit in bytes, at which V8 aborts the process. */
            NextGC?: number;
            /** @description Garbage collections since the start, of the young and the old generation. */
            NumGC: number;
            /** @description Total time in garbage collections, in nanoseconds. */
            PauseTotalNs: number;
            /** @description End of the last garbage collection, in nanoseconds since 1970, with millisecond precision; 0 if there was none. */
            LastGC: number;
            /** @description 256 zeros: V8 keeps no list of pauses. */
            PauseNs?: number[];
            /** @description 256 zeros, like PauseNs. */
            PauseEnd?: number[];
            /** @description Garbage collections that the program requested. */
            NumForcedGC?: number;
            /** @description PauseTotalNs divided by the time since the start, 0 to 1. */
            GCCPUFraction?: number;
            /** @description Always true. */
            EnableGC?: boolean;
            /** @description Node.js's own figures in bytes, under the names of `process.memoryUsage()`, and the heap limit. Absent in v1. */
            node?: {
                [key: string]: number;
            };
        } & {
            [key: string]: unknown;
        };
        /** @description `null` if nothing was counted, as in v1. */
        RequestCounts: {
            /** @description Path without the query. */
            url: string;
            /** @description Number of answers by HTTP status. */
            counts: {
                [key: string]: number;
            };
        }[] | null;
        RequestStatus: {
            last1: components["schemas"]["RequestCounts"];
            last5: components["schemas"]["RequestCounts"];
        };
        /** @description What a value must be. The fields after `secret` depend on the type. */
        SlotType: {
            /** @description Name of the type, as policies have it: `threshold`, `path`, `one-of`, `text` and so on. */
            type: string;
            /** @description The value is in no log. Then nothing else is told about it. */
            secret: boolean;
            /** @description Smallest number. */
            min?: number;
            /** @description Largest number. */
            max?: number;
            /** @description A threshold may begin with `-`. */
            negative?: boolean;
            /** @description The values of `one-of`. */
            values?: string[];
            /** @description Directories, in one of which a path must be. */
            below?: string[];
            /** @description Schemes of a URL. */
            schemes?: string[];
            /** @description Regular expression that matches the whole value. */
            pattern?: string;
            /** @description Number of characters, or of words if there may be several. */
            at_most?: number;
            /** @description Characters that no value has. */
            without?: string;
        };
        /** @description A value that a request gives to a command. */
        Slot: {
            name: string;
            /** @description Text of the policy. */
            description?: string;
            /** @description Name of the type, as policies have it: `threshold`, `path`, `one-of`, `text` and so on. */
            type: string;
            /** @description The slot has no default. */
            required: boolean;
            /** @description The value is in no log. Then nothing else is told about it. */
            secret: boolean;
            /**
             * @description It takes several words: those that `options` and `others` describe, or any words if its type is
             *     `loose-words`.
             */
            several: boolean;
            /** @description Its value if none is given; an option line if it takes several words. */
            default?: string;
            /** @description Smallest number. */
            min?: number;
            /** @description Largest number. */
            max?: number;
            /** @description A threshold may begin with `-`. */
            negative?: boolean;
            /** @description The values of `one-of`. */
            values?: string[];
            /** @description Directories, in one of which a path must be. */
            below?: string[];
            /** @description Schemes of a URL. */
            schemes?: string[];
            /** @description Regular expression that matches the whole value. */
            pattern?: string;
            /** @description Number of characters, or of words if there may be several. */
            at_most?: number;
            /** @description Characters that no value has. */
            without?: string;
            /** @description The options that it passes. */
            options?: {
                /** @description Such as `-w` or `--warning`. */
                name: string;
                value?: components["schemas"]["SlotType"];
            }[];
            others?: components["schemas"]["SlotType"];
        };
        CommandList: {
            /**
             * @description Mode of the policy; `none` without one.
             * @enum {string}
             */
            mode: "none" | "observe" | "enforce";
            commands: {
                name: string;
                /** @description Text of the policy. */
                description?: string;
                /**
                 * @description The permission: `/monitor` or `/inventory` runs it.
                 * @enum {string}
                 */
                for: "check" | "inventory";
                /** @description The plugin or program that it runs. */
                plugin: string;
                /** @description Its own time limit; `null` if it has none. */
                timeout_seconds: number | null;
                /** @description In the order in which a request gives their values. */
                slots: components["schemas"]["Slot"][];
            }[];
            /**
             * @description The executable files in `nagios-plugin-paths`, in alphabetical order, at most 1,000. Empty in
             *     mode `enforce`, which runs commands only. A directory whose file system hangs is left out.
             */
            plugins: string[];
        };
        ResultList: {
            results: {
                /** @description Command of the policy, or the plugin if no command has run it. */
                check: string;
                plugin: string;
                /**
                 * @description By the exit status: 0 to 2, otherwise `UNKNOWN`. `CRITICAL` if the plugin was stopped at its time limit or could not be started, as in the answer to the check.
                 * @enum {string}
                 */
                state: "OK" | "WARNING" | "CRITICAL" | "UNKNOWN";
                /** @description Of the plugin, 0 to 255; `null` if it was stopped at its time limit or could not be started. */
                exit_status: number | null;
                /** @description It was stopped at its time limit. */
                timed_out: boolean;
                /** @description When it ended, in seconds since 1970. */
                ended_at: number;
                duration_seconds: number;
                /** @description CPU time of the plugin; `null` if it is not known. */
                cpu_seconds: number | null;
                /** @description Its largest resident memory; `null` if it is not known. */
                max_rss_bytes: number | null;
                /** @description The first 4,096 characters of the output; `null` if the request may have had a secret, which the output may repeat. */
                output: string | null;
                asked_by: components["schemas"]["AskedBy"];
                /** @description With how many different options it has run of late; this is the result of the last of them. */
                variants: number;
            }[];
        };
        /** @description Who asked, as the audit log names callers. */
        AskedBy: {
            /** @description Names in the policy that the caller matches; empty without a policy. */
            who: string[];
            /** @description Address of the peer; `null` over the admin socket. */
            address: string | null;
            /** @description Number of agents that have relayed the request, as its headers say. */
            unproved_hops: number;
        };
        RefusalList: {
            refusals: {
                /** @description Id of the last decision, as in the answer and in the audit log; absent with `would-refuse`. */
                id?: string;
                /**
                 * @description `would-refuse`: the policy only observes. `limited`: over the `rate` or `at-once` of a rule.
                 * @enum {string}
                 */
                decision: "refused" | "would-refuse" | "limited";
                /** @description Equal requests since the first one. */
                count: number;
                /** @description In seconds since 1970. */
                first_at: number;
                /** @description In seconds since 1970. */
                last_at: number;
                /** @description Names in the policy that the caller matches. */
                who: string[];
                /** @description What the caller has proved. */
                proof: {
                    /** @description It came over the admin socket. */
                    admin?: boolean;
                    /** @description Address of the peer. */
                    address?: string;
                    certificate?: {
                        /** @description SHA-256. */
                        fingerprint: string;
                        uri?: string[];
                        dns?: string[];
                        email?: string[];
                        cn?: string;
                    };
                    /** @description Name of its key in the policy, never the key. */
                    key?: string;
                };
                /** @description Number of agents that have relayed the request, as its headers say. */
                unproved_hops: number;
                /** @enum {string} */
                protocol: "https" | "nrpe";
                /** @description The operationId; for NRPE, the one that does the same. */
                operation: string;
                /** @description The permission that it needs. */
                permission: string;
                /** @description The plugin or command that it named. Absent for other operations. */
                command?: string;
                /** @description Its words. What may be a secret is masked. Absent for other operations. */
                options?: string[];
                /** @description The next hop that it named; `null` for other operations. */
                hop: string | null;
                /** @description Number of the rule that came nearest; `null` if there is none. */
                rule: number | null;
                /** @description One sentence. */
                reason: string;
                /** @description Lines of a policy that would permit it; `null` if none can, or they cannot be told, as a value is masked. */
                allow: string | null;
            }[];
        };
        MachineStateList: {
            /** @description `s-<unix seconds>`, ascending. */
            keys: string[];
        };
        /**
         * @description Group, address and port together identify a host: one address can belong to several groups, and
         *     several agents can share one address. v1 clients send empty strings and port 0 if no group is
         *     given; the server refuses such a request.
         */
        HostRequest: {
            apikey?: components["schemas"]["ApiKey"];
            hostdata: {
                /** @description `GROUP` or `GROUP!SUBGROUP`. */
                group_name: string;
                /** @description The host's address within its group; any text. */
                ip: string;
                /** @description May be empty. */
                hostname: string;
                /** @description The agent's port. */
                port: number;
                /** @description Bastions in front of the host, nearest to the client first; `null` means none. */
                proxies: string[] | null;
            };
        };
        HostList: {
            hosts: {
                group_name: string;
                ip: string;
                hostname: string;
                port: number;
                proxies: string[];
            }[];
        };
    };
    responses: {
        /** @description The request does not match this document; nothing was done. */
        BadRequest: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "urn:happo:problem:bad-body",
                 *       "title": "Bad Request",
                 *       "status": 400,
                 *       "detail": "body: expected an object, got 5"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The client's address is not allowed (plain text), a web page sent the request, or a setting or the policy forbids it. */
        Forbidden: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /** @example Access Denied */
                "text/plain": components["schemas"]["AccessDenied"];
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body exceeds `max-body-bytes` or the operation's own limit (`x-max-bytes`). */
        TooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "urn:happo:problem:body-too-large",
                 *       "title": "Payload Too Large",
                 *       "status": 413,
                 *       "detail": "body: over the limit of 16777216 bytes (max-body-bytes)"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The caller has reached the `rate` or `at-once` of its rule in the policy; nothing was done. */
        RateLimited: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "urn:happo:problem:rate-limited",
                 *       "title": "Too Many Requests",
                 *       "status": 429,
                 *       "detail": "over the rate of 20 calls a second (rule 2)"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The caller has reached the `rate` or `at-once` of its rule in the policy; nothing was run. */
        CheckRateLimited: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["CheckProblem"];
            };
        };
        /** @description The caller has reached the `rate` or `at-once` of its rule in the policy; nothing was run. */
        InventoryRateLimited: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["InventoryProblem"];
            };
        };
        /** @description The agent failed; its log says why. */
        InternalError: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "urn:happo:problem:internal",
                 *       "title": "Internal Server Error",
                 *       "status": 500,
                 *       "detail": "internal error"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The agent is overloaded or cannot use the store; nothing was done. */
        Busy: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "urn:happo:problem:busy",
                 *       "title": "Service Unavailable",
                 *       "status": 503,
                 *       "detail": "body: requests in memory are at the limit of 67108864 bytes (max-buffered-bytes)"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The request does not match this document; nothing was run. */
        CheckBadRequest: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "urn:happo:problem:bad-request",
                 *       "title": "Bad Request",
                 *       "status": 400,
                 *       "detail": "plugin_name: required",
                 *       "return_value": 3,
                 *       "message": "plugin_name: required"
                 *     }
                 */
                "application/problem+json": components["schemas"]["CheckProblem"];
            };
        };
        /** @description The client's address is not allowed (plain text), a web page sent the request, or a setting or the policy forbids it. */
        CheckForbidden: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /** @example Access Denied */
                "text/plain": components["schemas"]["AccessDenied"];
                "application/problem+json": components["schemas"]["CheckProblem"];
            };
        };
        /** @description The body exceeds `max-body-bytes` or the operation's own limit (`x-max-bytes`). */
        CheckTooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["CheckProblem"];
            };
        };
        /** @description The agent is overloaded; it ran nothing. */
        CheckBusy: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "type": "urn:happo:problem:busy",
                 *       "title": "Service Unavailable",
                 *       "status": 503,
                 *       "detail": "256 commands are running (max-commands) and none ended within 10 seconds",
                 *       "return_value": 3,
                 *       "message": "256 commands are running (max-commands) and none ended within 10 seconds"
                 *     }
                 */
                "application/problem+json": components["schemas"]["CheckProblem"];
            };
        };
        /** @description The samples, in the order of arrival. */
        MetricsTaken: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "metric_data": [
                 *         {
                 *           "hostname": "web01",
                 *           "timestamp": 1444028730,
                 *           "metrics": {
                 *             "linux.users.users": 1
                 *           }
                 *         }
                 *       ],
                 *       "message": ""
                 *     }
                 */
                "application/json": components["schemas"]["Metrics"];
            };
        };
        /** @description The status is the answer; clients ignore the body. */
        Managed: {
            headers: {
                [name: string]: unknown;
            };
            content?: never;
        };
    };
    parameters: {
        /**
         * @description How many milliseconds the client will still wait, counted from now. A request waits no longer
         *     than that for a free place or for memory. A relay gives up by then with status 504, an inner
         *     relay a little before an outer one. The header does not limit how long a plugin or command runs:
         *     `command-timeout` of the agent that runs it does. Agents pass the header along a relay chain; v1
         *     ignores and drops it.
         * @example 9500
         */
        MillisecondsLeft: string;
        /**
         * @description How many agents have relayed the request so far. Agents count them to stop relay loops.
         * @example 1
         */
        Hops: string;
    };
    requestBodies: never;
    headers: {
        /** @description How many seconds to wait before a retry. */
        RetryAfter: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    checkAvailability: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The agent answers requests. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /** @example OK */
                    "text/plain": "OK";
                };
            };
            403: components["responses"]["Forbidden"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    relayRequest: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description How many milliseconds the client will still wait, counted from now. A request waits no longer
                 *     than that for a free place or for memory. A relay gives up by then with status 504, an inner
                 *     relay a little before an outer one. The header does not limit how long a plugin or command runs:
                 *     `command-timeout` of the agent that runs it does. Agents pass the header along a relay chain; v1
                 *     ignores and drops it.
                 * @example 9500
                 */
                "Happo-Milliseconds-Left"?: components["parameters"]["MillisecondsLeft"];
                /**
                 * @description How many agents have relayed the request so far. Agents count them to stop relay loops.
                 * @example 1
                 */
                "Happo-Hops"?: components["parameters"]["Hops"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "proxy_hostport": [
                 *         "198.51.100.1:6777"
                 *       ],
                 *       "request_type": "monitor",
                 *       "request_json": "eyJhcGlrZXkiOiIiLCJwbHVnaW5fbmFtZSI6ImNoZWNrX3Byb2NzIiwicGx1Z2luX29wdGlvbiI6Ii13IDEwMCAtYyAyMDAifQ=="
                 *     }
                 */
                "application/json": components["schemas"]["RelayRequest"];
            };
        };
        responses: {
            400: components["responses"]["CheckBadRequest"];
            403: components["responses"]["CheckForbidden"];
            413: components["responses"]["CheckTooLarge"];
            429: components["responses"]["CheckRateLimited"];
            /**
             * @description The next hop could not be reached or did not answer properly: connection refused, unknown
             *     host name, TLS failure, connection reset, truncated or oversized answer. `message` names the
             *     hop and the reason.
             */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "return_value": 3,
                     *       "message": "198.51.100.1:6777: connection refused"
                     *     }
                     */
                    "application/json": components["schemas"]["CheckResult"];
                    "application/problem+json": components["schemas"]["CheckProblem"];
                };
            };
            503: components["responses"]["CheckBusy"];
            /** @description The next hop did not send its whole answer within `proxy-timeout-seconds`. */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "return_value": 3,
                     *       "message": "198.51.100.1:6777: no answer within 180 seconds"
                     *     }
                     */
                    "application/json": components["schemas"]["CheckResult"];
                };
            };
            /**
             * @description The next hop's answer, unchanged: any status, any body. The agent checks it against no
             *     schema.
             */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "*/*": Uint8Array;
                };
            };
        };
    };
    runCheck: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description How many milliseconds the client will still wait, counted from now. A request waits no longer
                 *     than that for a free place or for memory. A relay gives up by then with status 504, an inner
                 *     relay a little before an outer one. The header does not limit how long a plugin or command runs:
                 *     `command-timeout` of the agent that runs it does. Agents pass the header along a relay chain; v1
                 *     ignores and drops it.
                 * @example 9500
                 */
                "Happo-Milliseconds-Left"?: components["parameters"]["MillisecondsLeft"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "apikey": "",
                 *       "plugin_name": "check_procs",
                 *       "plugin_option": "-w 100 -c 200"
                 *     }
                 */
                "application/json": components["schemas"]["CheckRequest"];
            };
        };
        responses: {
            /** @description The plugin ran, does not exist (127) or is not executable (126). */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "return_value": 1,
                     *       "message": "PROCS WARNING: 168 processes\n"
                     *     }
                     */
                    "application/json": components["schemas"]["CheckResult"];
                };
            };
            400: components["responses"]["CheckBadRequest"];
            403: components["responses"]["CheckForbidden"];
            413: components["responses"]["CheckTooLarge"];
            429: components["responses"]["CheckRateLimited"];
            /** @description The plugin exceeded its time limit or could not be started. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "return_value": 2,
                     *       "message": "Exec timeout: /usr/lib/nagios/plugins/check_http -H www.example.com"
                     *     }
                     */
                    "application/json": components["schemas"]["CheckResult"];
                    "application/problem+json": components["schemas"]["CheckProblem"];
                };
            };
            503: components["responses"]["CheckBusy"];
        };
    };
    runInventoryCommand: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description How many milliseconds the client will still wait, counted from now. A request waits no longer
                 *     than that for a free place or for memory. A relay gives up by then with status 504, an inner
                 *     relay a little before an outer one. The header does not limit how long a plugin or command runs:
                 *     `command-timeout` of the agent that runs it does. Agents pass the header along a relay chain; v1
                 *     ignores and drops it.
                 * @example 9500
                 */
                "Happo-Milliseconds-Left"?: components["parameters"]["MillisecondsLeft"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "apikey": "",
                 *       "command": "uname",
                 *       "command_option": "-a"
                 *     }
                 */
                "application/json": components["schemas"]["InventoryRequest"];
            };
        };
        responses: {
            /** @description The command ended with exit status 0. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "return_code": 0,
                     *       "return_value": "Linux web01 6.1.0 x86_64 GNU/Linux\n"
                     *     }
                     */
                    "application/json": components["schemas"]["InventoryResult"];
                };
            };
            /**
             * @description The command ended with another exit status (`application/json`; 128+*n* if signal *n*
             *     killed it), or the agent refused the request (`application/problem+json`).
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "return_code": 127,
                     *       "return_value": "/bin/sh: 1: rpm: not found\n"
                     *     }
                     */
                    "application/json": components["schemas"]["InventoryResult"];
                    /**
                     * @example {
                     *       "type": "urn:happo:problem:bad-request",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "command: required",
                     *       "return_code": 125,
                     *       "return_value": "command: required"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["InventoryProblem"];
                };
            };
            /** @description The client, the web page or the command is not allowed. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /** @example Access Denied */
                    "text/plain": components["schemas"]["AccessDenied"];
                    "application/problem+json": components["schemas"]["InventoryProblem"];
                };
            };
            /** @description The body exceeds `max-body-bytes` or the operation's own limit (`x-max-bytes`). */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InventoryProblem"];
                };
            };
            /** @description The command exceeded its time limit. Its output is dropped, as in v1. */
            417: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "return_code": 0,
                     *       "return_value": ""
                     *     }
                     */
                    "application/json": components["schemas"]["InventoryResult"];
                };
            };
            429: components["responses"]["InventoryRateLimited"];
            /** @description The command could not be started, or the agent failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InventoryProblem"];
                };
            };
            /** @description The agent is overloaded; it ran nothing. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InventoryProblem"];
                };
            };
        };
    };
    drainMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "apikey": ""
                 *     }
                 */
                "application/json": components["schemas"]["KeyOnlyRequest"];
            };
        };
        responses: {
            200: components["responses"]["MetricsTaken"];
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Busy"];
        };
    };
    appendMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "apikey": "",
                 *       "metric_data": [
                 *         {
                 *           "hostname": "web01",
                 *           "timestamp": 1444028730,
                 *           "metrics": {
                 *             "linux.users.users": 1,
                 *             "linux.swap.pswpin": 0.5
                 *           }
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["AppendRequest"];
            };
        };
        responses: {
            /** @description Everything is on disk. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok",
                     *       "message": ""
                     *     }
                     */
                    "application/json": {
                        /** @constant */
                        status: "ok";
                        /**
                         * @description Always empty, as in v1.
                         * @constant
                         */
                        message: "";
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Busy"];
        };
    };
    leaseMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "seconds": 300,
                 *       "limit": 60,
                 *       "consumer": "default"
                 *     }
                 */
                "application/json": components["schemas"]["LeaseRequest"];
            };
        };
        responses: {
            /** @description A batch. If nothing is available, `batch_id` and `metric_data` are `null`. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "batch_id": "5f2b8a90c1d34e6f7a8b9c0d",
                     *       "expires_at": 1444029030,
                     *       "seconds": 300,
                     *       "metric_data": [
                     *         {
                     *           "hostname": "web01",
                     *           "timestamp": 1444028730,
                     *           "metrics": {
                     *             "linux.users.users": 1
                     *           }
                     *         }
                     *       ],
                     *       "message": ""
                     *     }
                     */
                    "application/json": components["schemas"]["LeasedMetrics"];
                };
            };
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Busy"];
        };
    };
    acknowledgeMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "batch_id": "5f2b8a90c1d34e6f7a8b9c0d",
                 *       "consumer": "default"
                 *     }
                 */
                "application/json": components["schemas"]["AcknowledgeRequest"];
            };
        };
        responses: {
            /** @description This consumer does not get the batch again. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok",
                     *       "message": ""
                     *     }
                     */
                    "application/json": {
                        /** @constant */
                        status: "ok";
                        message: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Busy"];
        };
    };
    listLeases: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The leases; an empty list if there are none. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "leases": [
                     *         {
                     *           "batch_id": "5f2b8a90c1d34e6f7a8b9c0d",
                     *           "consumer": "default",
                     *           "seconds": 300,
                     *           "seconds_left": 120,
                     *           "expires_at": 1444029030,
                     *           "entries": 60,
                     *           "oldest_timestamp": 1444025130,
                     *           "newest_timestamp": 1444028730
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["LeaseList"];
                };
            };
            403: components["responses"]["Forbidden"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Busy"];
        };
    };
    releaseLease: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "batch_id": "5f2b8a90c1d34e6f7a8b9c0d"
                 *     }
                 */
                "application/json": components["schemas"]["ReleaseRequest"];
            };
        };
        responses: {
            /** @description The batch is not leased now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok",
                     *       "message": "",
                     *       "released": true
                     *     }
                     */
                    "application/json": {
                        /** @constant */
                        status: "ok";
                        message: string;
                        /** @description True if this request ended a running lease. */
                        released: boolean;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Busy"];
        };
    };
    peekMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "limit": 1
                 *     }
                 */
                "application/json": components["schemas"]["PeekRequest"];
            };
        };
        responses: {
            200: components["responses"]["MetricsTaken"];
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Busy"];
        };
    };
    getMetricConfig: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The active configuration. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "file": "/etc/happo/metrics.yaml",
                     *       "read_at": 1444028730,
                     *       "error": null,
                     *       "warnings": [],
                     *       "config": {
                     *         "metrics": [
                     *           {
                     *             "hostname": "web01",
                     *             "plugins": [
                     *               {
                     *                 "plugin_name": "metrics_linux",
                     *                 "plugin_option": ""
                     *               }
                     *             ]
                     *           }
                     *         ]
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["MetricConfigStatus"];
                };
            };
            403: components["responses"]["Forbidden"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    updateMetricConfig: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "apikey": "",
                 *       "config": {
                 *         "Metrics": [
                 *           {
                 *             "Hostname": "web01",
                 *             "Plugins": [
                 *               {
                 *                 "Plugin_Name": "metrics_linux",
                 *                 "Plugin_Option": ""
                 *               }
                 *             ]
                 *           }
                 *         ]
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["MetricConfigUpdate"];
            };
        };
        responses: {
            /** @description The agent wrote the file (`OK`) or could not (`NG`). */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "OK",
                     *       "message": ""
                     *     }
                     */
                    "application/json": {
                        /** @enum {string} */
                        status: "OK" | "NG";
                        /** @description The reason of `NG`; empty with `OK`. */
                        message: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Busy"];
        };
    };
    getMetricStatus: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description See `/status`. */
            301: {
                headers: {
                    /** @description Where the status is. */
                    Location: "/status";
                    [name: string]: unknown;
                };
                content: {
                    /** @example <a href="/status">Moved Permanently</a>. */
                    "text/html": string;
                };
            };
            403: components["responses"]["Forbidden"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    getStatus: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            403: components["responses"]["Forbidden"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    getMemoryStatus: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The figures. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MemoryStatus"];
                };
            };
            403: components["responses"]["Forbidden"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    getRequestStatus: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The counts. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "last1": [
                     *         {
                     *           "url": "/",
                     *           "counts": {
                     *             "200": 3,
                     *             "403": 1
                     *           }
                     *         }
                     *       ],
                     *       "last5": [
                     *         {
                     *           "url": "/",
                     *           "counts": {
                     *             "200": 3,
                     *             "403": 1
                     *           }
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["RequestStatus"];
                };
            };
            403: components["responses"]["Forbidden"];
            /** @description Counting is off (`enable-requeststatus-middleware`). This is the default. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    listMachineStates: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The keys. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "keys": [
                     *         "s-1498112479",
                     *         "s-1498112819"
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["MachineStateList"];
                };
            };
            403: components["responses"]["Forbidden"];
            /** @description There is no snapshot. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "keys": []
                     *     }
                     */
                    "application/json": components["schemas"]["MachineStateList"];
                };
            };
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Busy"];
        };
    };
    getMachineState: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description A key as `/machine-state` lists it, `s-<unix seconds>`.
                 * @example s-1498112479
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The snapshot. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "machineState": "********** w  (2017-06-22T15:21:19+09:00) **********\n 15:21:19 up 13 days\n\n"
                     *     }
                     */
                    "application/json": {
                        /** @description The output of each command, each under a heading. */
                        machineState: string;
                    };
                };
            };
            403: components["responses"]["Forbidden"];
            /** @description There is no such snapshot. The text is that of v1. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "error": "leveldb: not found"
                     *     }
                     */
                    "application/json": {
                        error: string;
                    };
                };
            };
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Busy"];
        };
    };
    exposeMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The metrics. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example # HELP happo_agent_commands_running Plugins and commands that run now.
                     *     # TYPE happo_agent_commands_running gauge
                     *     happo_agent_commands_running 2
                     */
                    "text/plain": string;
                    /**
                     * @example # TYPE happo_agent_commands_running gauge
                     *     # HELP happo_agent_commands_running Plugins and commands that run now.
                     *     happo_agent_commands_running 2
                     *     # EOF
                     */
                    "application/openmetrics-text": string;
                };
            };
            403: components["responses"]["Forbidden"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    listCommands: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "apikey": ""
                 *     }
                 */
                "application/json": components["schemas"]["KeyOnlyRequest"];
            };
        };
        responses: {
            /** @description The commands. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "mode": "enforce",
                     *       "commands": [
                     *         {
                     *           "name": "disk",
                     *           "description": "Free space of a file system",
                     *           "for": "check",
                     *           "plugin": "check_disk",
                     *           "timeout_seconds": null,
                     *           "slots": [
                     *             {
                     *               "name": "warning",
                     *               "type": "threshold",
                     *               "required": false,
                     *               "secret": false,
                     *               "several": false,
                     *               "default": "20%"
                     *             },
                     *             {
                     *               "name": "path",
                     *               "type": "path",
                     *               "required": true,
                     *               "secret": false,
                     *               "several": false,
                     *               "below": [
                     *                 "/var",
                     *                 "/srv"
                     *               ]
                     *             }
                     *           ]
                     *         }
                     *       ],
                     *       "plugins": []
                     *     }
                     */
                    "application/json": components["schemas"]["CommandList"];
                };
            };
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Busy"];
        };
    };
    listResults: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "apikey": ""
                 *     }
                 */
                "application/json": components["schemas"]["KeyOnlyRequest"];
            };
        };
        responses: {
            /** @description The results; an empty list if no check has run. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "results": [
                     *         {
                     *           "check": "disk",
                     *           "plugin": "check_disk",
                     *           "state": "OK",
                     *           "exit_status": 0,
                     *           "timed_out": false,
                     *           "ended_at": 1444028730,
                     *           "duration_seconds": 0.012,
                     *           "cpu_seconds": 0.004,
                     *           "max_rss_bytes": 3145728,
                     *           "output": "DISK OK - free space: /var 11 GB (52%)\n",
                     *           "asked_by": {
                     *             "who": [
                     *               "nagios"
                     *             ],
                     *             "address": "192.0.2.10",
                     *             "unproved_hops": 0
                     *           },
                     *           "variants": 1
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["ResultList"];
                };
            };
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Busy"];
        };
    };
    listRefusals: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "apikey": ""
                 *     }
                 */
                "application/json": components["schemas"]["KeyOnlyRequest"];
            };
        };
        responses: {
            /** @description The refusals; an empty list if there are none, and without a policy. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "refusals": [
                     *         {
                     *           "id": "3q2uJYk9ZC1x",
                     *           "decision": "refused",
                     *           "count": 12,
                     *           "first_at": 1444025130,
                     *           "last_at": 1444028730,
                     *           "who": [
                     *             "nagios"
                     *           ],
                     *           "proof": {
                     *             "address": "192.0.2.10"
                     *           },
                     *           "unproved_hops": 0,
                     *           "protocol": "https",
                     *           "operation": "runCheck",
                     *           "permission": "check",
                     *           "command": "check_disk",
                     *           "options": [
                     *             "-p",
                     *             "/etc"
                     *           ],
                     *           "hop": null,
                     *           "rule": 1,
                     *           "reason": "path: /etc is not below /var, /srv (command disk, rule 1)",
                     *           "allow": "commands:\n  disk-2:\n    run: [check_disk, -p, /etc]\nrules:\n  - { who: nagios, may: check, commands: disk-2 }\n"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["RefusalList"];
                };
            };
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Busy"];
        };
    };
    addHost: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "apikey": "",
                 *       "hostdata": {
                 *         "group_name": "GRP!SUB",
                 *         "ip": "192.0.2.5",
                 *         "hostname": "web01",
                 *         "port": 6777,
                 *         "proxies": [
                 *           "198.51.100.1:6777"
                 *         ]
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["HostRequest"];
            };
        };
        responses: {
            200: components["responses"]["Managed"];
            302: components["responses"]["Managed"];
            400: components["responses"]["BadRequest"];
            default: components["responses"]["Managed"];
        };
    };
    findHost: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "apikey": "",
                 *       "hostdata": {
                 *         "group_name": "GRP!SUB",
                 *         "ip": "192.0.2.5",
                 *         "hostname": "",
                 *         "port": 6777,
                 *         "proxies": null
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["HostRequest"];
            };
        };
        responses: {
            200: components["responses"]["Managed"];
            302: components["responses"]["Managed"];
            400: components["responses"]["BadRequest"];
            404: components["responses"]["Managed"];
            default: components["responses"]["Managed"];
        };
    };
    removeHost: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "apikey": "",
                 *       "hostdata": {
                 *         "group_name": "GRP!SUB",
                 *         "ip": "192.0.2.5",
                 *         "hostname": "",
                 *         "port": 6777,
                 *         "proxies": null
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["HostRequest"];
            };
        };
        responses: {
            200: components["responses"]["Managed"];
            302: components["responses"]["Managed"];
            400: components["responses"]["BadRequest"];
            404: components["responses"]["Managed"];
            default: components["responses"]["Managed"];
        };
    };
    listHosts: {
        parameters: {
            query?: {
                /**
                 * @description Only this group and its subgroups: `GRP` includes `GRP!SUB`.
                 * @example GRP!SUB
                 */
                group?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The hosts, sorted by group, address and port. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "hosts": [
                     *         {
                     *           "group_name": "GRP!SUB",
                     *           "ip": "192.0.2.5",
                     *           "hostname": "web01",
                     *           "port": 6777,
                     *           "proxies": [
                     *             "198.51.100.1:6777"
                     *           ]
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["HostList"];
                };
            };
            400: components["responses"]["BadRequest"];
            default: components["responses"]["Managed"];
        };
    };
}
