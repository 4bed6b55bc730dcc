import "../styles/docs.css";
// The same bundle as in @scalar/api-reference, in a package that does not bring 300 MB of parts along.
import standalone from "../node_modules/@scalar/fastify-api-reference/dist/js/standalone.js?url";

interface Scalar {
  createApiReference(at: string, configuration: Record<string, unknown>): void;
}

/** Everything from this server, nothing to anybody else. */
const configuration = {
  url: "/api/openapi.json",
  withDefaultFonts: false,
  telemetry: false,
  proxyUrl: "",
  hideClientButton: true,
  agent: { disabled: true },
  mcp: { disabled: true },
  showDeveloperTools: "never",
};

const script = document.createElement("script");
script.src = standalone;
script.addEventListener("load", () => (window as unknown as { Scalar: Scalar }).Scalar.createApiReference("#reference", configuration));
document.head.append(script);
