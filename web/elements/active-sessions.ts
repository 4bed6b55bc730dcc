import { ActiveSessions } from "./active-sessions-element.js";

export { ActiveSessions };

if (!customElements.get("active-sessions")) customElements.define("active-sessions", ActiveSessions);
