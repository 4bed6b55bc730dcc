//! Everything HTTP: routes, authorisation, problems, OpenAPI. Speaks to the managers and to the media origin; knows no
//! database.

pub mod address;
mod auth;
mod cmcd;
mod device;
mod extract;
mod fallback;
mod layers;
pub mod limits;
mod list_cache;
pub mod live;
mod problem;
pub mod router;
mod routes;
mod settings;
mod shut_out;
pub mod sight;
mod state;
mod usage;
mod views;

pub use router::{app, document};
pub use settings::HttpSettings;
pub use state::{App, Parts};
