//! The limit for `GET` of a list: bare axum with ready bytes, nothing around it.
//!
//! `tallylight-bench-stub ADDRESS:PORT FILE` answers `/` with the file as JSON, from memory, on one thread.

use std::env::args;
use std::io::{Error, Result};

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let (Some(address), Some(file)) = (args().nth(1), args().nth(2)) else {
        return Err(Error::other("usage: tallylight-bench-stub ADDRESS:PORT FILE"));
    };
    let body = Bytes::from(std::fs::read(file)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(serve(&address, body))
}

async fn serve(address: &str, body: Bytes) -> Result<()> {
    let app = Router::new().route("/", get(async move || ([(CONTENT_TYPE, "application/json")], body)));
    let listener = TcpListener::bind(address).await?.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app).await
}
