//! `fapo-host new`: what it writes is a tenant that builds and evaluates where
//! nothing of this repository is.

use serde_json::Value;

use crate::languages::{build_in, has};
use crate::program::Desk;

/// Makes a tenant, builds it, and evaluates its baseline and its variant.
fn works_at_once(desk: &Desk, lang: &str) {
    let made = desk.json(&["new", "acme", "--lang", lang, "--json"]);
    assert_eq!(
        (made["path"].as_str(), made["lang"].as_str()),
        (Some("acme"), Some(lang))
    );
    for file in made["files"].as_array().unwrap() {
        let path = desk.path("acme").join(file.as_str().unwrap());
        assert!(path.is_file(), "{}", path.display());
    }
    let Some(built) = build_in(desk, "acme") else {
        return;
    };
    assert!(
        built.ends_with("acme/build/acme.wasm"),
        "{}",
        built.display()
    );
    let checked = desk.run(&["check", "acme"]);
    assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.err);
    let score = |more: &[&str]| -> Value {
        let run = desk.json(&[&["eval", "acme", "--json"], more].concat());
        assert_eq!(run["tenant_id"], "acme");
        run["score"]["mean"].clone()
    };
    assert_eq!(score(&[]), 80.0);
    assert_eq!(score(&["--variant", "001"]), 100.0);
    assert_eq!(score(&["--config", "configs/validation.json"]), 87.5);
}

#[test]
fn a_new_tenant_in_rust_works_at_once() {
    // A target directory of its own: the lock of another build is not waited for.
    let desk = Desk::new();
    let target = desk.path("target");
    let desk = desk.with("CARGO_TARGET_DIR", target);
    works_at_once(&desk, "rust");
    // Cargo writes the lock anew where it is not what it would have written.
    let made = desk.json(&["new", "acme", "--dir", "untouched", "--json"]);
    assert_eq!(made["lang"], "rust", "it is the usual one");
    let lock = |place: &str| std::fs::read_to_string(desk.path(place).join("Cargo.lock")).unwrap();
    assert_eq!(lock("acme"), lock("untouched/acme"));
}

#[test]
fn a_new_tenant_in_javascript_works_at_once() {
    if has("npm") {
        works_at_once(&Desk::new(), "js");
    }
}

#[test]
fn a_new_tenant_in_python_works_at_once() {
    if has("python3") {
        works_at_once(&Desk::new(), "python");
    }
}

#[test]
fn what_to_do_next_is_said_with_the_place() {
    let desk = Desk::new();
    let ran = desk.run(&["new", "acme", "--dir", "some/where"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(
        ran.out,
        "fapo-host build some/where/acme\n\
         fapo-host eval some/where/acme\n\
         fapo-host eval some/where/acme --variant 001\n"
    );
    assert!(desk.path("some/where/acme/tenant.toml").is_file());
}

#[test]
fn what_is_there_is_not_written_over() {
    let desk = Desk::new();
    let kept = desk.file("acme/kept", "kept");
    desk.run(&["new", "acme"])
        .told(2, "`acme` is there already");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "kept");
    assert!(!desk.path("acme/tenant.toml").exists());
}

#[test]
fn a_name_that_is_no_id_is_refused() {
    let desk = Desk::new();
    for name in ["Acme", "a b", "../a", "", ".", "_a"] {
        desk.run(&["new", name])
            .told(2, "give the tenant a short id");
    }
    assert_eq!(std::fs::read_dir(desk.path("")).unwrap().count(), 0);
}
