import { describe, test } from "node:test";
import { assertFollowed, logUntil } from "../support/live.js";
import { Proxy } from "../support/proxy.js";
import { followInPython } from "../support/python.js";
import { Server } from "../support/server.js";

const CUTS = 25;

describe("the official Python client hears all of it, once and in order, over many cuts", () => {
  for (const form of ["json", "protobuf"]) {
    test(`in ${form}`, async (t) => {
      const server = await Server.start(t, { rate_limits: false });
      const ada = await server.register("ada");
      const show = await ada.creates("Launch day");
      const network = await Proxy.start(t, server);
      const channels = [`session:${show.id}`, `owner:${show.id}`];
      const followers = await followInPython(t, network.url, { form, token: ada.token, channels });
      await Promise.all(followers.map((follower) => follower.opened()));
      network.cutAtRandom({ seed: form.length, times: CUTS });
      await logUntil(ada, show, followers, () => network.cuts === CUTS);
      await assertFollowed(followers, show, ada);
    });
  }
});
