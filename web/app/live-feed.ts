import { Centrifuge, disconnectedCodes } from "centrifuge";
import { currentUser, distrust, fresh, onAuthChange } from "./auth.js";
import type { LogEvent } from "./api.js";
import type { Feed, FeedCount, FeedPlan } from "./live.js";

/** Said by the client itself when we close it. */
const BY_US = 0;

/** One channel over one connection, as whoever is signed in by their cookies; anew when that changes. */
export class LiveFeed implements Feed {
  private client: Centrifuge | undefined;
  private who: string | undefined;
  /** Until when the cookies are good with which it connects. */
  private until = 0;
  /** It has not been connected since its time ran out. */
  private isLate = false;
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
      getData: () => this.prepare(),
    }));
    const subscription = client.newSubscription(channel, { token: viewerToken ?? "", getToken: renew ?? null });
    const { listener } = this.plan;
    const ifOurs = <T>(act: (context: T) => void) => (context: T) => void (client === this.client && act(context));
    subscription.on("subscribed", ifOurs(({ data, wasRecovering, recovered }) => listener.opened(data, wasRecovering && recovered)));
    subscription.on("publication", ifOurs(({ data }) => this.publish(data)));
    subscription.on("subscribing", ifOurs(() => listener.away(false)));
    subscription.on("unsubscribed", ifOurs(({ code }) => code !== BY_US && listener.away(true)));
    client.on("connected", ifOurs(() => (this.isLate = false)));
    client.on("disconnected", ifOurs(({ code }) => this.ended(client, code)));
    subscription.subscribe();
    client.connect();
  }

  /** What has a number is an event of the log; what has none is of the moment. */
  private publish(data: (LogEvent | ({ type: "count" } & FeedCount)) & { seq?: number }): void {
    if (data.seq !== undefined) this.plan.listener.event(data as LogEvent);
    else if (data.type === "count") this.plan.listener.count(data as FeedCount & { type: "count" });
  }

  /** Before each attempt to connect: the browser sends along the cookies as they are by then. */
  private async prepare(): Promise<null> {
    this.until = await fresh();
    return null;
  }

  /** Once its time has run out, a connection is made anew with new cookies, and goes on where it was. */
  private ended(client: Centrifuge, code: number): void {
    if (code === BY_US) return;
    if (code !== disconnectedCodes.unauthorized || this.isLate) return this.plan.listener.away(true);
    this.isLate = true;
    void distrust(this.until).then(() => client === this.client && client.connect());
  }
}
