SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  // The default would send a request to a validator on another server.
  validatorUrl: null,
});
