// A login with `"cookie": true` authenticates the browser until the logout.
import { after, before, test } from "node:test";
import { Docs, launch } from "./docs.js";
import { serve } from "./service.js";
import { cookieFlow } from "./cookie-flow.js";

let browser, services;
before(async () => ([browser, ...services] = await Promise.all([launch(), serve({ dev: true }), serve()])));
after(() => Promise.all([browser?.close(), ...services.map((service) => service.stop())]));

test("the session lasts from login to logout under --dev", () => session(services[0]));

test("the session lasts from login to logout with a Secure cookie", () => session(services[1]));

async function session({ url, apiKey }) {
  const docs = await Docs.open(browser, url);
  await cookieFlow(docs, apiKey);
  await docs.close();
}
