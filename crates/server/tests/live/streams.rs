//! The live feed as Server-Sent Events.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Person, Show, TestApp};

/// A stream of events that is read as it comes.
struct Stream {
    response: reqwest::Response,
    text: String,
}

#[derive(Debug, PartialEq)]
struct Told {
    id: Option<u64>,
    data: Value,
}

impl Stream {
    async fn opens(person: &Person, query: &str, last: Option<u64>) -> Self {
        let mut request = person.request(Method::GET, &format!("/api/live/sse?{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let id = field("id: ").map(|id| id.parse().unwrap());
                let data = serde_json::from_str(field("data: ").unwrap()).unwrap();
                self.text = rest.to_owned();
                if data == json!({}) {
                    continue;
                }
                return Some(Told { id, data });
            }
            let chunk = self.response.chunk().await.ok()??;
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }
}

async fn logs(owner: &Person, show: &Show, kind: &str) {
    owner.post(&format!("/api/sessions/{}/events", show.id), json!({ "type": kind })).await.is(201);
}

#[tokio::test]
async fn a_page_that_comes_back_goes_on_where_it_was() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    let query = format!("channels=directory,session:{}", show.id);
    let mut stream = Stream::opens(&app.stranger(), &query, None).await;
    let hello = stream.next().await.unwrap();
    assert!(hello.data["connect"]["client"].is_string() && hello.id.is_none());
    let cards = stream.next().await.unwrap();
    assert_eq!((cards.id, &cards.data["subscribe"]["data"]["total"]), (None, &json!(1)));
    let begun = stream.next().await.unwrap();
    assert_eq!((begun.id, &begun.data["subscribe"]["recoverable"]), (Some(1), &json!(true)));
    logs(&ada, &show, "poll.opened").await;
    let told = loop {
        let told = stream.next().await.unwrap();
        if told.id.is_some() {
            break told;
        }
    };
    assert_eq!((told.id, &told.data["pub"]["data"]["type"]), (Some(2), &json!("poll.opened")));
    drop(stream);

    app.stranger().joins(&show).await.is(200);
    logs(&ada, &show, "poll.closed").await;
    let query = format!("channels=session:{}", show.id);
    let mut stream = Stream::opens(&app.stranger(), &query, Some(2)).await;
    stream.next().await.unwrap();
    let begun = stream.next().await.unwrap();
    assert_eq!((begun.id, &begun.data["subscribe"]["recovered"]), (Some(2), &json!(true)));
    let missed = stream.next().await.unwrap();
    assert_eq!((missed.id, &missed.data["pub"]["data"]["type"]), (Some(4), &json!("poll.closed")));

    let mut lost = Stream::opens(&app.stranger(), &query, Some(999)).await;
    lost.next().await.unwrap();
    let begun = lost.next().await.unwrap();
    assert_eq!((begun.id, begun.data["subscribe"].get("recovered")), (Some(4), None), "the page reloads");
}

#[tokio::test]
async fn a_ticket_lets_its_owner_in_once() {
    let app = TestApp::start().await;
    let ada = app.user("ada").await;
    let show = ada.goes_live("Launch day").await;
    app.stranger().post("/api/live/tickets", json!({})).await.is_problem(401, "unauthenticated");
    let ticket = ada.post("/api/live/tickets", json!({})).await.is(201);
    ticket.has("/expires_in", 30);
    let query = format!("channels=owner:{}&ticket={}", show.id, ticket.text("/ticket"));
    let mut stream = Stream::opens(&app.stranger(), &query, None).await;
    stream.next().await.unwrap();
    assert_eq!(stream.next().await.unwrap().data["channel"], json!(format!("owner:{}", show.id)));
    let again = format!("/api/live/sse?{query}");
    app.stranger().get(&again).await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_may_not_be_heard_is_a_problem_before_the_stream_begins() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let show = ada.goes_live("Launch day").await;
    let hidden = ada.creates(json!({ "title": "Rehearsal", "visibility": "private" })).await;
    let listens = |person: Person, channels: String| async move {
        person.get(&format!("/api/live/sse?channels={channels}")).await
    };
    let both = format!("session:{},owner:{}", show.id, show.id);
    listens(ada.clone(), both).await.is_problem(400, "invalid-query").names("channels");
    listens(ada.clone(), "nonsense".into()).await.is_problem(400, "invalid-query").names("channels");
    listens(bob.clone(), format!("owner:{}", show.id)).await.is_problem(404, "not-found");
    listens(app.stranger(), format!("owner:{}", show.id)).await.is_problem(401, "unauthenticated");
    listens(app.stranger(), format!("session:{}", hidden.id)).await.is_problem(404, "not-found");
    app.stranger().get("/api/live/sse").await.is_problem(400, "invalid-query").names("channels");

    let mut stream = Stream::opens(&app.stranger(), &format!("channels=session:{}", show.id), None).await;
    stream.next().await.unwrap();
    ada.changes(&show, json!({ "visibility": "private" })).await.is(200);
    loop {
        let told = stream.next().await.unwrap();
        if told.data["unsubscribe"].is_object() {
            break;
        }
    }
}
