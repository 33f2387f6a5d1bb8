// oauth4webapi, a strict implementation of the RFCs: discovery, tokens, verification, introspection, revocation.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as oauth from "oauth4webapi";
import { key, start } from "./server.mjs";

const insecure = { [oauth.allowInsecureRequests]: true };
const client = { client_id: "billing" };
const basic = oauth.ClientSecretBasic(key("billing"));
const servers = {};

before(async () => {
  for (const algorithm of ["EdDSA", "ES256", "RS256"]) servers[algorithm] = await start(algorithm);
});
after(() => Promise.all(Object.values(servers).map((server) => server.stop())));

async function discover(server, algorithm = "oauth2") {
  const issuer = new URL(server.url);
  const response = await oauth.discoveryRequest(issuer, { algorithm, ...insecure });
  return oauth.processDiscoveryResponse(issuer, response);
}

async function token(as, authentication = basic, parameters = {}) {
  const response = await oauth.clientCredentialsGrantRequest(
    as, client, authentication, new URLSearchParams(parameters), insecure,
  );
  return oauth.processClientCredentialsResponse(as, client, response);
}

async function introspect(as, token) {
  const response = await oauth.introspectionRequest(as, client, basic, token, insecure);
  return oauth.processIntrospectionResponse(as, client, response);
}

test("both metadata documents are equal", async () => {
  const [one, other] = [await discover(servers.EdDSA), await discover(servers.EdDSA, "oidc")];
  assert.deepEqual(one, other);
  assert.deepEqual(one.grant_types_supported, ["client_credentials", "password"]);
});

for (const [name, authentication] of [["basic", basic], ["post", oauth.ClientSecretPost(key("billing"))]]) {
  test(`client_credentials by client_secret_${name}`, async () => {
    const as = await discover(servers.EdDSA);
    const answer = await token(as, authentication, { scope: "invoices:read" });
    assert.equal(answer.token_type, "bearer");
    assert.equal(answer.scope, "invoices:read");
    assert.equal(answer.expires_in, 1800);
  });
}

test("a wrong secret is challenged", async () => {
  const as = await discover(servers.EdDSA);
  for (const method of [oauth.ClientSecretBasic, oauth.ClientSecretPost]) {
    await assert.rejects(token(as, method(key("audit"))), (refusal) => {
      assert.ok(refusal instanceof oauth.WWWAuthenticateChallengeError);
      assert.equal(refusal.status, 401);
      return refusal.cause[0].scheme === "basic";
    });
  }
});

test("a scope that the client does not have is refused", async () => {
  const as = await discover(servers.EdDSA);
  await assert.rejects(token(as, basic, { scope: "everything" }), { error: "invalid_scope", status: 400 });
});

for (const algorithm of ["EdDSA", "ES256", "RS256"]) {
  test(`a token signed with ${algorithm} is an access token by RFC 9068`, async () => {
    const as = await discover(servers[algorithm]);
    const { access_token } = await token(as);
    const request = (token) =>
      new Request("http://127.0.0.1/", { headers: { Authorization: `Bearer ${token}` } });
    const options = { signingAlgorithms: [algorithm], ...insecure };
    const validate = (token, audience) =>
      oauth.validateJwtAccessToken(as, request(token), audience, options);
    const claims = await validate(access_token, as.issuer);
    assert.deepEqual([claims.sub, claims.client_id], ["billing", "billing"]);
    await assert.rejects(validate(access_token, "https://elsewhere.example"), /"aud"/);
    const [header, payload, signature] = access_token.split(".");
    const forged = `${header}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
    await assert.rejects(validate(forged, as.issuer), /signature/);
  });
}

test("a revoked token is inactive", async () => {
  const as = await discover(servers.EdDSA);
  const { access_token } = await token(as);
  const active = await introspect(as, access_token);
  assert.deepEqual([active.active, active.sub, active.iss], [true, "billing", as.issuer]);
  const response = await oauth.revocationRequest(as, client, basic, access_token, insecure);
  await oauth.processRevocationResponse(response);
  assert.deepEqual(await introspect(as, access_token), { active: false });
  const again = await oauth.revocationRequest(as, client, basic, access_token, insecure);
  await oauth.processRevocationResponse(again);
});
