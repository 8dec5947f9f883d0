//! The console blocks of the README, run as they stand: every line that they
//! show must be in what the command prints. The policies of the operator's
//! manual are read as they stand, too.

use fapo_core::config::EvalConfig;
use serde_json::json;

use crate::program::{Desk, example, root};

/// The tenant that the README makes.
const NEW: &str = "acme";

/// A command of a block, and the lines that it shows.
struct Shown {
    command: String,
    lines: Vec<String>,
}

fn shown() -> Vec<Shown> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut commands: Vec<Shown> = Vec::new();
    for block in readme.split("```console\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        for line in block.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => commands.push(Shown {
                    command: command.into(),
                    lines: vec![],
                }),
                None => commands.last_mut().unwrap().lines.push(line.into()),
            }
        }
    }
    commands
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    // A target directory of its own: the lock of another build is not waited for.
    let desk = Desk::new();
    let target = desk.path("target");
    let desk = desk.with("CARGO_TARGET_DIR", target);
    let mut ran = 0;
    for Shown { command, lines } in shown() {
        // The program under test stands for the one that cargo would build.
        let args = match command.strip_prefix("cargo run --release -- ") {
            Some(args) => args,
            None if command == "cargo test --workspace" => continue,
            None => command
                .strip_prefix("fapo-host ")
                .unwrap_or_else(|| panic!("what is `{command}`?")),
        };
        let args: Vec<_> = args.split_whitespace().collect();
        // The tenant that the README makes is not made in the repository.
        let is_new = args.iter().any(|arg| arg.split('/').next() == Some(NEW));
        let place = if is_new { desk.path("") } else { root() };
        let output = desk.command(&args).current_dir(place).output().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success(),
            "`{command}`: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        for line in lines {
            assert!(
                out.contains(&line),
                "`{command}` does not print `{line}`:\n{out}"
            );
        }
        ran += 1;
    }
    assert!(ran >= 4, "the README shows {ran} commands");
}

#[test]
fn the_readme_names_every_command() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let help = Desk::new().run(&["--help"]).out;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    for line in commands.lines().take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap();
        assert!(
            name == "help" || readme.contains(&format!("`fapo-host {name}")),
            "the README does not name `{name}`"
        );
    }
}

#[test]
fn the_readme_explains_every_field_of_a_config() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let example = std::fs::read_to_string(example("configs/validation.json")).unwrap();
    let base_url = (
        "provider_settings.base_url".to_owned(),
        "http://x".to_owned(),
    );
    let config = EvalConfig::read(&example, &[base_url]).unwrap();
    let mut objects = vec![serde_json::to_value(config).unwrap()];
    while let Some(object) = objects.pop() {
        for (key, value) in object.as_object().unwrap() {
            assert!(readme.contains(&format!("`{key}`")), "`{key}`");
            // What stands in `chain.config` is the chain's.
            if value.is_object() && key != "config" {
                objects.push(value.clone());
            }
        }
    }
}

#[test]
fn the_manuals_policies_are_read_one_by_one_and_as_one() {
    let manual = std::fs::read_to_string(root().join("host/README.md")).unwrap();
    let blocks = manual.split("```toml\n").skip(1);
    let mut policies: Vec<_> = blocks
        .map(|block| block.split_once("```").unwrap().0.to_owned())
        .collect();
    assert!(policies.len() >= 6, "the manual shows {}", policies.len());
    policies.push(policies.concat());
    for policy in policies {
        let desk = Desk::new();
        desk.file("home/policy.toml", &policy);
        let found = desk.json(&["doctor", "--json"]);
        let checks = found["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == "policy");
        let path = desk.path("home/policy.toml");
        let expected = json!({"name": "policy", "verdict": "good", "found": path});
        assert_eq!(check, Some(&expected), "{policy}");
    }
}
