//! The web pages and scripts, embedded.
//!
//! The API's router lists the addresses of the pages and asks here for their content; the files
//! that those pages load are served by [`assets`].

mod page;
mod serve;

pub use page::{Page, html, page};
pub use serve::{ADDRESSES, ASSETS, ELEMENTS, ICON, assets};

/// A file of the built `web/`, in every form that it was made in.
struct File {
    /// Its path in the built folder, such as `assets/home-Bx3k9f2a.js`.
    name: &'static str,
    etag: &'static str,
    identity: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// All files, sorted by name.
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

fn find(name: &str) -> Option<&'static File> {
    FILES.binary_search_by(|file| file.name.cmp(name)).ok().map(|index| &FILES[index])
}
