//! Every kind of caller, and what they try.

use std::collections::BTreeMap;
use std::fmt;

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Answer, PASSWORD, Person, Show, TestApp};
use crate::due::Thing;
use crate::rows::{Names, Role, Row};

/// By what somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    None,
    /// An access token in force.
    SignIn,
    /// An API key with one scope.
    Key(&'static str),
    /// What was good once: of an ended sign-in, a revoked key, or altered.
    Void,
    /// Good, but of a suspended account.
    Suspended,
}

/// Somebody who tries.
#[derive(Clone)]
pub struct Caller {
    pub name: String,
    pub person: Person,
    pub credentials: Credentials,
    pub role: Role,
    pub is_owner: bool,
    pub keeps_order: bool,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A server with everybody on it.
pub struct World {
    pub app: TestApp,
    pub callers: Vec<Caller>,
    /// Method and path of each operation of the document.
    pub operations: BTreeMap<String, (Method, String)>,
    pub owner: Person,
    pub other: Person,
}

/// What a path names: a thing, and what is in it.
pub struct Named {
    id: String,
    inside: String,
}

/// What names nothing.
const NOBODY: &str = "0190a000-0000-7000-8000-000000000000";

/// All scopes there are.
pub const SCOPES: &[&str] = &[
    "broadcasts:read",
    "broadcasts:write",
    "publish",
    "events:read",
    "events:write",
    "analytics:read",
    "viewers:write",
    "chat:write",
    "account:read",
    "account:write",
    "admin:read",
    "admin:write",
];

impl World {
    pub async fn new() -> Self {
        let app = TestApp::start_with(|settings| {
            settings.rate_limits = false;
            settings.chat_interval = 0.0;
            settings.reaction_interval = 0.0;
            settings.max_open_broadcasts = 10_000;
            // Everybody signs in from one address here.
            settings.limit_sign_in = "10000/60".parse().unwrap();
        })
        .await;
        let admin = app.admin().await;
        let owner = app.user("owner").await;
        let other = app.user("broadcaster").await;
        let mut callers = vec![
            caller("a stranger", app.stranger(), Credentials::None, Role::Viewer),
            caller("a broadcaster", other.clone(), Credentials::SignIn, Role::Broadcaster),
            Caller {
                is_owner: true,
                keeps_order: true,
                ..caller("the owner", owner.clone(), Credentials::SignIn, Role::Broadcaster)
            },
            Caller {
                keeps_order: true,
                ..caller("an administrator", admin.clone(), Credentials::SignIn, Role::Admin)
            },
        ];
        for (name, role) in [("viewer", Role::Viewer), ("moderator", Role::Moderator)] {
            let person = app.user(name).await;
            admin.patch(&format!("/api/admin/users/{}", person.id), json!({ "role": name })).await.is(200);
            let keeps_order = role == Role::Moderator;
            let name = format!("a {name}");
            callers.push(Caller { keeps_order, ..caller(&name, person, Credentials::SignIn, role) });
        }
        for known in callers.iter().filter(|caller| caller.keeps_order).cloned().collect::<Vec<_>>() {
            callers.extend(keys(&known).await);
        }
        callers.extend(void(&app, &owner).await);
        callers.push(suspended(&app, &admin).await);
        let operations = operations(&app).await;
        Self { app, callers, operations, owner, other }
    }

    fn moderator(&self) -> &Person {
        let moderator = self.callers.iter().find(|caller| caller.role == Role::Moderator);
        &moderator.expect("there is a moderator").person
    }

    /// A broadcast of the owner, with a message in its chat; and its id, or one of nothing.
    pub async fn show(&self, thing: Thing) -> (String, String) {
        let nobody = NOBODY.to_owned();
        if thing == Thing::Missing {
            return (nobody.clone(), nobody);
        }
        let visibility = if thing == Thing::Private { "private" } else { "public" };
        let show: Show = self.owner.creates(json!({ "title": "Launch day", "visibility": visibility })).await;
        let path = format!("/api/sessions/{}/chat", show.id);
        let message = self.owner.post(&path, json!({ "text": "welcome" })).await;
        let message = message.body["id"].as_str().map_or(nobody, str::to_owned);
        (show.id, message)
    }

