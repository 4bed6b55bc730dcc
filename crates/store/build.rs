//! Rebuilds the crate when a migration is added: the compiler alone would not notice.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
