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
         * Say that the agent is there
         * @description Answers `OK` without a newline, as the original. Nothing is looked at or run.
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
         * @description Passes a request on to the first of `proxy_hostport` and answers with what that hop answered:
         *     its status, its body byte for byte, and its `Content-Type`, `application/octet-stream` where it
         *     names none (the original guessed the type from the body). Redirects of a hop are passed back, never followed; their `Location` is dropped with
         *     the other headers, as in the original.
         *
         *     With one host left, the bytes of `request_json` are posted to `/<request_type>` there. With
         *     more, `/proxy` of the first is called with the remaining hosts. `get/<path>` (`get/status`)
         *     makes the last relay send a real `GET`; an original agent as the last relay cannot do that, it
         *     posts to `/get/<path>` and its peer answers 404 (`misrelayed-get`).
         *
         *     `request_json` is base64, which is what every client and agent of the original really sends,
         *     or the JSON text itself, which is what its documentation says (and its code loses: it forwards
         *     an empty body). The first character that is not blank decides: `{` is JSON.
         *
         *     At most 16 agents are passed, nested relays included. The time that is left travels along, so
         *     that an inner hop gives up before an outer one and says which hop was slow. At most 64
         *     connections to a host are kept, 128 requests to a host and 512 in all are on their way, 64 to a
         *     host where they came through another agent; more are answered 503 at once. A client that goes away cancels what it asked for. Whether the certificate
         *     of the next hop is verified is the agent's setting; by default it is not, as in the original.
         *
         *     Failures of the relay itself have the shape of a check result, whatever was relayed, because
         *     the original's clients expect it. A status of 500 makes check_happo say CRITICAL, on purpose.
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
         *     `plugin_option` and answers its exit status and its output. A failing check is a result, not
         *     an error: the status is 200 whatever the plugin says.
         *
         *     An option line of plain words and quotes is split as a POSIX shell would split it and the
         *     plugin is executed directly. A line that uses the shell (pipes, substitutions, globs,
         *     redirections, variables, an open quote) goes through `/bin/sh -c`, as the original always did,
         *     if the setting `shell` allows it.
         *
         *     Kept from the original, because clients depend on it:
         *     - `return_value` is the plugin's exit status as it is, 0 to 255, also beyond the four Nagios
         *       knows. A plugin that does not exist is 127, one that is not an executable file is 126.
         *     - `message` is standard output as it is. With anything on standard error it is
         *       `<stdout>, stderr=<stderr>`, and with an empty standard output always
         *       `stdout=, stderr=<stderr>`.
         *     - A timeout is status 500 with `return_value` 2 (CRITICAL), and the output is dropped.
         *
         *     Different from the original:
         *     - A death by signal *n* is `return_value` 128+*n* on every system, and `message` names the signal
         *       (not for real-time signals, which this runtime cannot see: they are reported as exit status 0).
         *     - After `command-timeout` seconds the whole process group gets SIGTERM, three seconds later
         *       SIGKILL. A background process that the plugin leaves behind does not delay the answer. A process
         *       that leaves the group (`setsid`) is not reached.
         *     - Output beyond `command-output-limit-bytes` for each stream is dropped, and `message` says so.
         *       Invalid UTF-8 is replaced by U+FFFD.
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
         * Run a command and answer its output
         * @description Runs `<command> <command_option>` as one `/bin/sh -c` line, found through `PATH`, and answers
         *     what it wrote to standard output and standard error, in the order it was written.
         *
         *     This is a remote shell for everyone whom `allowed-hosts` admits; that is what the original
         *     offers and its clients use. With the setting `shell` off only the commands listed in
         *     `inventory-commands` are run, without a shell; with `inventory` off every request is 403.
         *
         *     Kept from the original: an exit status other than 0 is answered with status 400, a timeout
         *     with status 417, `return_code` 0 and an empty output.
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
         * @description Answers the oldest stored metrics, up to 60 distinct seconds of arrival and 8 MiB but at least
         *     one entry, and deletes them once the answer was delivered. The body may be absent. With
         *     nothing stored `metric_data` is `null`, not `[]`, as in the original.
         *
         *     Nothing is deleted before the answer was delivered: the client has sent its next request on the
         *     connection, or closed it in order, or has not reset it for three seconds. A client that ends its
         *     side of the connection before the answer counts as one that has vanished. Until then the data is
         *     reserved, so that two drains at once never get the same, and otherwise it is put back. Over a
         *     crash or a stop of the agent a drain is at-least-once: the same data can be answered again. Through
         *     a relay the agent hears of the bastion only: when the bastion has the data, it is gone. A backend
         *     that wants certainty, and every one behind a bastion, uses `/metric/lease` and `/metric/ack`.
         *
         *     Data that `/metric/lease` has lent to the consumer `default` is not answered while the lease runs.
         *     A plain drain is that consumer: where the setting `metric-consumers` does not name `default`, it
         *     is refused with 400.
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
         * @description Stores the samples, all of them or none. `ok` means that they are on disk and survive a crash
         *     and a power loss. `metric_data` of `null` or `[]` answers `ok` and stores nothing (the original
         *     stored an empty entry).
         *
         *     While the store is full (`max-store-bytes`, `min-free-bytes`) the answer is 503 with
         *     `Retry-After` and the limit in `detail`, and nothing is stored; all that takes metrics goes on.
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
         * Lend the oldest metrics for a time
         * @description Answers the oldest metrics that are not lent to anyone, with a `batch_id`, and keeps them out
         *     of other leases and drains for `seconds`. They are deleted by `/metric/ack` only. After the
         *     lease has run out, before or after a restart, the same batch comes back unchanged under the same
         *     id, except for what retention or a plain drain has removed meanwhile; `limit` counts for new batches only.
         *     A lease ends by the time that passes, not by the clock. It is granted for
         *     `metric-max-lease-seconds` at most: a request for more is granted that, and the answer's
         *     `seconds` says what was granted. `GET /metric/leases` lists leases, `/metric/release` ends them.
         *     Not in the original, which answers 404: a client must not fall back to `/metric`, which deletes.
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
         * Say that a leased batch is safe
         * @description Deletes exactly the batch of `batch_id`, or marks it as taken by its consumer while others of
         *     the setting `metric-consumers` still want it. Doing it again has the same result; an id that is
         *     not known was acknowledged before. Not in the original (404 there).
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
         * @description Answers every batch that was lent and not acknowledged, oldest metrics first: those whose lease
         *     still runs, and those that come back to the next reader (`seconds_left` 0).
         *     Not in the original (404 there).
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
         * @description Ends the lease of `batch_id` now, so that the batch is lent to the next reader or drained. Its
         *     data stays, and the reader that had it may still acknowledge it. An id that is not known, or
         *     whose lease has ended, changes nothing: `released` says so. Not in the original (404 there).
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
         * Look at the oldest metrics
         * @description Answers the oldest metrics that `consumer` has not taken, lent ones included, and changes
         *     nothing: what is seen here is still there afterwards.
         *     Not in the original (404 there).
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
         * Show the collection's configuration in force
         * @description Answers the last good version of the `metric-config` file, which is the one in force, and the
         *     error if the file as it is now cannot be used. Not in the original (404 there).
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
         *     pass on. `"config":{}` is valid and empties the file; a request without `config` is refused
         *     (the original wiped the file and answered `OK`). A file that cannot be written is status 200
         *     with `status` `NG`, as in the original, but with the reason.
         *
         *     Clients in Go send `Metrics`, `Hostname`, `Plugin_Name`. The setting `config-update` turns the operation off (403). The version before
         *     is kept beside the file, with `.previous` behind its name. A file that can be written but not
         *     replaced (a directory that the agent may not write, a mount point) is written in place; the
         *     version before is then kept as `<dbfile>.metric-config.previous`, and is put back at the next
         *     start if a crash has cut the write short. Where the file system stops answering in the middle
         *     of a write, the answer is `NG` after 5 s, and the write may still end once it answers.
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
         * @description Moved to `/status` in the original already; the query string is dropped, as there.
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
         * @description The original's fields with the meaning they can have in this runtime, and what an operator
         *     needs besides. Every figure is read when the request is answered.
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
         * @description The field names of Go's `runtime.MemStats`, which existing graphs use, filled from V8 and the
         *     process where there is a counterpart, 0 where there is none, and the runtime's own figures
         *     beside them under `node`.
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
         * Report how many requests were answered
         * @description Counts of answers by path and status over the last minute and the last five minutes. Refused
         *     requests are counted too (the original forgot them), this one is not yet. `url` is the path as
         *     this document writes it, without a query; what this document does not have is counted together
         *     as `other`. Off unless `enable-requeststatus-middleware` is set.
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
         * List the snapshots of the machine
         * @description Keys of the stored snapshots, oldest first. With none stored the status is 404, with the same
         *     body; the original answers that and its clients know it.
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
         * Show one snapshot of the machine
         * @description The text of one snapshot. Keys that do not begin with `s-` are not readable (the original
         *     handed out any entry of its database).
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
         * @description The agent's own figures, and in `happo_collected_metric` the latest value of every name that the
         *     metric plugins gave for a host, with the labels `host` and `metric`; at most 10,000 of them, and
         *     none that is older than five minutes or two and a half collection intervals, whichever is
         *     longer. Of a name that comes with several times the value is that of the latest. Prometheus text format, or OpenMetrics when `Accept` asks for it. Not in
         *     the original (404 there).
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
         * @description Asks the management server to add a host. Clients look at the status only and do not follow
         *     redirects: 302 means that the host is registered already.
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
         * Ask whether a host is registered
         * @description 302 means found, 404 not found. A 200 means neither, as in the original, whose clients say
         *     `Unknown Status` to it. `hostname` is empty and `proxies` is `null` in these requests.
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
         * @description 200 means done; every other status means that it failed, 302 too.
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
         * @description For crawlers, which take the metrics of every host and want to know the way there. No program
         *     of the original asks for it.
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
        /** @description Never compared with anything, as in the original; see the introduction. */
        ApiKey: string | null;
        /** @constant */
        AccessDenied: "Access Denied\n";
        /**
         * @description What kind of problem it is; clients decide by it, never by a text.
         *
         *     | `urn:happo:problem:` | status | meaning |
         *     |---|---|---|
         *     | `bad-http` | 400 | not HTTP, or a broken header or path |
         *     | `bad-body` | 400 | the body is no JSON object, too deep, too complex or incomplete |
         *     | `bad-request` | 400 | a field is not what this document or the agent's settings allow |
         *     | `bad-relay` | 400 | a field of `/proxy` is wrong |
         *     | `forbidden` | 403 | a setting of the agent forbids it |
         *     | `destination-forbidden` | 403 | `proxy-destinations` forbids the next hop |
         *     | `web-page` | 403 | a web page must not call an agent |
         *     | `no-such-path` | 404 | no operation has this path |
         *     | `misrelayed-get` | 404 | an original relay has posted to `/get/<path>` what should have been a `GET` |
         *     | `turned-off` | 404 | a setting of the agent turns the operation off |
         *     | `no-such-method` | 405 | the path has other methods (`Allow`) |
         *     | `request-timeout` | 408 | the request did not arrive in time |
         *     | `body-too-large` | 413 | the body is over the operation's limit |
         *     | `headers-too-large` | 431 | the headers are over 16 KiB |
         *     | `internal` | 500 | the agent failed; its log says why |
         *     | `not-started` | 500 | the command could not be started |
         *     | `busy` | 503 | too much is going on (`Retry-After`) |
         *     | `relay-busy` | 503 | too many requests are on their way to the next hop, or in all |
         *     | `stopping` | 503 | the agent is stopping |
         *     | `store-full` | 503 | `max-store-bytes` or `min-free-bytes` is reached |
         *     | `store-unavailable` | 503 | the store cannot be used now |
         * @enum {string}
         */
        ProblemType: "urn:happo:problem:bad-http" | "urn:happo:problem:bad-body" | "urn:happo:problem:bad-request" | "urn:happo:problem:bad-relay" | "urn:happo:problem:forbidden" | "urn:happo:problem:destination-forbidden" | "urn:happo:problem:web-page" | "urn:happo:problem:no-such-path" | "urn:happo:problem:misrelayed-get" | "urn:happo:problem:turned-off" | "urn:happo:problem:no-such-method" | "urn:happo:problem:request-timeout" | "urn:happo:problem:body-too-large" | "urn:happo:problem:headers-too-large" | "urn:happo:problem:internal" | "urn:happo:problem:not-started" | "urn:happo:problem:busy" | "urn:happo:problem:relay-busy" | "urn:happo:problem:stopping" | "urn:happo:problem:store-full" | "urn:happo:problem:store-unavailable";
        /** @description Why a request was refused (RFC 9457). */
        Problem: {
            type: components["schemas"]["ProblemType"];
            /** @description The status in words. */
            title: string;
            /** @description The HTTP status. */
            status: number;
            /** @description What is wrong, naming the field and the value. */
            detail: string;
        };
        /** @description A problem in the shape of a check result as well, for check clients that decode it. */
        CheckProblem: {
            type: components["schemas"]["ProblemType"];
            title: string;
            status: number;
            detail: string;
            /**
             * @description UNKNOWN.
             * @constant
             */
            return_value: 3;
            /** @description The same text as `detail`. */
            message: string;
        };
        /** @description A problem in the shape of an inventory result as well. */
        InventoryProblem: {
            type: components["schemas"]["ProblemType"];
            title: string;
            status: number;
            detail: string;
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
             * @description File name of the plugin, below one of the directories of `nagios-plugin-paths`. It cannot
             *     leave them (`..`, an absolute path) and has no control or shell characters. Blanks around it and
             *     `./` are left out. Options behind it stand before `plugin_option`, if no plugin has the whole name.
             */
            plugin_name: string;
            /** @description The option line, words and quotes as in a shell. */
            plugin_option?: string | null;
        };
        CheckResult: {
            /** @description Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, others as the plugin gave them. */
            return_value: number;
            /** @description What the plugin printed, perfdata included. */
            message: string;
        };
        InventoryRequest: {
            apikey?: components["schemas"]["ApiKey"];
            /** @description The command, found through `PATH`. */
            command: string;
            /** @description Its arguments as a shell line. */
            command_option?: string | null;
        };
        InventoryResult: {
            /** @description Exit status of the command. */
            return_code: number;
            /** @description Standard output and standard error as they were written. */
            return_value: string;
        };
        RelayRequest: {
            /**
             * @description The hops, nearest first, the destination last: a name, an IPv4 address or a bare or
             *     bracketed IPv6 address, with an optional port (6777).
             */
            proxy_hostport: string[];
            /**
             * @description Path of the operation, `monitor` or `metric/append`; `get/` in front of it for a `GET`, and
             *     alone for `GET /`. A slash before and behind it makes no difference.
             */
            request_type: string;
            /** @description The body to deliver, as base64 or as JSON text. Absent is an empty body. */
            request_json?: string | null;
        };
        Sample: {
            /** @description The host the figures are of; may be empty. */
            hostname: string;
            /** @description When the figures were taken, in seconds since 1970. Not used for ordering or retention. */
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
            /** @description Value by metric name; `null` only in entries that the original stored. */
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
            /** @description Empty as a rule. */
            message: string;
        };
        /** @description Name of the reader, one of the setting `metric-consumers`; absent is `default`. */
        Consumer: string | null;
        /** @description At most this many distinct seconds of arrival; absent is 60. */
        BatchLimit: number | null;
        LeaseRequest: {
            apikey?: components["schemas"]["ApiKey"];
            /** @description How long the batch is kept for this reader, in seconds; `metric-max-lease-seconds` at most. */
            seconds: number;
            limit?: components["schemas"]["BatchLimit"];
            consumer?: components["schemas"]["Consumer"];
        };
        LeasedMetrics: {
            batch_id: string | null;
            /** @description When the lease runs out by the clock of now, in seconds since 1970. */
            expires_at: number | null;
            /** @description How long the lease was granted for. */
            seconds: number | null;
            metric_data: components["schemas"]["StoredSample"][] | null;
            message: string;
        };
        LeaseList: {
            leases: {
                batch_id: string;
                /** @description The reader, one of `metric-consumers`. */
                consumer: string;
                /** @description How long the lease was granted for. */
                seconds: number;
                /** @description Until it ends, by the time that passes; 0: it has ended. */
                seconds_left: number;
                /** @description When it ends or has ended, by the clock at the grant; seconds since 1970. */
                expires_at: number;
                /** @description Entries of the store in the batch, appends as a rule. */
                entries: number;
                /** @description Arrival of the oldest metrics in it, seconds since 1970. */
                oldest_timestamp: number;
                /** @description Arrival of the newest metrics in it, seconds since 1970. */
                newest_timestamp: number;
            }[];
        };
        ReleaseRequest: {
            apikey?: components["schemas"]["ApiKey"];
            /** @description As `/metric/lease` or `/metric/leases` answered it. */
            batch_id: string;
        };
        AcknowledgeRequest: {
            apikey?: components["schemas"]["ApiKey"];
            /** @description As `/metric/lease` answered it. */
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
            /** @description When the version in force was read, in seconds since 1970; `null` if none was. */
            read_at: number | null;
            /** @description Why the file as it is now cannot be used. */
            error: string | null;
            /** @description What is odd in the version in force, with its line: a key that comes twice, an entry that was left out. */
            warnings: string[];
            config: components["schemas"]["MetricConfig"];
        };
        /** @description The first six fields are the original's; agents of the original answer no others. */
        Status: {
            /** @description As `happo-agent --version` prints it. */
            app_version: string;
            /** @description Whole seconds since the agent started. */
            uptime_seconds: number;
            /** @description Nearest counterpart of Go's figure: handles and requests that keep the event loop busy, the number of `callers`. */
            num_goroutine: number;
            metric_buffer_status: {
                /** @description Arrival of the newest stored metrics, seconds since 1970; 0 if none, or if the store cannot be used. */
                newest_timestamp: number;
                /** @description Arrival of the oldest stored metrics, seconds since 1970; 0 if none, or if the store cannot be used. */
                oldest_timestamp: number;
            };
            /** @description What the event loop waits for, one kind of handle or request an entry, such as `TLSSocketWrap` (Go's goroutine stacks in the original). */
            callers: string[];
            /** @description The store's own report, keys as in the original. What is a number there is a number here: `openedtables` is the number of tables, 0 stands for figures that this LevelDB does not have. `blockpool` is empty. */
            leveldb_properties: {
                [key: string]: string;
            };
            /** @description Of the runtime, such as `20.19.0`. */
            node_version?: string;
            pid?: number;
            /** @description Seconds since 1970. */
            started_at?: number;
            /** @description The agent's clock at this answer, seconds since 1970: all times here are by it. */
            now?: number;
            /** @description Plugins and commands, those of the collection and of machine states included. */
            commands?: {
                /**
                 * @description How commands are started (`command-engine`).
                 * @enum {string}
                 */
                engine: "native" | "child_process";
                /** @description Running now. */
                running: number;
                /** @description Waiting for a place (`max-commands`). */
                waiting: number;
                /** @description Stopped at the time limit since the start. */
                timeouts: number;
                /** @description There now, though they got SIGKILL more than a second ago. */
                survivors: number;
                /** @description Still there one second after SIGKILL, since the start. */
                survivors_total: number;
                /** @description Answered, but processes of them are still there, or hold their outputs open (`max-left-behind`). */
                left_behind: number;
                /** @description What they left behind was stopped because of `max-left-behind`, since the start. */
                left_behind_stopped_total: number;
            };
            connections?: {
                /** @description Served now, this one included. */
                open: number;
                /** @description Waiting for a place (`max-connections`). */
                waiting: number;
            };
            /**
             * @description How late a timer was that is due twice a second, over the last minute: as long as that, requests
             *     wait. 0 in the first second.
             */
            event_loop?: {
                /** @description Milliseconds. */
                mean_delay_ms: number;
                /** @description Milliseconds. */
                max_delay_ms: number;
            };
            /** @description The metric plugins. */
            collection?: {
                /** @description No where `disable-collect-metrics` is set. */
                enabled: boolean;
                /** @description Seconds between two passes (`collection-interval-seconds`). */
                interval_seconds?: number;
                /** @description Why the `metric-config` file as it is now cannot be used, as in `/metric/config`; `null` before the first pass, too. */
                config_error?: string | null;
                /** @description As in `/metric/config`. */
                config_warnings?: string[];
                last_pass: components["schemas"]["CollectionPass"];
            };
            store?: {
                directory: string;
                /** @description While it is not, metrics are answered 503. */
                available: boolean;
                /** @description Why it is not available. */
                reason: string | null;
                /** @description Size of its files. */
                disk_bytes: number;
                /** @description Why new metrics and machine states are refused (`max-store-bytes`, `min-free-bytes`). `null` as a rule. */
                full: string | null;
                /** @description Writes refused for that reason since the start. */
                refused_writes: number;
                /** @description Why old data is kept longer: the clock was set ahead. `null` as a rule. */
                retention_waits: string | null;
                /** @description How often damage was found in its files or values since the start. */
                damages: number;
                /** @description Entries that were acknowledged and found missing since the start. */
                lost_entries: number;
                last_damage: {
                    /** @description When it was found; unix seconds. */
                    at: number;
                    reason: string;
                    /** @description The copy that was taken before anything was repaired; `null` for a single value. */
                    copy: string | null;
                } | null;
            };
            certificate?: {
                file: string;
                /** @description In one line, such as `CN=web01`. */
                subject: string;
                /** @description Last second of its validity, since 1970. */
                not_after: number;
                /** @description Hexadecimal bytes with colons. */
                fingerprint_sha256: string;
                /** @description Why the files that are there now are not in use. */
                problem?: string;
            };
            /** @description Settings in force, by flag; a secret is `(hidden)`. */
            settings?: {
                [key: string]: string;
            };
        };
        /** @description The last pass of the metric plugins that ended; `null` before there was one. */
        CollectionPass: {
            /** @description Seconds since 1970. */
            started_at: number;
            /** @description Seconds since its start, by a clock that nobody sets. */
            age_seconds?: number;
            duration_seconds: number;
            /** @description Samples were stored; no too when there were none. */
            stored: boolean;
            /** @description Why they could not be stored, or the configuration not be read. */
            error?: string;
            plugins: {
                hostname: string;
                plugin_name: string;
                /** @enum {string} */
                result: "ok" | "failed" | "timeout" | "missing" | "empty";
                /** @description Stored samples, one for each distinct time that the plugin printed. */
                samples: number;
                /** @description Lines that were left out: no usable value or time, a time more than a day in the future, or not three fields. */
                bad_lines: number;
                /** @description The first of them with its reason; absent without any. */
                first_bad_line?: string;
            }[];
        } | null;
        /**
         * @description Names of Go's `runtime.MemStats`. Those not described here are 0, or empty arrays, because V8 has
         *     no counterpart.
         */
        MemoryStatus: {
            /** @description Bytes of the V8 heap in use, objects that are dead but not collected yet included. */
            Alloc: number;
            /** @description Bytes allocated on the V8 heap since the start: what V8 counts, or where it does not (Node 20 to 24) the growth seen after collections and between requests, which under load is far less. */
            TotalAlloc: number;
            /** @description Resident memory of the process, in bytes. */
            Sys: number;
            /** @description 0: V8 does not count objects. */
            Mallocs?: number;
            /** @description Same as Alloc. */
            HeapAlloc: number;
            /** @description Bytes that V8 has allocated for its heap. */
            HeapSys: number;
            /** @description HeapSys less HeapInuse, in bytes. */
            HeapIdle: number;
            /** @description Bytes of the heap that are backed by memory. */
            HeapInuse: number;
            /** @description 0: V8 gives memory back without counting. */
            HeapReleased?: number;
            /** @description Limit of the heap in bytes, where V8 gives up. */
            NextGC?: number;
            /** @description Garbage collections since the start, of the young and the old generation. */
            NumGC: number;
            /** @description Time in them, nanoseconds. */
            PauseTotalNs: number;
            /** @description End of the last one, nanoseconds since 1970; 0 if there was none. To the millisecond. */
            LastGC: number;
            /** @description 256 times 0: V8 keeps no list of pauses. */
            PauseNs?: number[];
            /** @description 256 times 0, as PauseNs. */
            PauseEnd?: number[];
            /** @description Collections that were asked for. */
            NumForcedGC?: number;
            /** @description PauseTotalNs as a part of the time since the start, 0 to 1. */
            GCCPUFraction?: number;
            /** @description Always true. */
            EnableGC?: boolean;
            /** @description The runtime's own figures, in bytes, as `process.memoryUsage()` names them, and the heap's limit. Agents of the original have none. */
            node?: {
                [key: string]: number;
            };
        } & {
            [key: string]: unknown;
        };
        /** @description `null` when nothing was counted, as in the original. */
        RequestCounts: {
            /** @description Path without its query. */
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
        MachineStateList: {
            /** @description `s-<unix seconds>`, ascending. */
            keys: string[];
        };
        /**
         * @description Group, address and port together say which host is meant: one address may be a host of several
         *     groups, and several agents may share it. A request of the original without a group has empty
         *     texts and port 0; that is refused.
         */
        HostRequest: {
            apikey?: components["schemas"]["ApiKey"];
            hostdata: {
                /** @description `GROUP` or `GROUP!SUBGROUP`. */
                group_name: string;
                /** @description The host's address as its group knows it; any text. */
                ip: string;
                /** @description May be empty. */
                hostname: string;
                /** @description The agent's port. */
                port: number;
                /** @description Bastions in front of the host, nearest to the caller first; `null` is none. */
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
        /** @description The request is not what this document says; nothing was done. */
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
        /** @description The peer's address is not allowed (plain text), or a web page or a setting forbids it. */
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
        /** @description The body is over `max-body-bytes`, or over what this operation needs (`x-max-bytes`). */
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
        /** @description Too much is going on, or the store cannot be used; nothing was done. */
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
        /** @description The request is not what this document says; nothing was run. */
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
        /** @description The peer's address is not allowed (plain text), or a web page or a setting forbids it. */
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
        /** @description The body is over `max-body-bytes`, or over what this operation needs (`x-max-bytes`). */
        CheckTooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["CheckProblem"];
            };
        };
        /** @description Too much is going on; nothing was run. */
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
        /** @description The samples, oldest arrival first. */
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
        /** @description The status is the answer; a body is ignored. */
        Managed: {
            headers: {
                [name: string]: unknown;
            };
            content?: never;
        };
    };
    parameters: {
        /**
         * @description How many milliseconds the caller will still wait, counted from now. A request waits no longer
         *     than that for its turn or for memory, and a relay gives up by then with status 504, the inner
         *     one a little before the outer one. How long a plugin or command may run is the setting
         *     `command-timeout` of the agent that runs it. Agents send the header along a relay chain; the
         *     original ignores and drops it.
         * @example 9500
         */
        MillisecondsLeft: string;
        /**
         * @description How many agents have relayed the request already. Agents count, so that a circle ends.
         * @example 1
         */
        Hops: string;
    };
    requestBodies: never;
    headers: {
        /** @description Seconds after which to try again. */
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
            500: components["responses"]["InternalError"];
        };
    };
    relayRequest: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description How many milliseconds the caller will still wait, counted from now. A request waits no longer
                 *     than that for its turn or for memory, and a relay gives up by then with status 504, the inner
                 *     one a little before the outer one. How long a plugin or command may run is the setting
                 *     `command-timeout` of the agent that runs it. Agents send the header along a relay chain; the
                 *     original ignores and drops it.
                 * @example 9500
                 */
                "Happo-Milliseconds-Left"?: components["parameters"]["MillisecondsLeft"];
                /**
                 * @description How many agents have relayed the request already. Agents count, so that a circle ends.
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
            /**
             * @description The next hop could not be reached or did not answer properly: refused, unknown name, TLS
             *     failure, reset, short or oversized answer. `message` names the hop and the reason.
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
            /** @description The next hop did not answer within `proxy-timeout-seconds`, its body included. */
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
             * @description What the next hop answered, passed through unchanged: any status, any body. This reply is
             *     not checked against any schema.
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
                 * @description How many milliseconds the caller will still wait, counted from now. A request waits no longer
                 *     than that for its turn or for memory, and a relay gives up by then with status 504, the inner
                 *     one a little before the outer one. How long a plugin or command may run is the setting
                 *     `command-timeout` of the agent that runs it. Agents send the header along a relay chain; the
                 *     original ignores and drops it.
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
            /** @description The plugin ran, or there is no such plugin (127) or it is not executable (126). */
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
            /** @description The plugin did not end within its time limit, or could not be started. */
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
                 * @description How many milliseconds the caller will still wait, counted from now. A request waits no longer
                 *     than that for its turn or for memory, and a relay gives up by then with status 504, the inner
                 *     one a little before the outer one. How long a plugin or command may run is the setting
                 *     `command-timeout` of the agent that runs it. Agents send the header along a relay chain; the
                 *     original ignores and drops it.
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
             * @description The command ended with another exit status (`application/json`; 128+*n* for a death by
             *     signal *n*), or the request was refused (`application/problem+json`).
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
            /** @description The peer, the page or the command is not allowed. */
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
            /** @description The body is over `max-body-bytes`, or over what this operation needs (`x-max-bytes`). */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InventoryProblem"];
                };
            };
            /** @description The command did not end within its time limit. Its output is dropped, as in the original. */
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
            /** @description The command could not be started, or the agent failed. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InventoryProblem"];
                };
            };
            /** @description Too much is going on; nothing was run. */
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
                         * @description Always empty, as in the original.
                         * @constant
                         */
                        message: "";
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
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
            /** @description A batch, or nothing to lend (`batch_id` and `metric_data` are `null`). */
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
            /** @description The batch is gone for this consumer. */
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
            /** @description The leases; none is an empty list. */
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
            /** @description No lease of this batch runs. */
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
                        /** @description Whether a lease ran until now. */
                        released: boolean;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            413: components["responses"]["TooLarge"];
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
            /** @description The configuration in force. */
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
            /** @description The file was written (`OK`) or not (`NG`). */
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
            /** @description Counting is off, which is the default (`enable-requeststatus-middleware`). */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
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
                        /** @description What each command printed, under a heading each. */
                        machineState: string;
                    };
                };
            };
            403: components["responses"]["Forbidden"];
            /** @description There is no such snapshot. The text is the original's. */
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
            /** @description The figures. */
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
            500: components["responses"]["InternalError"];
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
                 * @description Only this group and what is below it: `GRP` has `GRP!SUB` in it.
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
            /** @description The hosts, by group, address and port. */
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
