// Every authorization that the page offers is accepted by `GET /request`.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Docs, launch } from "./docs.js";
import { serve, user } from "./service.js";

let browser, service;
before(async () => ([browser, service] = await Promise.all([launch(), serve()])));
after(() => Promise.all([browser?.close(), service?.stop()]));

async function authenticates(docs, scheme, subject) {
  const answer = await docs.execute("GET", "/request");
  assert.equal(answer.status, 200, answer.text);
  const { scheme: seen, sub } = answer.json();
  assert.deepEqual({ scheme: seen, sub }, { scheme, sub: subject });
}

test("an API key in the header", async () => {
  const docs = await Docs.open(browser, service.url);
  await docs.authorize("apiKey (apiKey)", { "Value:": service.apiKey });
  await authenticates(docs, "apiKey", service.client);
  await docs.close();
});

test("an API key in the query logs in, and the token is entered", async () => {
  const docs = await Docs.open(browser, service.url);
  await docs.authorize("apiKeyQuery (apiKey)", { "Value:": service.apiKey });
  const login = await docs.execute("POST", "/login");
  assert.equal(login.status, 200, login.text);
  assert.ok(docs.requests.some((request) => request.includes("/login?api_key=hp_")));
  assert.equal((await docs.execute("GET", "/request")).status, 401);
  await docs.authorize("bearer (http, Bearer)", { "Value:": login.json().access_token });
  await authenticates(docs, "bearer", service.client);
  await docs.close();
});

test("oauth2 with the client's name and API key", async () => {
  const docs = await Docs.open(browser, service.url);
  const fields = { "client_id:": service.client, "client_secret:": service.apiKey };
  await docs.authorize("oauth2 (OAuth2, clientCredentials)", fields);
  await authenticates(docs, "bearer", service.client);
  await docs.close();
});

test("oauth2 with a user's name and password, the client's fields left empty", async () => {
  const docs = await Docs.open(browser, service.url);
  const fields = { "username:": user.name, "password:": user.password };
  await docs.authorize("oauth2 (OAuth2, password)", fields);
  await authenticates(docs, "bearer", user.name);
  await docs.close();
});

test("openIdConnect, at the endpoint from discovery", async () => {
  const docs = await Docs.open(browser, service.url);
  const fields = { "client_id:": service.client, "client_secret:": service.apiKey };
  await docs.authorize("openIdConnect (OAuth2, client_credentials)", fields);
  await authenticates(docs, "bearer", service.client);
  await docs.close();
});

test("without authorization the request is refused", async () => {
  const docs = await Docs.open(browser, service.url);
  const answer = await docs.execute("GET", "/request");
  assert.equal(answer.status, 401);
  assert.equal(answer.json().code, "missing_credentials");
  await docs.close();
});
