// openid-client: discovery, tokens, introspection, revocation.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as client from "openid-client";
import { key, start } from "./server.mjs";

let server;
before(async () => (server = await start("EdDSA")));
after(() => server.stop());

/** `url` is the issuer, or the address of the metadata. */
function discover(algorithm, authentication = client.ClientSecretBasic(key("billing")), url = server.url) {
  const execute = [client.allowInsecureRequests];
  return client.discovery(new URL(url), "billing", {}, authentication, { algorithm, execute });
}

for (const algorithm of ["oauth2", "oidc"]) {
  test(`a token by ${algorithm} discovery`, async () => {
    const config = await discover(algorithm);
    assert.equal(config.serverMetadata().issuer, server.url);
    const token = await client.clientCredentialsGrant(config, { scope: "invoices:read" });
    assert.equal(token.scope, "invoices:read");
    assert.ok(token.expiresIn() > 1700);
    const who = await client.fetchProtectedResource(
      config, token.access_token, new URL(`${server.url}/request`), "GET",
    );
    assert.equal((await who.json()).sub, "billing");
  });
}

test("discovery by the address of the metadata", async () => {
  for (const name of ["oauth-authorization-server", "openid-configuration"]) {
    const config = await discover(undefined, undefined, `${server.url}/.well-known/${name}`);
    assert.equal(config.serverMetadata().issuer, server.url);
  }
});

test("a token for a password", async () => {
  const config = await discover("oauth2");
  const ask = (password) =>
    client.genericGrantRequest(config, "password", { username: "alice", password });
  assert.equal((await ask("correct horse battery staple")).scope, "invoices:read");
  await assert.rejects(ask("wrong"), { error: "invalid_grant" });
});

test("a revoked token is inactive", async () => {
  const config = await discover("oauth2");
  const { access_token } = await client.clientCredentialsGrant(config);
  const active = await client.tokenIntrospection(config, access_token);
  assert.deepEqual([active.active, active.client_id], [true, "billing"]);
  await client.tokenRevocation(config, access_token);
  assert.deepEqual(await client.tokenIntrospection(config, access_token), { active: false });
});

test("client_secret_post is accepted by /token only, as the metadata says", async () => {
  const config = await discover("oauth2", client.ClientSecretPost(key("billing")));
  const { access_token } = await client.clientCredentialsGrant(config);
  assert.ok(access_token);
  const metadata = config.serverMetadata();
  assert.deepEqual(metadata.introspection_endpoint_auth_methods_supported, ["client_secret_basic"]);
  assert.deepEqual(metadata.revocation_endpoint_auth_methods_supported, ["client_secret_basic"]);
  await assert.rejects(client.tokenIntrospection(config, access_token), { status: 401 });
  await assert.rejects(client.tokenRevocation(config, access_token), { status: 401 });
});
