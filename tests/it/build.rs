//! `fapo-host build`: what an author's build may not do.

use crate::program::Desk;

#[test]
fn a_build_that_changes_raw_inputs_is_refused() {
    let desk = Desk::new();
    let build = |script: &str| {
        let made = "mkdir -p build; : > build/x.wasm\n";
        desk.file("guest/build.sh", format!("{made}{script}\n"));
        desk.file("guest/source_artifacts/a/raw.csv", "raw");
        desk.run(&["build", "guest"])
    };
    assert_eq!(build("cat source_artifacts/a/raw.csv").code, Some(0));
    for (script, says) in [
        (
            "echo x >> source_artifacts/a/raw.csv",
            "the build changed `guest/source_artifacts/a/raw.csv`",
        ),
        (
            "rm source_artifacts/a/raw.csv",
            "the build removed `guest/source_artifacts/a/raw.csv`",
        ),
        (
            "ln -sf /etc/passwd source_artifacts/a/raw.csv",
            "the build changed `guest/source_artifacts/a/raw.csv`",
        ),
        // What failed may have written before it did.
        (
            "echo x > source_artifacts/new; exit 1",
            "the build added `guest/source_artifacts/new`",
        ),
    ] {
        build(script).told(6, says);
        std::fs::remove_dir_all(desk.path("guest/source_artifacts")).unwrap();
    }
}

#[test]
fn a_directory_without_raw_inputs_gets_none_from_its_build() {
    let desk = Desk::new();
    desk.file("guest/build.sh", "mkdir -p build source_artifacts\n");
    desk.run(&["build", "guest"])
        .told(6, "the build added `guest/source_artifacts`");
}
