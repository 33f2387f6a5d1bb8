// A round-robin load balancer with a new connection for each request.

import http from "node:http";
import { once } from "node:events";
import { eventually } from "./server.mjs";

export async function relay() {
  const members = [];
  let turn = 0;

  const front = http.createServer((request, answer) => {
    const member = members[turn++ % members.length];
    member.busy += 1;
    answer.on("close", () => (member.busy -= 1));
    const { method, url, headers } = request;
    const onward = http.request(member.server.url + url, { method, headers, agent: false });
    onward.on("response", (back) => {
      const { connection, ...rest } = back.headers;
      answer.writeHead(back.statusCode, rest);
      back.pipe(answer);
    });
    onward.on("error", (error) => answer.writeHead(502).end(String(error)));
    request.pipe(onward);
  });
  front.listen(0, "127.0.0.1");
  await once(front, "listening");

  return {
    url: `http://127.0.0.1:${front.address().port}`,
    add: (server) => members.push({ server, busy: 0 }),

    /** Replaces the member at `index` with `server`, and stops the old one when its last request is answered. */
    async replace(index, server) {
      const old = members[index];
      members[index] = { server, busy: 0 };
      await eventually("the old server is idle", () => old.busy === 0);
      await old.server.stop();
    },

    async close() {
      front.closeAllConnections();
      front.close();
      await Promise.all(members.map((member) => member.server.stop()));
    },
  };
}
