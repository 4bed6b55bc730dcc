//! A PostgreSQL that is cut, frozen and crashed under a server on air (R3).

use reqwest::Client;
use tallylight_testkit::{Durability, Postgres};
use tempfile::TempDir;

use crate::crowd::{Crowd, client};
use crate::player::{Encoder, Player};
use crate::process::Server;

/// A show on air with a player and a crowd.
struct OnAir {
    postgres: Postgres,
    server: Server,
    http: Client,
    show: String,
    ada: String,
    crowd: Crowd,
    player: Player,
    _encoder: Encoder,
    _data: TempDir,
}

impl OnAir {
    async fn begin() -> Self {
        let postgres = Postgres::start(Durability::Safe);
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(data.path(), Some(&postgres.create_database()));
        let http = client();
        let ada = server.ada(&http).await;
        let made = server.show(&http, &ada, 0).await;
        let show = made["id"].as_str().unwrap().to_owned();
        let encoder = Encoder::publish(&made);
        let player = Player::begin(&http, &server.base, &show).await;
        let crowd = Crowd::gather(8, &server.base, &show);
        Self { postgres, server, http, show, ada, crowd, player, _encoder: encoder, _data: data }
    }

    /// It works as before; and when everybody stops, nobody is left whom only the database knows, and the log has what
    /// was acknowledged, once.
    async fn ends_well(mut self) {
        self.crowd.has_more(50).await;
        self.player.has_more(2).await;
        let memories = self.crowd.stops().await;
        drop(self.player);
        self.server.empties(&self.http, &self.show).await;
        self.server.kill();
        memories.agree_with(&self.server.store().await, &self.show).await;
    }

    /// Nobody can join or change anything, and everybody is told in time, also who waits for somebody else's change.
    async fn refuses(&self) {
        let url = format!("{}/api/broadcasts/{}", self.server.base, self.show);
        let renames = (0..4).map(|number| {
            let body = serde_json::json!({ "title": format!("Take {number}") });
            self.http.patch(&url).bearer_auth(&self.ada).json(&body).send()
        });
        let join = self.http.post(format!("{url}/join")).json(&serde_json::json!({})).send();
        let (renamed, joined) = tokio::join!(futures_util::future::join_all(renames), join);
        for response in renamed.into_iter().chain([joined]) {
            let response = response.unwrap();
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()["retry-after"], "1");
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_while_all_sessions_are_ended_again_and_again() {
    let mut on_air = OnAir::begin().await;
    for _ in 0..20 {
        on_air.postgres.terminate_backends(None);
        on_air.crowd.has_more(10).await;
        on_air.player.has_more(1).await;
    }
    on_air.ends_well().await;
}

#[tokio::test]
async fn a_frozen_database_stops_no_playback_and_answers_are_503_in_time() {
    let mut on_air = OnAir::begin().await;
    for _ in 0..2 {
        on_air.crowd.has_more(20).await;
        on_air.postgres.freeze();
        on_air.refuses().await;
        on_air.player.has_more(8).await;
        on_air.refuses().await;
        on_air.postgres.thaw();
    }
    on_air.ends_well().await;
}

#[tokio::test]
async fn a_database_that_crashes_and_comes_back_has_what_was_acknowledged() {
    let mut on_air = OnAir::begin().await;
    for _ in 0..3 {
        on_air.crowd.has_more(20).await;
        on_air.postgres.restart_immediately();
        on_air.player.has_more(2).await;
    }
    on_air.ends_well().await;
}

#[tokio::test]
async fn a_database_that_is_stopped_for_a_while_is_found_again() {
    let mut on_air = OnAir::begin().await;
    on_air.postgres.stop();
    on_air.refuses().await;
    on_air.player.has_more(4).await;
    on_air.postgres.start_again();
    on_air.ends_well().await;
}
