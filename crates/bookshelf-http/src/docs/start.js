SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  // Would ask a server elsewhere.
  validatorUrl: null,
});
