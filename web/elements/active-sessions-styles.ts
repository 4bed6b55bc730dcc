import { css } from "lit";

/**
 * Colours follow the `color-scheme` of the page that uses the element. Each can be set from
 * outside as a custom property; everything else is reachable as a part.
 */
export const styles = css`
  :host {
    --_text: var(--tally-text, light-dark(#15171b, #f3f4f6));
    --_muted: var(--tally-muted, light-dark(#5b616c, #a2a9b6));
    --_surface: var(--tally-surface, light-dark(#fff, #15171c));
    --_sunken: var(--tally-sunken, light-dark(#ecebe8, #1e2128));
    --_line: var(--tally-line, light-dark(#e3e2de, #262a32));
    --_accent: var(--tally-accent, light-dark(#c8141f, #ff5a55));
    --_radius: var(--tally-radius, 14px);
    --_min: var(--tally-card-width, 17rem);
    --_gap: var(--tally-gap, 1.25rem);
    display: block;
    color: var(--_text);
    font: 400 1rem/1.4 var(--tally-font, system-ui, sans-serif);
    container-type: inline-size;
  }
  :host([hidden]) {
    display: none;
  }
  * {
    box-sizing: border-box;
  }
  ul {
    list-style: none;
    margin: 0;
    padding: 0;
    display: grid;
    gap: var(--_gap);
    grid-template-columns: repeat(auto-fill, minmax(min(var(--_min), 100%), 1fr));
  }
  li {
    display: grid;
    min-width: 0;
  }
  .card {
    position: relative;
    display: flex;
    flex-direction: column;
    min-width: 0;
    background: var(--_surface);
    border: 1px solid var(--_line);
    border-radius: var(--_radius);
    transition: 0.15s;
  }
  .card:has(.join:hover) {
    border-color: color-mix(in srgb, var(--_accent) 55%, var(--_line));
    transform: translateY(-2px);
    box-shadow: 0 10px 28px -12px light-dark(rgb(0 0 0 / 0.25), rgb(0 0 0 / 0.8));
  }
  .card:has(.join:focus-visible) {
    outline: 3px solid var(--_accent);
    outline-offset: 2px;
  }
  .thumbnail {
    position: relative;
    aspect-ratio: 16 / 9;
    overflow: hidden;
    border-radius: calc(var(--_radius) - 1px) calc(var(--_radius) - 1px) 0 0;
    background: var(--_sunken);
  }
  img {
    position: absolute;
    width: 100%;
    height: 100%;
    object-fit: cover;
  }
  img[hidden] {
    display: none;
  }
  /* A broadcaster without a picture gets colour bars in their own colour. */
  .bars {
    position: absolute;
    inset: 0;
    display: grid;
    place-items: center;
    color: hsl(var(--hue) 70% 92%);
    background:
      radial-gradient(circle at 50% 45%, hsl(var(--hue) 45% 30% / 0.9), transparent 58%),
      linear-gradient(90deg, #0000 0 14.3%, #0002 0 28.6%, #0003 0 42.9%, #0004 0 57.1%, #0006 0 71.4%, #0008 0 85.7%, #0009 0),
      hsl(var(--hue) 34% 40%);
  }
  .bars b {
    font-size: clamp(2.25rem, 16cqi, 3.5rem);
    font-weight: 750;
  }
  [data-hue] { --hue: 4; }
  [data-hue="1"] { --hue: 28; }
  [data-hue="2"] { --hue: 150; }
  [data-hue="3"] { --hue: 178; }
  [data-hue="4"] { --hue: 205; }
  [data-hue="5"] { --hue: 232; }
  [data-hue="6"] { --hue: 265; }
  [data-hue="7"] { --hue: 325; }
  .badge,
  .viewers,
  .duration {
    display: inline-flex;
    align-items: center;
    gap: 0.35em;
    padding: 0.2em 0.55em;
    border-radius: 6px;
    font-size: 0.75rem;
    font-weight: 650;
    line-height: 1.5;
    color: #fff;
    background: rgb(10 11 13 / 0.78);
    font-variant-numeric: tabular-nums;
  }
  .badge {
    position: absolute;
    top: 0.625rem;
    left: 0.625rem;
    text-transform: uppercase;
    letter-spacing: 0.06em;
    font-size: 0.6875rem;
    font-weight: 750;
  }
  .badge::before {
    content: "";
    width: 0.5em;
    height: 0.5em;
    border-radius: 50%;
    background: currentColor;
  }
  .badge.live {
    background: #d3131e;
    box-shadow: 0 0 14px rgb(255 48 48 / 0.45);
  }
  .badge:is(.live, .reconnecting)::before {
    animation: pulse 2s infinite;
  }
  .badge.reconnecting {
    background: #f2b035;
    color: #201400;
  }
  .figures {
    position: absolute;
    inset: auto 0.625rem 0.625rem;
    display: flex;
    justify-content: space-between;
    gap: 0.5rem;
  }
  .duration {
    margin-left: auto;
  }
  .viewers svg {
    width: 1.1em;
    height: 1.1em;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.5;
  }
  .about {
    display: flex;
    gap: 0.75rem;
    padding: 0.875rem 0.875rem 0;
  }
  .avatar {
    flex: none;
    width: 2.25rem;
    height: 2.25rem;
    border-radius: 50%;
    display: grid;
    place-items: center;
    font-weight: 700;
    font-size: 0.9375rem;
    color: #fff;
    background: hsl(var(--hue) 42% 34%);
  }
  .words {
    min-width: 0;
    flex: 1;
  }
  h3 {
    margin: 0;
    font-size: 1rem;
    line-height: 1.3;
    font-weight: 650;
    overflow-wrap: anywhere;
    display: -webkit-box;
    -webkit-line-clamp: 2;
    -webkit-box-orient: vertical;
    overflow: hidden;
  }
  p {
    margin: 0;
  }
  .broadcaster {
    color: var(--_muted);
    font-size: 0.875rem;
  }
  .broadcaster,
  .category,
  .tag {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .foot {
    display: flex;
    align-items: center;
    gap: 0.75rem;
    margin-top: auto;
    padding: 0.75rem 0.875rem 0.875rem;
  }
  .labels {
    flex: 1;
    min-width: 0;
    display: flex;
    flex-wrap: wrap;
    gap: 0.375rem;
    height: 1.625rem;
    overflow: hidden;
  }
  .category,
  .tag {
    max-width: 9rem;
    padding: 0 0.6em;
    border-radius: 99px;
    font-size: 0.75rem;
    line-height: 1.625rem;
    background: var(--_sunken);
    color: var(--_muted);
  }
  .category {
    color: var(--_text);
    font-weight: 600;
    text-transform: capitalize;
  }
  .join,
  .retry {
    flex: none;
    padding: 0.4em 0.95em;
    border: 0;
    border-radius: 8px;
    font: inherit;
    font-size: 0.875rem;
    font-weight: 650;
    text-decoration: none;
    cursor: pointer;
    color: var(--_text);
    background: var(--_sunken);
  }
  .join:hover,
  .join:focus-visible,
  .retry:hover {
    background: #d3131e;
    color: #fff;
  }
  .join {
    outline: none;
  }
  /* One link a card, as large as the card. */
  .join::after {
    content: "";
    position: absolute;
    inset: 0;
    border-radius: var(--_radius);
  }
  .retry:focus-visible {
    outline: 3px solid var(--_accent);
    outline-offset: 2px;
  }
  .note {
    display: grid;
    justify-items: center;
    gap: 0.875rem;
    padding: 3rem 1.5rem;
    text-align: center;
    color: var(--_muted);
  }
  .lamp {
    width: 4rem;
    fill: var(--_sunken);
  }
  .lamp circle {
    fill: var(--_muted);
    opacity: 0.6;
  }
  .stale {
    margin-bottom: 1rem;
    padding: 0.5rem 0.875rem;
    border-radius: 8px;
    font-size: 0.875rem;
    background: color-mix(in srgb, #f2b035 22%, var(--_surface));
  }
  .skeleton .thumbnail,
  .skeleton .avatar,
  .skeleton i {
    background: linear-gradient(100deg, var(--_sunken) 35%, var(--_line) 50%, var(--_sunken) 65%) 0 0 / 250% 100%;
    animation: sheen 1.6s linear infinite;
  }
  .skeleton .about {
    padding-bottom: 3.4rem;
  }
  .skeleton i {
    display: block;
    height: 0.8rem;
    width: 85%;
    margin: 0.2rem 0 0.6rem;
    border-radius: 4px;
  }
  .skeleton i + i {
    width: 45%;
  }
  .hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  @keyframes pulse {
    50% { opacity: 0.35; }
  }
  @keyframes sheen {
    from { background-position: 100% 0; }
    to { background-position: -60% 0; }
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      animation: none !important;
      transition: none !important;
    }
  }
`;
