//! The components that the tests run.
//!
//! The build script compiles tenants and hostile guests; each has a const with
//! its path here, and a row in [`ALL`]. What would be too large to keep in the
//! repository, or is a component only in the eyes of its sender, [`bombs`]
//! makes on demand.

#![warn(missing_docs)]

pub mod bombs;

include!(concat!(env!("OUT_DIR"), "/artifacts.rs"));

/// Returns the path of a component.
///
/// # Panics
///
/// When there is none of that name: a row of a test's table is misspelled.
pub fn path(name: &str) -> &'static str {
    match ALL.iter().find(|(known, _)| *known == name) {
        Some((_, path)) => path,
        None => panic!("there is no component `{name}`"),
    }
}

/// Returns the bytes of a component.
pub fn bytes(name: &str) -> Vec<u8> {
    let path = path(name);
    std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
