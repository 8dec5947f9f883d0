//! Components that ship inside the host, so that a run needs no build of them.

use std::path::Path;

/// The standard scorer, `components/scorer`: its README says what a profile may
/// ask of it. `build.rs` compiles it with the host.
pub(crate) const SCORER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/standard_scorer.wasm"));

/// The word that stands for it where a component is named.
pub(crate) const STANDARD: &str = "standard";

/// Returns the component that a word names; none where it is a path. A file of
/// that name is `./standard`.
pub(crate) fn named(component: &Path) -> Option<&'static [u8]> {
    (component == Path::new(STANDARD)).then_some(SCORER)
}
