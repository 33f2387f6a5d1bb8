// Login with a cookie, `GET /request`, and logout in the page.
import assert from "node:assert/strict";

export async function cookieFlow(docs, apiKey) {
  await docs.authorize("apiKey (apiKey)", { "Value:": apiKey });
  assert.equal((await docs.execute("POST", "/login", { cookie: true })).status, 200);
  await docs.page.reload(); // forgets the key, keeps the cookie
  await docs.page.locator(".opblock").first().waitFor();
  const answer = await docs.execute("GET", "/request");
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json().scheme, "session");
  assert.equal(await docs.page.evaluate(() => document.cookie), "", "scripts cannot read the cookie");
  assert.equal((await docs.execute("POST", "/logout")).status, 200);
  assert.equal((await docs.execute("GET", "/request")).status, 401);
  assert.deepEqual(await docs.context.cookies(), []);
}
