// Written by `npm run generate` from cli/ctl/web/openapi.yaml. Do not edit.
import type { components as AgentComponents } from "./schema.ts";

type AgentSchemas = AgentComponents["schemas"];

export interface paths {
    "/api/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Exchange the token of a link for a key */
        post: operations["openSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/link": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a link for another tab
         * @description The link works once, for one minute. Other tabs do not know the key of this one.
         */
        post: operations["createLink"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Wait for changes
         * @description Answers as soon as something that is watched has changed since the given revisions, at the
         *     latest after `wait_seconds`. What has not changed is absent from the answer. Without a
         *     revision, or with 0, all of it counts as changed and the answer comes at once. Agents are
         *     asked only while somebody watches.
         *
         *     One request watches everything that a tab shows, because browsers open only six connections
         *     to a server.
         */
        post: operations["watch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/hosts/{id}/ask": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask an agent for a part now
         * @description The answer comes to those who watch the part. Does nothing while the agent is asked anyway.
         */
        post: operations["askAgain"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/hosts/{id}/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Run a check
         * @description Runs a plugin on the host, as `happo-ctl monitor` does. The answer comes when the plugin has
         *     ended. If the page goes away before, the agent is told so.
         */
        post: operations["runCheck"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/hosts/{id}/lines": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Write a check for monitoring systems
         * @description The same call as a command line of check_happo, and as definitions for Nagios and Icinga,
         *     quoted for each of them. Files of keys are named, secrets are not in it.
         */
        post: operations["getLines"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/hosts/{id}/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show the values of metrics
         * @description The values that are known while the part `metrics` is watched: those in the agent's buffer when
         *     it was first watched, and those that the agent has reported since.
         */
        post: operations["getSeries"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/hosts/{id}/machine-states/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Show a machine state */
        get: operations["getMachineState"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/hosts/{id}/machine-states/{key}/changes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Compare two machine states */
        post: operations["compareMachineStates"];
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
        /** @description Why a request was refused (RFC 9457). */
        Problem: {
            /** @enum {string} */
            type: "urn:happo:problem:bad-request" | "urn:happo:problem:bad-token" | "urn:happo:problem:no-session" | "urn:happo:problem:foreign" | "urn:happo:problem:not-found" | "urn:happo:problem:no-such-method" | "urn:happo:problem:body-too-large" | "urn:happo:problem:busy" | "urn:happo:problem:internal";
            /** @description The status in words. */
            title: string;
            /** @description The HTTP status. */
            status: number;
            /** @description What is wrong. */
            detail: string;
        };
        Done: {
            /** @constant */
            done: true;
        };
        /** @description Why there is no answer from an agent. */
        Failure: {
            /**
             * @description - `unreachable`: no answer from the agent or from a bastion
             *     - `untrusted`: the certificate could not be verified
             *     - `unsupported`: the agent does not have the operation, because it is too old
             *     - `refused`: the agent refused the request, for example by its policy
             *     - `failed`: the agent failed, or its answer makes no sense
             * @enum {string}
             */
            reason: "unreachable" | "untrusted" | "unsupported" | "refused" | "failed";
            /** @description One line. */
            message: string;
            /** @description When the agent failed. */
            at: number;
        };
        /** @description `null` if there was none. */
        FailureOrNull: components["schemas"]["Failure"] | null;
        WatchRequest: {
            /** @description How long to wait for a change; 20 if absent. */
            wait_seconds?: number;
            /** @description Watches the list of hosts; the last revision of it that is known. */
            hosts?: number;
            /** @description Watches parts of one host. */
            host?: {
                id: number;
                /** @description The parts to watch, with the last revision of each that is known. */
                parts: {
                    health?: number;
                    commands?: number;
                    results?: number;
                    refusals?: number;
                    metrics?: number;
                    machine_states?: number;
                    relay?: number;
                };
            };
        };
        /** @enum {string} */
        PartName: "health" | "commands" | "results" | "refusals" | "metrics" | "machine_states" | "relay";
        Changes: {
            hosts?: components["schemas"]["HostChanges"];
            host?: components["schemas"]["PartChanges"];
        };
        HostChanges: {
            /** @description To be sent next time. */
            revision: number;
            about: components["schemas"]["About"];
            /** @description The hosts that are new or have changed, in no order. */
            hosts: components["schemas"]["Host"][];
            /** @description Ids of hosts that have left the list. No other host gets such an id. */
            gone: number[];
        };
        /** @description What the program was asked for. */
        About: {
            /** @description Version of happo-ctl. */
            version: string;
            /** @description What was asked for, as in `web01, web02 via bastion1` or `group WEB`. */
            targets: string;
            /** @description Number of hosts. */
            hosts: number;
            /** @description How often each host is asked while the list is watched. */
            interval_seconds: number;
        };
        Host: {
            id: number;
            /** @description What tells it from all others: its name, with its bastions if there are any, such as `web01:6777 via bastion1:6777`. */
            key: string;
            /** @description Such as `web01:6777`. Two hosts behind different bastions may have one name. */
            name: string;
            /** @description The host's name according to the management server. */
            label?: string;
            /** @description Bastions in front of it, nearest to this machine first. */
            via: string[];
            /** @description Its group on the management server, such as `WEB!FRONT`; otherwise empty. */
            group: string;
            state: components["schemas"]["HostState"];
            /** @description The worst problem in one line; empty if there is none. */
            problem: string;
            /** @description Number of problems. */
            problems: number;
            /** @description Version of the agent; empty until it has answered. */
            version: string;
            /** @description The last good answer, when this entry changed; `null` if there was none. */
            answered_at: number | null;
            /** @description Since when an answer is missing that takes longer than usual; otherwise `null`. */
            waiting_since: number | null;
        };
        /**
         * @description From worst to best:
         *     - `failed`: there is no answer from the agent
         *     - `critical`, `unknown`: the last result of a check is so
         *     - `warning`: the last result of a check is so, or the agent has a problem of its own
         *     - `waiting`: it has not answered yet
         *     - `ok`
         * @enum {string}
         */
        HostState: "failed" | "critical" | "unknown" | "warning" | "waiting" | "ok";
        PartChanges: {
            id: number;
            parts: {
                health?: components["schemas"]["HealthPart"];
                commands?: components["schemas"]["CommandsPart"];
                results?: components["schemas"]["ResultsPart"];
                refusals?: components["schemas"]["RefusalsPart"];
                metrics?: components["schemas"]["MetricsPart"];
                machine_states?: components["schemas"]["MachineStatesPart"];
                relay?: components["schemas"]["RelayPart"];
            };
        };
        Part: {
            /** @description To be sent next time. */
            revision: number;
            /** @description Since when the agent has not answered the present request; `null` if there is none, or if it is younger than half a second and there is an answer. */
            waiting_since: number | null;
            failure: components["schemas"]["FailureOrNull"];
            /** @description When `data` arrived; `null` if there never was a good answer. */
            answered_at: number | null;
        };
        HealthPart: components["schemas"]["Part"] & {
            data: components["schemas"]["Health"] | null;
        };
        Health: {
            /** @description What an operator has to fix, one line each, as in `happo-ctl status`. */
            problems: string[];
            /** @description The agent's answer to `/status`. */
            status: AgentSchemas["Status"];
        };
        CommandsPart: components["schemas"]["Part"] & {
            data: AgentSchemas["CommandList"] | null;
        };
        ResultsPart: components["schemas"]["Part"] & {
            data: AgentSchemas["ResultList"] | null;
        };
        RefusalsPart: components["schemas"]["Part"] & {
            data: AgentSchemas["RefusalList"] | null;
        };
        MetricsPart: components["schemas"]["Part"] & {
            data: components["schemas"]["KnownMetrics"] | null;
        };
        KnownMetrics: {
            /** @description At most 10,000, by host and name. */
            metrics: components["schemas"]["KnownMetric"][];
            /** @description Number of metrics beyond these. */
            dropped: number;
            buffer_failure: components["schemas"]["FailureOrNull"];
        };
        KnownMetric: {
            /** @description The host that the metric belongs to, as metrics.yaml names it; empty for the agent's own. */
            host: string;
            /** @description Such as `linux.loadavg.1m`; for the agent's own with labels, as Prometheus writes them. */
            name: string;
            /**
             * @description `unknown`: the agent does not say.
             * @enum {string}
             */
            kind: "gauge" | "counter" | "unknown";
            latest: number;
            /** @description Seconds since 1970, by the clock of whoever measured it. */
            latest_at: number;
            /** @description Number of values that are known. */
            values: number;
        };
        SeriesRequest: {
            metrics: {
                host: string;
                name: string;
            }[];
            /** @description Only values that were measured after this time. */
            since?: number;
        };
        Series: {
            host: string;
            name: string;
            /** @description Seconds since 1970, ascending. */
            times: number[];
            /** @description As many as `times`. */
            values: number[];
        };
        MachineStatesPart: components["schemas"]["Part"] & {
            data: components["schemas"]["MachineStates"] | null;
        };
        MachineStates: {
            /** @description Newest first. */
            states: {
                key: string;
                /** @description Seconds since 1970, by the agent's clock. */
                taken_at: number;
            }[];
        };
        RelayPart: components["schemas"]["Part"] & {
            data: components["schemas"]["Relay"] | null;
        };
        Relay: {
            /** @description Requests to `/proxy` that the agent has answered since its start, by status. */
            requests: {
                status: string;
                count: number;
            }[];
            /** @description Relayed requests that are in flight or wait; `null` if the agent does not say. */
            running: number | null;
            /** @description Next hops that were slow or did not answer the last time, at most 20. */
            slow_hops: string[];
            /** @description Its settings for relays, by flag. */
            settings: {
                [key: string]: string;
            };
            /** @description Hosts of the list that are reached through this one. */
            behind: {
                key: string;
                name: string;
            }[];
        };
        CheckCall: {
            plugin: string;
            /** @description Its arguments. The program quotes them, so that each stays one word on the host; no shell sees them. */
            words: string[];
            /** @description The policy's command that the call is made from, to name services by. */
            command?: string;
        };
        CheckOutcome: {
            result: components["schemas"]["CheckResult"] | null;
            failure: components["schemas"]["FailureOrNull"];
            /** @description How long it took. */
            seconds: number;
        };
        CheckResult: {
            /** @description 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, or another value of the plugin's. */
            exit_status: number;
            /** @description The plugin's output with performance data. */
            output: string;
        };
        Lines: {
            /** @description A command line for a POSIX shell. */
            check_happo: string;
            /** @description Definitions of a command and a service. */
            nagios: string;
            /** @description Definitions of a CheckCommand and a Service, in Icinga 2's language. */
            icinga: string;
        };
    };
    responses: {
        /** @description The request does not match this document. */
        BadRequest: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description There is no session with this key (`no-session`), or the token was used, is too old or is none (`bad-token`). */
        NoSession: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The request is for another host, or comes from another page (`foreign`). */
        Foreign: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description There is no such host. */
        NotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is too large. */
        TooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Too many requests of pages are waiting. */
        Busy: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: {
        /**
         * @description The `id` of a host in the list.
         * @example 3
         */
        HostId: string;
    };
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    openSession: {
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
                 *       "token": "dGhlIHRva2VuIG9mIGEgbGluaw"
                 *     }
                 */
                "application/json": {
                    /** @description From behind `#token=` in the link. */
                    token: string;
                };
            };
        };
        responses: {
            /** @description A session. It ends with the program, or after twelve hours without a request. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description For `Authorization: Bearer KEY`. */
                        key: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["NoSession"];
            403: components["responses"]["Foreign"];
            413: components["responses"]["TooLarge"];
        };
    };
    createLink: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The link. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description `http://127.0.0.1:PORT/#token=TOKEN` */
                        url: string;
                    };
                };
            };
            401: components["responses"]["NoSession"];
            403: components["responses"]["Foreign"];
        };
    };
    watch: {
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
                 *       "wait_seconds": 20,
                 *       "hosts": 17,
                 *       "host": {
                 *         "id": 3,
                 *         "parts": {
                 *           "health": 5,
                 *           "results": 0
                 *         }
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["WatchRequest"];
            };
        };
        responses: {
            /** @description What has changed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Changes"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["NoSession"];
            403: components["responses"]["Foreign"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["TooLarge"];
            503: components["responses"]["Busy"];
        };
    };
    askAgain: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `id` of a host in the list.
                 * @example 3
                 */
                id: components["parameters"]["HostId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "part": "results"
                 *     }
                 */
                "application/json": {
                    part: components["schemas"]["PartName"];
                };
            };
        };
        responses: {
            /** @description The agent is being asked. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["NoSession"];
            403: components["responses"]["Foreign"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["TooLarge"];
        };
    };
    runCheck: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `id` of a host in the list.
                 * @example 3
                 */
                id: components["parameters"]["HostId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "plugin": "check_procs",
                 *       "words": [
                 *         "-w",
                 *         "100",
                 *         "-c",
                 *         "200"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["CheckCall"];
            };
        };
        responses: {
            /** @description The result, or why there is none. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckOutcome"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["NoSession"];
            403: components["responses"]["Foreign"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["TooLarge"];
            503: components["responses"]["Busy"];
        };
    };
    getLines: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `id` of a host in the list.
                 * @example 3
                 */
                id: components["parameters"]["HostId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "plugin": "check_procs",
                 *       "words": [
                 *         "-w",
                 *         "100",
                 *         "-c",
                 *         "200"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["CheckCall"];
            };
        };
        responses: {
            /** @description The texts. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Lines"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["NoSession"];
            403: components["responses"]["Foreign"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["TooLarge"];
        };
    };
    getSeries: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `id` of a host in the list.
                 * @example 3
                 */
                id: components["parameters"]["HostId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "metrics": [
                 *         {
                 *           "host": "web01",
                 *           "name": "linux.loadavg.1m"
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["SeriesRequest"];
            };
        };
        responses: {
            /** @description The values of each metric, in the order of the request. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        series: components["schemas"]["Series"][];
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["NoSession"];
            403: components["responses"]["Foreign"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["TooLarge"];
        };
    };
    getMachineState: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `id` of a host in the list.
                 * @example 3
                 */
                id: components["parameters"]["HostId"];
                /**
                 * @description A key that the part `machine_states` lists.
                 * @example s-1498112479
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The text, or why there is none. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        text: string | null;
                        failure: components["schemas"]["FailureOrNull"];
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["NoSession"];
            403: components["responses"]["Foreign"];
            404: components["responses"]["NotFound"];
            503: components["responses"]["Busy"];
        };
    };
    compareMachineStates: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `id` of a host in the list.
                 * @example 3
                 */
                id: components["parameters"]["HostId"];
                /**
                 * @description The key of the earlier state.
                 * @example s-1498112479
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "with": "s-1498112819"
                 *     }
                 */
                "application/json": {
                    /** @description The key of the later state. */
                    with: string;
                };
            };
        };
        responses: {
            /** @description The lines that changed, or why they are not known. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description Each begins with `-` (removed), `+` (added) or a blank (unchanged). Empty: there is no difference. */
                        lines: string[] | null;
                        failure: components["schemas"]["FailureOrNull"];
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["NoSession"];
            403: components["responses"]["Foreign"];
            404: components["responses"]["NotFound"];
            413: components["responses"]["TooLarge"];
            503: components["responses"]["Busy"];
        };
    };
}
