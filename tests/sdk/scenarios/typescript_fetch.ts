// The scenario with the SDK that openapi-generator writes in TypeScript.

import assert from "node:assert/strict";
import {
  AdministrationApi, Code, Configuration, Oauth2Api, OAuthErrorFromJSON, PrincipalKind, ProblemFromJSON,
  ResponseError, TokenGrantTypeEnum, TokensApi, TokenType, type OAuthError, type Problem,
} from "./typescript-fetch/index.js";

const basePath = process.env["HALLPASS"] ?? "";

// The SDK applies all alternatives of `security`; the last is `oauth2`, for which it does not add `Bearer`.
function withToken(token: string): Configuration {
  const accessToken = async (scheme?: string) => (scheme === "bearer" ? token : `Bearer ${token}`);
  return new Configuration({ basePath, accessToken });
}

async function logIn(key: string): Promise<Configuration> {
  const apiKey = process.env[key] ?? "";
  const login = await new TokensApi(new Configuration({ basePath, apiKey })).login();
  assert.equal(login.tokenType, TokenType.Bearer);
  return withToken(login.accessToken);
}

async function refused(answer: Promise<unknown>): Promise<Response> {
  const error: unknown = await answer.then(() => undefined, (error: unknown) => error);
  assert(error instanceof ResponseError, `not a refusal: ${String(error)}`);
  return error.response;
}

const reader = await logIn("READER_KEY");
const who = await new TokensApi(reader).whoami();
assert.deepEqual([who.sub, who.kind], ["reader", PrincipalKind.Client]);
assert(who.expiresAt instanceof Date);

let refusal = await refused(new AdministrationApi(reader).listClients());
let problem: Problem = ProblemFromJSON(await refusal.json());
assert.deepEqual([refusal.status, problem.code], [403, Code.InsufficientScope]);

const roster = await new AdministrationApi(await logIn("ADMIN_KEY")).listClients();
assert.deepEqual(roster.clients.map((client) => client.name), ["operator", "reader"]);

const anonymous = new Oauth2Api(new Configuration({ basePath }));
refusal = await refused(anonymous.token({ grantType: TokenGrantTypeEnum.ClientCredentials }));
const error: OAuthError = OAuthErrorFromJSON(await refusal.json());
assert.deepEqual([refusal.status, error.error], [401, "invalid_client"]);

assert((await new TokensApi(reader).logout()).message);
refusal = await refused(new TokensApi(reader).whoami());
problem = ProblemFromJSON(await refusal.json());
assert.deepEqual([refusal.status, problem.code], [401, Code.InvalidToken]);
