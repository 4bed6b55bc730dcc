//! Requests, by route.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use tallylight_core::figures::{Count, Durations, Level};

use super::{Sheet, Source};

/// Methods by which requests are counted; any other is one of a kind.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];
/// Statuses by which requests are counted; any other is counted under the first digit of its own.
const STATUSES: [u16; 32] = [
    200, 204, 304, 404, 206, 401, 429, 201, 101, 202, 301, 302, 303, 307, 308, 400, 403, 405, 406, 408, 409,
    410, 411, 412, 413, 415, 416, 422, 426, 431, 500, 503,
];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What is counted of all requests.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    in_flight: Level,
    routes: Mutex<Vec<Arc<Route>>>,
}

/// What is counted of the requests of one route.
#[derive(Debug)]
pub(crate) struct Route {
    /// Its pattern; the address itself would be another one for each broadcast, and may carry a token.
    pub pattern: String,
    methods: [OnceLock<Box<Requests>>; METHODS.len()],
}

/// What is counted of the requests of one route and method.
#[derive(Debug)]
struct Requests {
    statuses: [Count; STATUSES.len() + CLASSES.len()],
    durations: Durations,
}

impl Default for Requests {
    fn default() -> Self {
        Self { statuses: std::array::from_fn(|_| Count::default()), durations: Durations::default() }
    }
}

impl Routes {
    /// Where requests of a route are counted. To be asked for once, and kept.
    pub fn of(&self, pattern: &str) -> Arc<Route> {
        let mut routes = self.lock();
        if let Some(known) = routes.iter().find(|route| route.pattern == pattern) {
            return known.clone();
        }
        let route = Arc::new(Route { pattern: pattern.to_owned(), methods: Default::default() });
        routes.push(route.clone());
        route
    }

    /// Requests under way.
    pub fn in_flight(&self) -> &Level {
        &self.in_flight
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Route>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Route {
    /// A request was answered.
    pub fn answered(&self, method: &Method, status: StatusCode, took: Duration) {
        let name = method.as_str();
        let place = METHODS.iter().position(|known| *known == name).unwrap_or(METHODS.len() - 1);
        let requests = self.methods[place].get_or_init(Box::default);
        requests.durations.took(took);
        let code = status.as_u16();
        let place = STATUSES.iter().position(|known| *known == code);
        let class = usize::from(code / 100).clamp(1, CLASSES.len()) - 1;
        requests.statuses[place.unwrap_or(STATUSES.len() + class)].one();
    }
}

impl Source for Routes {
    fn tell(&self, sheet: &mut Sheet) {
        let routes = self.lock().clone();
        let help = "Requests that are being answered";
        sheet.level("tallylight_http_requests_in_flight", help, self.in_flight.get() as f64);
        sheet.counter(
            "tallylight_http_requests_total",
            "Requests by the pattern of their route, method and status",
        );
        let help = "How long it took until the head of an answer was there";
        sheet.histogram("tallylight_http_request_duration_seconds", help);
        for route in routes {
            for (method, requests) in METHODS.into_iter().zip(&route.methods) {
                if let Some(requests) = requests.get() {
                    requests.tell(&route.pattern, method, sheet);
                }
            }
        }
    }
}

impl Requests {
    fn tell(&self, route: &str, method: &str, sheet: &mut Sheet) {
        let labels = [("route", route), ("method", method)];
        sheet
            .histogram("tallylight_http_request_duration_seconds", "")
            .spread(labels, self.durations.spread());
        let family = sheet.counter("tallylight_http_requests_total", "");
        let names = STATUSES.iter().map(u16::to_string).chain(CLASSES.iter().map(ToString::to_string));
        for (status, count) in names.zip(&self.statuses) {
            if count.get() > 0 {
                family.add([("route", route), ("method", method), ("status", &status)], count.get());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strange_methods_and_statuses_make_no_figures_of_their_own() {
        let routes = Routes::default();
        let route = routes.of("/api/broadcasts/{id}");
        for method in ["BREW", "WHEN", "TRACE"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            route.answered(&method, StatusCode::from_u16(418).unwrap(), Duration::ZERO);
            route.answered(&method, StatusCode::from_u16(999).unwrap(), Duration::ZERO);
        }
        let mut sheet = Sheet::default();
        routes.tell(&mut sheet);
        let family = &sheet.families["tallylight_http_requests_total"];
        let told: Vec<_> = family.samples.iter().map(|sample| sample.labels[2].1.as_str()).collect();
        assert_eq!(told, ["4xx", "5xx"]);
        assert!(family.samples.iter().all(|sample| sample.labels[1].1 == "other"));
        assert!(Arc::ptr_eq(&route, &routes.of("/api/broadcasts/{id}")));
    }
}
