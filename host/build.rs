//! Makes the components that ship inside the host, for `src/shipped.rs`.

use std::env;
use std::fs;
use std::path::PathBuf;

#[path = "../components/guests.rs"]
mod guests;

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = package.parent().expect("the package is in `host`");

    let built = guests::build(root, [("standard-scorer", "components/scorer")]);
    for from in built {
        let name = from.file_name().expect("a component is a file");
        fs::copy(&from, out.join(name))
            .unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }
}
