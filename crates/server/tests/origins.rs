//! A browser's cookies count for this site's own pages and for nobody else's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

use common::{Answer, PASSWORD, TestApp, account};
use reqwest::Method;
use serde_json::{Value, json};

/// A header that a browser sends, whatever a page would like.
type Said = Option<(&'static str, &'static str)>;

/// What comes with requests that other sites' pages have made, or that no page made.
const FOREIGN: [Said; 6] = [
    Some(("origin", "https://evil.example")),
    Some(("origin", "null")),
    Some(("origin", "")),
    Some(("sec-fetch-site", "cross-site")),
    Some(("sec-fetch-site", "same-site")),
    None,
];

/// A browser that keeps what it was given.
struct Browser {
    app: TestApp,
    cookies: String,
}

impl Browser {
    /// Ada's, who has registered at a page of this site.
    async fn of_ada() -> Self {
        let app = TestApp::start().await;
        let browser = Self { app, cookies: String::new() };
        let mut body = account("ada");
        body["cookies"] = json!(true);
        let made = browser.at_home(Method::POST, "/api/auth/register", body).await.is(201);
        let given = made.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
        let pairs: Vec<_> = given.filter_map(|line| line.split(';').next()).collect();
        assert_eq!(pairs.len(), 2, "for the API and to refresh: {pairs:?}");
        Self { cookies: pairs.join("; "), ..browser }
    }

    async fn asks(&self, method: Method, path: &str, said: Option<(&str, &str)>, body: Value) -> Answer {
        let mut request = self.app.stranger().request(method.clone(), path).header("cookie", &self.cookies);
        if let Some((name, value)) = said {
            request = request.header(name, value);
        }
        if method != Method::GET {
            request = request.json(&body);
        }
        Answer::read(request.send().await.unwrap()).await
    }

    /// A page of this site asks.
    async fn at_home(&self, method: Method, path: &str, body: Value) -> Answer {
        self.asks(method, path, Some(("origin", &self.app.running.base_url())), body).await
    }
}

#[tokio::test]
async fn no_other_sites_page_does_anything_in_adas_name() {
    let ada = Browser::of_ada().await;
    let show = json!({ "title": "Launch day" });
    for said in FOREIGN {
        let refused = ada.asks(Method::POST, "/api/broadcasts", said, show.clone()).await;
        assert_eq!((refused.status, refused.text("/code").as_str()), (403, "foreign-origin"), "{said:?}");
        let refused = ada.asks(Method::DELETE, "/api/auth/sessions", said, Value::Null).await;
        assert_eq!((refused.status, refused.text("/code").as_str()), (403, "foreign-origin"), "{said:?}");
    }
    ada.at_home(Method::POST, "/api/broadcasts", show).await.is(201);
}

#[tokio::test]
async fn what_another_sites_page_reads_is_what_strangers_read() {
    let ada = Browser::of_ada().await;
    for said in FOREIGN.into_iter().flatten() {
        let refused = ada.asks(Method::GET, "/api/users/me", Some(said), Value::Null).await;
        assert_eq!((refused.status, refused.text("/code").as_str()), (401, "unauthenticated"), "{said:?}");
    }
    ada.at_home(Method::GET, "/api/users/me", Value::Null).await.is(200).has("/username", "ada");
    // A page's own reads have no Origin, nor has an address that somebody opens.
    ada.asks(Method::GET, "/api/users/me", None, Value::Null).await.is(200).has("/username", "ada");
}

#[tokio::test]
async fn no_other_sites_page_signs_a_browser_in_or_out() {
    let ada = Browser::of_ada().await;
    let sign_in = json!({ "login": "ada", "password": PASSWORD, "cookies": true });
    for (path, body) in
        [("/api/auth/login", sign_in), ("/api/auth/refresh", json!({})), ("/api/auth/logout", json!({}))]
    {
        for said in FOREIGN {
            let refused = ada.asks(Method::POST, path, said, body.clone()).await;
            refused.is_problem(403, "foreign-origin");
            assert_eq!(refused.header("set-cookie"), "", "{path} {said:?}");
        }
    }
    ada.at_home(Method::GET, "/api/users/me", Value::Null).await.is(200);
    ada.at_home(Method::POST, "/api/auth/logout", json!({})).await.is(204);
    ada.at_home(Method::POST, "/api/auth/refresh", json!({})).await.is_problem(401, "unauthenticated");
    ada.at_home(Method::GET, "/api/users/me", Value::Null).await.is_problem(401, "unauthenticated");
}
