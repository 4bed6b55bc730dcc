import { css } from "lit";

/**
 * How the featured broadcasts stand on the home page: the first one large, the next two beside it.
 * Kept out of the element, which other sites load for its plain grid.
 */
export const stageStyles = css`
  /* The list below says it too. */
  .status {
    display: none;
  }
  /* On a phone one swipes through them, so that everything else is not far below. */
  @container (max-width: 40rem) {
    ul {
      display: flex;
      overflow-x: auto;
      scroll-snap-type: x mandatory;
      scrollbar-width: none;
      padding: 4px;
      margin: -4px;
    }
    li {
      flex: 0 0 88%;
      scroll-snap-align: center;
    }
    li:only-child {
      flex-basis: 100%;
    }
  }
  @container (min-width: 60rem) {
    ul {
      grid-template-columns: 5fr 4fr;
      grid-auto-rows: minmax(11.5rem, 1fr);
    }
    /* Beside the large one: picture left, words right. */
    li:not(:first-child) .card {
      display: grid;
      grid-template: 1fr auto / 46% minmax(0, 1fr);
    }
    li:not(:first-child) .thumbnail {
      grid-row: 1 / -1;
      aspect-ratio: auto;
      min-height: 100%;
      border-radius: calc(var(--_radius) - 1px) 0 0 calc(var(--_radius) - 1px);
    }
    li:first-child {
      grid-row: span 2;
    }
    li:first-child .thumbnail {
      flex: 1;
      aspect-ratio: auto;
      min-height: 18rem;
    }
    li:first-child h3 {
      font-size: 1.25rem;
    }
    ul:has(> li:nth-child(2):last-child) {
      grid-template-columns: 1fr 1fr;
    }
    li:nth-child(2):last-child {
      grid-row: span 2;
    }
    li:nth-child(2):last-child .card {
      display: flex;
    }
    li:nth-child(2):last-child .thumbnail {
      flex: 1;
      min-height: 18rem;
      border-radius: calc(var(--_radius) - 1px) calc(var(--_radius) - 1px) 0 0;
    }
    li:only-child {
      grid-column: 1 / -1;
    }
    li:only-child .card {
      display: grid;
      grid-template: minmax(0, 1fr) auto / 3fr 2fr;
    }
    li:only-child .thumbnail {
      grid-row: 1 / -1;
      min-height: 22rem;
      border-radius: calc(var(--_radius) - 1px) 0 0 calc(var(--_radius) - 1px);
    }
    li:only-child .about {
      padding: 2rem 2rem 0;
      align-self: end;
    }
    li:only-child .foot {
      padding: 1rem 2rem 2rem;
      margin-top: 0;
    }
  }
`;
