import { svg, html, type TemplateResult } from "lit";

/** Icons are 24 by 24 strokes in the colour of the text around them. */
const icon = (paths: TemplateResult): TemplateResult =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${paths}</svg>`;

export const icons = {
  search: icon(svg`<circle cx="11" cy="11" r="6.5"/><path d="m20 20-4.2-4.2"/>`),
  sun: icon(svg`<circle cx="12" cy="12" r="4"/><path d="M12 3v2m0 14v2M3 12h2m14 0h2M5.6 5.6 7 7m10 10 1.4 1.400M18.4 5.6 17 7M7 17l-1.4 1.4"/>`),
  moon: icon(svg`<path d="M19.5 14.500A8 8 0 0 1 9.5 4.500a8 8 0 1 0 10 10Z"/>`),
  play: icon(svg`<path class="solid" d="M8 5.500v13l10.5-6.500Z"/>`),
  pause: icon(svg`<path class="solid" d="M7 5h3.500v14H7zM13.5 5H17v14h-3.500z"/>`),
  loud: icon(svg`<path class="solid" d="M4 9.500v5h3.500L12 18.500v-13L7.5 9.500Z"/><path d="M15.5 9a4.2 4.2 0 0 1 0 6M18 6.500a8 8 0 0 1 0 11"/>`),
  muted: icon(svg`<path class="solid" d="M4 9.500v5h3.500L12 18.500v-13L7.5 9.500Z"/><path d="m16 9.5 5 5m0-5-5 5"/>`),
  expand: icon(svg`<path d="M4 9V4h5m6 0h5v5m0 6v5h-5m-6 0H4v-5"/>`),
  shrink: icon(svg`<path d="M9 4v5H4m16 0h-5V4m0 16v-5h5M4 15h5v5"/>`),
  picture: icon(svg`<rect x="3" y="5" width="18" height="14" rx="2"/><path class="solid" d="M12 12h7v5h-7z"/>`),
  gear: icon(svg`<path d="M4 7h9m4 0h3M4 17h3m4 0h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>`),
  eye: icon(svg`<path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Z"/><circle cx="12" cy="12" r="3"/>`),
  hide: icon(svg`<path d="M4 4l16 16M9.5 6c.8-.3 1.6-.5 2.5-.5 6 0 9.5 6.5 9.5 6.500a17 17 0 0 1-2.7 3.500M6 8.500A16 16 0 0 0 2.5 12S6 18.5 12 18.500c1.5 0 2.8-.4 4-1"/>`),
  clock: icon(svg`<circle cx="12" cy="12" r="8.5"/><path d="M12 7v5l3.5 2"/>`),
  link: icon(svg`<path d="M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.700l-1.3 1.300M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.700l1.3-1.3"/>`),
  copy: icon(svg`<rect x="9" y="9" width="11" height="11" rx="2"/><path d="M5 15V6a2 2 0 0 1 2-2h8"/>`),
  check: icon(svg`<path d="m5 12.5 4.5 4.500L19 7.5"/>`),
  plus: icon(svg`<path d="M12 5v14M5 12h14"/>`),
  lock: icon(svg`<rect x="5" y="11" width="14" height="9" rx="2"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/>`),
  globe: icon(svg`<circle cx="12" cy="12" r="8.5"/><path d="M3.5 12h17M12 3.500c3 3 3 14 0 17m0-17c-3 3-3 14 0 17"/>`),
  refresh: icon(svg`<path d="M20 12a8 8 0 1 1-2.5-5.800M20 4v4.500h-4.5"/>`),
  stop: icon(svg`<rect class="solid" x="6" y="6" width="12" height="12" rx="2"/>`),
  out: icon(svg`<path d="M14 4h5a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1h-5M10 8l-4 4 4 4m-4-4h10"/>`),
  person: icon(svg`<circle cx="12" cy="8.5" r="4"/><path d="M4.500 20c.6-4 3.500-6 7.500-6s6.900 2 7.500 6"/>`),
  camera: icon(svg`<rect x="3" y="6.500" width="12.500" height="11" rx="2.500"/><path d="m15.500 11 5.500-3.500v9l-5.500-3.500"/>`),
  key: icon(svg`<circle cx="8" cy="15" r="4.500"/><path d="m11.500 12 8-8M16 7.500l3 3"/>`),
  shield: icon(svg`<path d="M12 3.500 5 6v5.500c0 4.500 3 7.500 7 9 4-1.500 7-4.500 7-9V6Z"/>`),
  device: icon(svg`<rect x="3.500" y="5" width="17" height="11.500" rx="2"/><path d="M9 20h6m-3-3.500V20"/>`),
  save: icon(svg`<path d="M12 4v11m-5-5 5 5 5-5M5 19.500h14"/>`),
  close: icon(svg`<path d="m6 6 12 12M18 6 6 18"/>`),
  send: icon(svg`<path d="M4.500 12 20 4.500 14.500 20l-3-6.500Zm7 1.500L20 4.500"/>`),
  trash: icon(svg`<path d="M5 7h14M10 7V4.500h4V7m-7 0 .8 12.500h8.400L17 7M10 11v5m4-5v5"/>`),
  ban: icon(svg`<circle cx="12" cy="12" r="8.5"/><path d="m6 6 12 12"/>`),
  chat: icon(svg`<path d="M4 5.500h16v11H11L7 20v-3.500H4Z"/>`),
  down: icon(svg`<path d="M12 5v14m-6-6 6 6 6-6"/>`),
  people: icon(svg`<circle cx="9" cy="8.5" r="3.5"/><path d="M2.5 19.500c.5-3.5 3-5.5 6.5-5.500s6 2 6.5 5.500M16 5.300a3.5 3.5 0 0 1 0 6.400m2 2.600c2 .8 3.2 2.5 3.5 5.2"/>`),
};

/** The mark: a tally lamp in its housing. */
export const mark = html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
  <rect width="32" height="32" rx="9" class="housing" /><circle cx="16" cy="16" r="10" class="halo" />
  <circle cx="16" cy="16" r="6.5" class="lamp" /><circle cx="14" cy="13.6" r="1.9" class="glint" />
</svg>`;
