// The scenario with openapi-fetch and the types that openapi-typescript writes.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { operations, paths } from "./schema.js";

// The type of `error` is the union of all refusals of an operation; this selects the one of a status.
type Refusal<O extends keyof operations, S extends keyof operations[O]["responses"]> =
  operations[O]["responses"][S] extends { content: infer Content } ? Content[keyof Content] : never;

const baseUrl = process.env["HALLPASS"] ?? "";
const client = (headers: Record<string, string>) => createClient<paths>({ baseUrl, headers });

async function logIn(key: string) {
  const { data } = await client({ "X-API-Key": process.env[key] ?? "" }).POST("/login");
  assert(data);
  assert.equal(data.token_type, "Bearer");
  return client({ Authorization: `Bearer ${data.access_token}` });
}

const reader = await logIn("READER_KEY");
const { data: who } = await reader.GET("/request");
assert(who);
assert.deepEqual([who.sub, who.kind satisfies "client" | "user" | "account"], ["reader", "client"]);

const forbidden = await reader.GET("/clients");
assert(forbidden.error);
const problem: Refusal<"list_clients", 403> = forbidden.error;
assert.deepEqual([forbidden.response.status, problem.code], [403, "insufficient_scope"]);

const { data: roster } = await (await logIn("ADMIN_KEY")).GET("/clients");
assert.deepEqual(roster?.clients.map((one) => one.name), ["operator", "reader"]);

const issued = await client({}).POST("/token", {
  body: { grant_type: "client_credentials" },
  headers: { "Content-Type": "application/x-www-form-urlencoded" },
});
assert(issued.error);
const error: Refusal<"token", 401> = issued.error;
assert.deepEqual([issued.response.status, error.error], [401, "invalid_client"]);

const { data: done } = await reader.POST("/logout");
assert(done?.message);
const over = await reader.GET("/request");
assert(over.error);
const revoked: Refusal<"whoami", 401> = over.error;
assert.deepEqual([over.response.status, revoked.code], [401, "invalid_token"]);
