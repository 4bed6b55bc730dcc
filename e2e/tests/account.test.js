import { test } from "node:test";
import { Api } from "../support/api.js";
import { Visitor } from "../support/browser.js";
import { Server } from "../support/server.js";

/** Ada at the page of her account. */
async function stage(t) {
  const server = await Server.start(t);
  const ada = await server.register("ada");
  const visitor = await Visitor.come(t, [server.url], { as: ada, expects: [/status of 40[34]/] });
  const page = await visitor.opens(`${server.url}/account`);
  await page.getByRole("heading", { name: "API keys" }).waitFor();
  return { server, ada, visitor, page };
}

test("a key made at the page of one's account does what it may, until it is revoked", async (t) => {
  const { server, page } = await stage(t);
  await page.getByText("You have no keys.").waitFor();
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Deck");
  await page.getByLabel("account:read").check();
  await page.getByRole("button", { name: "Make the key" }).click();
  const key = (await page.locator("tl-secret", { hasText: "Key" }).locator("code").textContent()).trim();
  const deck = new Api(server.url, { token: key });
  await deck.get("/api/users/me").expect(200);
  await deck.post("/api/broadcasts", { title: "Not with this one" }).expect(403, "insufficient-scope");

  await page.reload();
  await page.getByText("Deck").waitFor();
  await page.getByText(key).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Revoke Deck" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByText("You have no keys.").waitFor();
  await deck.get("/api/users/me").expect(401);
});

test("the menu leads to one's account from every page, and out", async (t) => {
  const { server, page } = await stage(t);
  await page.goto(server.url);
  await page.getByRole("button", { name: "Account: ada" }).click();
  await page.getByRole("link", { name: "Account" }).click();
  await page.waitForURL(`${server.url}/account`);
  await page.getByRole("button", { name: "Account: ada" }).click();
  await page.locator(".menu").getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Your account" }).waitFor();
});
