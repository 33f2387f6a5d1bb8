// The page behind a reverse proxy that serves hallpass under a path.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { cookieFlow } from "./cookie-flow.js";
import { Docs, launch } from "./docs.js";
import { proxy, serve, user } from "./service.js";

let browser, front, service;
before(async () => {
  front = await proxy("/hallpass");
  [browser, service] = await Promise.all([launch(), serve({ settings: { HALLPASS_ISSUER: front.url } })]);
  front.passTo(service.url);
});
after(async () => {
  await Promise.all([browser?.close(), service?.stop()]);
  front?.stop();
});

/** Asserts that no request left the path. */
async function done(docs) {
  await docs.close();
  assert.deepEqual(front.outside, []);
}

test("the start page redirects, and every request is below the path", async () => {
  const docs = await Docs.open(browser, front.url, "/");
  assert.equal(docs.page.url(), `${front.url}/docs/`);
  const fields = { "username:": user.name, "password:": user.password };
  await docs.authorize("oauth2 (OAuth2, password)", fields);
  assert.equal((await docs.execute("GET", "/request")).status, 200);
  const asked = ["GET openapi.json", "GET .well-known/openid-configuration", "POST token", "GET request"];
  for (const request of asked.map((request) => request.replace(" ", ` ${front.url}/`)))
    assert.ok(docs.requests.includes(request), `${request} is not among\n${docs.requests.join("\n")}`);
  await done(docs);
});

test("openIdConnect uses the address of the issuer", async () => {
  const docs = await Docs.open(browser, front.url);
  const fields = { "client_id:": service.client, "client_secret:": service.apiKey };
  await docs.authorize("openIdConnect (OAuth2, client_credentials)", fields);
  assert.equal((await docs.execute("GET", "/request")).json().sub, service.client);
  await done(docs);
});

test("the session lasts from login to logout", async () => {
  const docs = await Docs.open(browser, front.url);
  await cookieFlow(docs, service.apiKey);
  await done(docs);
});
