//! How many may be connected from one address, and over what.

use reqwest::{Method, Response};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;

use crate::common::{Answer, Person, TestApp};
use crate::listener::{Listener, request};

const STREAM: &str = "/api/live/sse?channels=directory";

/// Listens to a stream of events as long as the answer is kept.
async fn listens(person: &Person) -> Response {
    person.request(Method::GET, STREAM).send().await.unwrap()
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_another_has_its_own() {
    let app = TestApp::start_with(|settings| settings.live_max_connections_per_ip = 2).await;
    let stranger = app.stranger();
    let socket = Listener::connects(&app, None).await;
    let stream = listens(&stranger).await;
    assert_eq!(stream.status(), 200);
    let third = connect_async(request(&app, &[])).await;
    assert!(matches!(third, Err(Error::Http(response)) if response.status() == 429));
    let third = Answer::read(listens(&stranger).await).await;
    assert_eq!(third.is_problem(429, "too-many-requests").header("retry-after"), "5");
    Listener::connects_from(&app, "127.0.0.2").await.subscribes("directory").await;
    stranger.get("/api/broadcasts/active").await.is(200);

    drop((socket, stream));
    // The server hears of it in its own time.
    while connect_async(request(&app, &[])).await.is_err() {}
    while listens(&stranger).await.status() != 200 {}
}

#[tokio::test]
async fn streams_leave_half_of_the_http_connections_to_others() {
    let app = TestApp::start_with(|settings| settings.http_max_connections = 4).await;
    let visitors = [2, 3, 4].map(|number| app.stranger().at(&format!("127.0.0.{number}")));
    let streams = [listens(&visitors[0]).await, listens(&visitors[1]).await];
    assert!(streams.iter().all(|stream| stream.status() == 200));
    Answer::read(listens(&visitors[2]).await).await.is_problem(503, "busy");
    Listener::connects_from(&app, "127.0.0.4").await.subscribes("directory").await;
    visitors[2].get("/api/broadcasts/active").await.is(200);
}
