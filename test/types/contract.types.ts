/** Lines that must not compile: the type-check fails if one of them is no longer an error. */
import type { AgentClient, ManagementClient } from "../../generated/client.ts";
import type { Handlers } from "../../generated/handlers.ts";
import type { ManagementHandlers } from "../../generated/management.ts";
import type {
	Body,
	Handler,
	ManagementHandler,
	Params,
	Query,
	Reply,
} from "../../src/operation.ts";

declare const handlers: Handlers;
const { runCheck, ...others } = handlers;

// @ts-expect-error a handler is missing
export const missing: Handlers = others;

export const besides: Handlers = {
	...others,
	runCheck,
	// @ts-expect-error there is no such operation
	runNothing: () => ({ status: 200 }),
};

// @ts-expect-error 418 is not declared
export const undeclared: Handler<"runCheck"> = () => ({
	status: 418,
	body: { return_value: 0, message: "" },
});

// @ts-expect-error the body has a wrong type for its status
export const wrongField: Handler<"runCheck"> = () => ({
	status: 200,
	body: { return_value: "0", message: "" },
});

// @ts-expect-error the body belongs to another status
export const wrongStatus: Handler<"runCheck"> = () => ({
	status: 400,
	body: { return_value: 0, message: "" },
});

// @ts-expect-error the body is missing
export const noBody: Handler<"runCheck"> = () => ({ status: 200 });

// @ts-expect-error one of several media types must be named
export const noType: Handler<"runCheck"> = () => ({
	status: 500,
	body: { return_value: 2, message: "" },
});

// @ts-expect-error the declared header is missing
export const noHeader: Handler<"getMetricStatus"> = () => ({
	status: 301,
	body: "",
});

// @ts-expect-error there is no such path parameter
export const noParameter = (params: Params<"getMachineState">) => params.name;

// @ts-expect-error a GET has no body
export const noRequest = (body: Body<"getStatus">) => body.apikey;

// @ts-expect-error a required field is missing
export const incomplete: Body<"runCheck"> = { plugin_option: "" };

declare const managementHandlers: ManagementHandlers;
const { listHosts, ...otherManagement } = managementHandlers;

// @ts-expect-error a handler of the management server is missing
export const noList: ManagementHandlers = otherManagement;

// @ts-expect-error 409 is not declared, despite `default`
export const conflict: ManagementHandler<"addHost"> = () => ({ status: 409 });

// @ts-expect-error the list is missing
export const noHosts: ManagementHandler<"listHosts"> = () => ({ status: 200 });

// @ts-expect-error there is no such query parameter
export const noQuery = (query: Query<"listHosts">) => query.name;

declare const agent: AgentClient;
declare const management: ManagementClient;

// @ts-expect-error an agent does not serve the management operations
export const notServed = () => agent.POST("/manage/add", {});

// @ts-expect-error a management server does not run checks
export const notManaged = () => management.POST("/monitor", {});

export const client = () =>
	agent.POST("/monitor", {
		// @ts-expect-error plugin_name is a string
		body: { plugin_name: 5 },
	});

// lines that must compile
export const relayed: Reply<"relayRequest"> = {
	status: 418,
	type: "text/plain",
	body: new Uint8Array(),
};
export const named: Reply<"exposeMetrics"> = {
	status: 200,
	type: "application/openmetrics-text",
	body: "# EOF\n",
};
export const key = (params: Params<"getMachineState">): string => params.key;
export const listed: ManagementHandlers = { ...otherManagement, listHosts };
export const group = (query: Query<"listHosts">): string | undefined =>
	query.group;
