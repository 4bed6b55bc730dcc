//! SIGKILL, again and again (R1).

use crate::crowd::{Crowd, client};
use crate::process::Server;

/// How often the server is killed; `TESTKIT_KILLS` for a longer campaign.
fn kills() -> usize {
    std::env::var("TESTKIT_KILLS").map_or(50, |count| count.parse().unwrap())
}

async fn nothing_acknowledged_is_lost_or_doubled(database_url: Option<&str>) {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), database_url);
    let http = client();
    let ada = server.ada(&http).await;
    let show = server.show(&http, &ada, 0).await["id"].as_str().unwrap().to_owned();
    let mut crowd = Crowd::gather(8, &server.base, &show);
    for _ in 0..kills() {
        crowd.has_more(24).await;
        server.kill();
        server.start_again();
    }
    crowd.has_more(24).await;
    let memories = crowd.stops().await;
    server.kill();
    memories.agree_with(&server.store().await, &show).await;
}

#[tokio::test]
async fn what_sqlite_acknowledged_outlives_kills() {
    nothing_acknowledged_is_lost_or_doubled(None).await;
}

#[tokio::test]
async fn what_postgres_acknowledged_outlives_kills() {
    let database = tallylight_testkit::database();
    nothing_acknowledged_is_lost_or_doubled(Some(database.url())).await;
}