    /// What a row's path names, made for this.
    pub async fn named(&self, row: &Row, thing: Thing) -> Named {
        let alone = |id: String| Named { id, inside: NOBODY.to_owned() };
        match row.names {
            Names::User => alone(self.other.id.clone()),
            Names::Broadcast => {
                let (id, inside) = self.show(thing).await;
                Named { id, inside }
            }
            _ if thing == Thing::Missing => alone(NOBODY.to_owned()),
            Names::Invitation => {
                let (id, _) = self.show(thing).await;
                let path = format!("/api/broadcasts/{id}/join-tokens");
                let inside = self.owner.post(&path, json!({})).await.is(201).text("/id");
                Named { id, inside }
            }
            Names::Key => alone(new_key(&self.owner, "publish").await.text("/id")),
            Names::SignIn => {
                let body = json!({ "login": "owner", "password": PASSWORD });
                self.app.stranger().post("/api/auth/login", body).await.is(200);
                alone(self.owner.get("/api/auth/sessions?limit=1").await.is(200).text("/items/0/id"))
            }
            Names::Ban => {
                let device = json!({ "device_id": "0123456789abcdef" });
                // One of an administrator's is lifted by none but administrators: `admin.rs` tries that.
                alone(self.moderator().post("/api/admin/bans", device).await.is(201).text("/id"))
            }
        }
    }

    /// Lets a caller do what a row says.
    pub async fn tries(&self, row: &Row, caller: &Caller, Named { id, inside }: &Named) -> Answer {
        let (method, path) = &self.operations[row.operation];
        let path = path
            .replace("{event_id}", inside)
            .replace("{token_id}", inside)
            .replace("{user_id}", &self.other.id)
            .replace("{name}", "owner")
            .replace("{id}", id);
        let path = format!("{path}{}", row.query.replace("{id}", id));
        let mut request = caller.person.request(method.clone(), &path);
        if *method != Method::GET {
            request = request.json(&serde_json::from_str::<Value>(row.body).unwrap());
        }
        let response = request.send().await.unwrap();
        let is_endless =
            response.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
        if is_endless {
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            return Answer { status, headers, body: Value::Null, raw: String::new() };
        }
        Answer::read(response).await
    }
}

fn caller(name: &str, person: Person, credentials: Credentials, role: Role) -> Caller {
    Caller { name: name.to_owned(), person, credentials, role, is_owner: false, keeps_order: false }
}

async fn new_key(of: &Person, scope: &str) -> Answer {
    of.post("/api/keys", json!({ "name": scope, "scopes": [scope] })).await.is(201)
}

/// The keys of somebody, one with each scope that theirs may have.
async fn keys(of: &Caller) -> Vec<Caller> {
    let mut keys = Vec::new();
    let may = |scope: &str| of.role >= Role::Moderator || !scope.starts_with("admin:");
    for scope in SCOPES.iter().filter(|scope| may(scope)) {
        let key = new_key(&of.person, scope).await.text("/key");
        let name = format!("{of}'s key with {scope}");
        let (person, credentials) = (of.person.clone().with(key), Credentials::Key(scope));
        keys.push(Caller { name, person, credentials, ..of.clone() });
    }
    keys
}

/// Credentials that are good no more.
async fn void(app: &TestApp, owner: &Person) -> Vec<Caller> {
    let stranger = app.stranger();
    let body = json!({ "login": "owner", "password": PASSWORD });
    let ended = stranger.post("/api/auth/login", body).await.is(200);
    let body = json!({ "refresh_token": ended.text("/refresh_token") });
    stranger.post("/api/auth/logout", body).await.is(204);
    let revoked = new_key(owner, "broadcasts:read").await;
    owner.delete(&format!("/api/keys/{}", revoked.text("/id"))).await.is(204);
    let altered = format!("{}x", owner.token().unwrap());
    let void = |name, token| caller(name, stranger.clone().with(token), Credentials::Void, Role::Viewer);
    vec![
        void("an ended sign-in", ended.text("/access_token")),
        void("a revoked key", revoked.text("/key")),
        void("an altered token", altered),
        void("a refresh token", ended.text("/refresh_token")),
    ]
}

async fn suspended(app: &TestApp, admin: &Person) -> Caller {
    let person = app.user("suspended").await;
    admin.post("/api/admin/bans", json!({ "user_id": person.id })).await.is(201);
    caller("somebody suspended", person, Credentials::Suspended, Role::Broadcaster)
}

async fn operations(app: &TestApp) -> BTreeMap<String, (Method, String)> {
    let document = app.stranger().get("/api/openapi.json").await.is(200);
    let mut operations = BTreeMap::new();
    for (path, item) in document.body["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            operations.insert(id.to_owned(), (method, path.clone()));
        }
    }
    operations
}
