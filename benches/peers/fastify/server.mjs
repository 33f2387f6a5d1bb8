// fastify with @fastify/jwt and its cache of verified tokens. A compiled schema serializes the answer.
import jwt from "@fastify/jwt";
import Fastify from "fastify";

const { PORT, SECRET, ISSUER } = process.env;
const text = { type: "string" };
const principal = {
  type: "object",
  properties: {
    sub: text, kind: text, roles: { type: "array", items: text }, scope: text,
    scheme: text, client_id: text, issued_at: text, expires_at: text,
  },
};
const time = (seconds) => new Date(seconds * 1000).toISOString().replace(".000", "");

const app = Fastify();
app.register(jwt, {
  secret: SECRET,
  verify: { algorithms: ["HS256"], allowedIss: ISSUER, allowedAud: ISSUER, requiredClaims: ["exp"], cache: true },
});
app.get(
  "/request",
  { onRequest: (request) => request.jwtVerify(), schema: { response: { 200: principal } } },
  async ({ user }) => ({
    sub: user.sub, kind: "client", roles: user.roles, scope: user.scope, scheme: "bearer",
    client_id: user.client_id, issued_at: time(user.iat), expires_at: time(user.exp),
  }),
);
await app.listen({ host: "127.0.0.1", port: PORT });
