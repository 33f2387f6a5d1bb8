// Starts Swagger UI for the document beside it.

window.onload = () => {
  const address = new URL("../openapi.json", location).href;
  // The root of the service, seen from the document.
  const root = "WAY_TO_ROOT";

  // OpenAPI resolves `servers` against the document, and the addresses in security schemes against the server.
  // Swagger UI takes the address of its page for the latter, which is one folder too deep.
  const resolve = (document) => {
    const from = (base, url) => new URL(url, base).href;
    // A server whose path this page is not below, or that is `/`, is the one that serves the page, wherever a proxy has
    // put it.
    const isAbove = (url) => address.startsWith(`${from(address, url).replace(/\/$/, "")}/`);
    const local = (url) => (url === "/" || (url.startsWith("/") && !isAbove(url)) ? root : url);
    const servers = (document.servers ?? [{ url: "/" }]).map((server) =>
      server.variables ? server : { ...server, url: from(address, local(server.url)).replace(/\/$/, "") });
    const base = servers[0] && !servers[0].variables ? `${servers[0].url}/` : from(`${from(address, root).replace(/\/$/, "")}/`, ".");
    const scheme = (scheme) => {
      const resolved = { ...scheme };
      if (scheme.openIdConnectUrl) resolved.openIdConnectUrl = from(base, scheme.openIdConnectUrl);
      if (scheme.flows) resolved.flows = map(scheme.flows, flow);
      return resolved;
    };
    const flow = (flow) => map(flow, (value, name) => (name.endsWith("Url") ? from(base, value) : value));
    const securitySchemes = map(document.components?.securitySchemes ?? {}, scheme);
    return { ...document, servers, components: { ...document.components, securitySchemes } };
  };
  const map = (object, change) =>
    Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));
  const resolving = () => ({
    statePlugins: {
      spec: { wrapActions: { updateJsonSpec: (update) => (document) => update(resolve(document)) } },
    },
  });

  window.ui = SwaggerUIBundle({
    url: address,
    dom_id: "#swagger-ui",
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [resolving],
    layout: "BaseLayout",
    deepLinking: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0, // folded: whoever reads schemas finds them, nobody else has to scroll
    persistAuthorization: false, // keys and tokens are gone with the page
    validatorUrl: "none", // no host but this one
    onComplete: () => (document.title = window.ui.specSelectors.info().get("title")),
  });
};
