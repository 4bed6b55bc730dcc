import "../styles/docs.css";
import standalone from "../node_modules/@scalar/api-reference/dist/browser/standalone.js?url";

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
