import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Api } from "../support/api.js";
import { Visitor } from "../support/browser.js";
import { Server } from "../support/server.js";

/** What the browser says of an answer with this status to what was asked of such an address. */
const refused = (status, path) => new RegExp(`status of ${status} .*\\(http://[^/]+${path}\\)$`);

const NEW_PASSWORD = "ada's even longer password";

/** Ada at the page of her account; `expects` are the answers that refuse, of which the browser complains. */
async function stage(t, expects = []) {
  const server = await Server.start(t);
  const ada = await server.register("ada");
  const visitor = await Visitor.come(t, [server.url], { as: ada, expects });
  const page = await visitor.opens(`${server.url}/account`);
  await page.getByRole("heading", { name: "API keys" }).waitFor();
  return { server, ada, visitor, page };
}

/** Somebody signs in at the form of a page. */
async function signsIn(page, { username, password }) {
  await page.getByLabel("Username or e-mail").fill(username);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

const enters = (server, login, password) => server.anyone.post("/api/auth/login", { login, password });

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

test("a new password takes the one before, ends the other sign-ins and is told by mail", async (t) => {
  const { server, ada, page } = await stage(t, [refused(403, "/api/users/me")]);
  const form = page.locator("tl-password-form");
  await form.getByLabel("New password").fill(NEW_PASSWORD);
  await form.getByLabel("Your password now").fill("somebody else's guess");
  await form.getByRole("button", { name: "Change password" }).click();
  await form.getByText("This is not your password.").waitFor();
  await ada.get("/api/users/me").expect(200);
  await form.getByLabel("Your password now").fill(ada.password);
  await form.getByRole("button", { name: "Change password" }).click();
  await form.getByText("Changed.").waitFor();
  await ada.get("/api/users/me").expect(401);
  await enters(server, "ada", ada.password).expect(401);
  await enters(server, "ada", NEW_PASSWORD).expect(200);
  const told = await server.mailTo(ada.email, "Your password was changed");
  assert.ok(told.includes(`${server.url}/forgot`), `the way to another password in ${told}`);
  await page.reload();
  await page.getByText("This one").waitFor();
});

test("a new e-mail address signs in instead of the one before, which is told", async (t) => {
  const { server, ada, page } = await stage(t, [refused(403, "/api/users/me")]);
  const form = page.locator("tl-email-form");
  await form.getByLabel("E-mail").fill("ada@elsewhere.example");
  await form.getByLabel("Your password").fill("somebody else's guess");
  await form.getByRole("button", { name: "Change e-mail" }).click();
  await form.getByText("This is not your password.").waitFor();
  await form.getByLabel("Your password").fill(ada.password);
  await form.getByRole("button", { name: "Change e-mail" }).click();
  await form.getByText("Changed.").waitFor();
  const { body } = await ada.get("/api/users/me").expect(200);
  assert.equal(body.email, "ada@elsewhere.example");
  await enters(server, ada.email, ada.password).expect(401);
  await enters(server, "ada@elsewhere.example", ada.password).expect(200);
  await server.mailTo(ada.email, "Your e-mail address was changed");
});

test("one's sign-ins are shown as what they are, and another is ended", async (t) => {
  const server = await Server.start(t);
  const ada = await server.register("ada");
  const visitor = await Visitor.come(t, [server.url]);
  const page = await visitor.opens(`${server.url}/account`);
  await signsIn(page, ada);
  const rows = page.locator("tl-sign-ins li");
  await rows.filter({ hasText: "This one" }).getByText("Chrome on Linux").waitFor();
  assert.equal(await rows.count(), 2);
  await page.getByRole("button", { name: "Sign out node" }).click();
  await rows.filter({ hasNotText: "This one" }).waitFor({ state: "detached" });
  await ada.get("/api/users/me").expect(401);
  await page.reload();
  await rows.filter({ hasText: "This one" }).waitFor();
  assert.equal(await rows.count(), 1);
});

test("all that is kept of somebody is a file of theirs", async (t) => {
  const { ada, page } = await stage(t);
  const show = await ada.creates("Launch day");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export" }).click()]);
  assert.equal(download.suggestedFilename(), "tallylight-ada.json");
  const text = await readFile(await download.path(), "utf8");
  const kept = JSON.stringify(JSON.parse(text));
  for (const mine of [ada.email, show.id, "Launch day"]) assert.ok(kept.includes(mine), `${mine} in ${kept}`);
});

test("an account is deleted by its password, after a question, and is nobody's then", async (t) => {
  const { server, ada, page } = await stage(t, [refused(403, "/api/users/me")]);
  const show = await ada.creates("Launch day");
  const erases = async (password) => {
    await page.locator("tl-farewell").getByLabel("Your password").fill(password);
    await page.getByRole("button", { name: "Delete my account" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete it" }).click();
  };
  await page.getByText("Delete the account").click();
  await erases("somebody else's guess");
  await page.getByText("This is not your password.").waitFor();
  await erases(ada.password);
  await page.getByText("Your account has been deleted.").waitFor();
  await ada.get("/api/users/me").expect(401);
  await enters(server, "ada", ada.password).expect(401);
  await server.anyone.get("/api/users/ada").expect(404);
  assert.notEqual((await server.anyone.get(`/api/broadcasts/${show.id}`)).body.status, "active");
});

test("who forgot the password chooses another by a link in the mail, which is good once", async (t) => {
  const server = await Server.start(t);
  const ada = await server.register("ada");
  const visitor = await Visitor.come(t, [server.url], { expects: [refused(401, "/api/auth/password-reset/confirm")] });
  const page = await visitor.opens(`${server.url}/forgot`);
  await page.getByLabel("Username or e-mail").fill("ada");
  await page.getByRole("button", { name: "Send the link" }).click();
  await page.getByRole("heading", { name: "Look into your mail" }).waitFor();
  const mail = await server.mailTo(ada.email, "Choose a new password");
  const [link] = mail.match(/http:\S+\/reset#token=\S+/);

  const chooses = async (password) => {
    await page.goto("about:blank");
    await page.goto(link);
    await page.getByLabel("New password").fill(password);
    await page.getByLabel("The same again").fill(password);
    await page.getByRole("button", { name: "Change the password" }).click();
  };
  await chooses(NEW_PASSWORD);
  await page.getByRole("heading", { name: "Your password is changed" }).waitFor();
  await ada.get("/api/users/me").expect(401);
  await enters(server, "ada", ada.password).expect(401);
  await signsIn(page, { username: "ada", password: NEW_PASSWORD });
  await page.getByRole("heading", { name: "New broadcast" }).waitFor();
  await chooses("once more by the same link");
  await page.getByRole("heading", { name: "This link is of no use any more" }).waitFor();
  await enters(server, "ada", NEW_PASSWORD).expect(200);
});
