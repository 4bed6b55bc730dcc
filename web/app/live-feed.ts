import { Centrifuge, UnauthorizedError } from "centrifuge";
import { accessToken, currentUser, distrust, onAuthChange } from "./auth.js";
import type { LogEvent } from "./api.js";
import type { Feed, FeedCount, FeedPlan } from "./live.js";

/** Said by the client itself when we close it. */
const BY_US = 0;

/** One channel over one connection, as whoever is signed in; anew when that changes. */
export class LiveFeed implements Feed {
  private client: Centrifuge | undefined;
  private who: string | undefined;
  /** The access token that the server was given last. */
  private given: string | undefined;
  private readonly silence = onAuthChange(() => this.who !== currentUser()?.id && this.open());

  constructor(private readonly plan: FeedPlan) {
    this.open();
  }

  close(): void {
    this.silence();
    this.drop();
  }

  private drop(): void {
    const { client } = this;
    this.client = undefined;
    client?.disconnect();
  }

  private open(): void {
    this.drop();
    this.who = currentUser()?.id;
    const { channel, viewerToken, renew } = this.plan;
    const client = (this.client = new Centrifuge(`${location.origin.replace(/^http/, "ws")}/api/live`, {
      name: "tallylight",
      getToken: this.who ? () => this.token() : null,
    }));
    const subscription = client.newSubscription(channel, { token: viewerToken ?? "", getToken: renew ?? null });
    const { listener } = this.plan;
    const ifOurs = <T>(act: (context: T) => void) => (context: T) => void (client === this.client && act(context));
    subscription.on("subscribed", ifOurs(({ data, wasRecovering, recovered }) => listener.opened(data, wasRecovering && recovered)));
    subscription.on("publication", ifOurs(({ data }) => this.publish(data)));
    subscription.on("subscribing", ifOurs(() => listener.away(false)));
    subscription.on("unsubscribed", ifOurs(({ code }) => code !== BY_US && listener.away(true)));
    client.on("disconnected", ifOurs(({ code }) => code !== BY_US && listener.away(true)));
    subscription.subscribe();
    client.connect();
  }

  /** What has a number is an event of the log; what has none is of the moment. */
  private publish(data: (LogEvent | ({ type: "count" } & FeedCount)) & { seq?: number }): void {
    if (data.seq !== undefined) this.plan.listener.event(data as LogEvent);
    else if (data.type === "count") this.plan.listener.count(data as FeedCount & { type: "count" });
  }

  /** Asked for again only when the one before has run out or was refused. */
  private async token(): Promise<string> {
    if (this.given) distrust(this.given);
    this.given = await accessToken();
    if (!this.given) throw new UnauthorizedError("signed out");
    return this.given;
  }
}
