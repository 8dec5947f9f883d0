//! Texts that must stay where they are: held-out ones, and hostile ones.

use super::{ONE_WORD, acts_on_nothing, data, eval, tenant};
use crate::program::Ran;

#[test]
fn cases_of_validation_are_in_no_output_unless_the_operator_lets_them_be_seen() {
    let desk = tenant();
    let validation = ["--split", "validation"];
    let a = eval(&desk, &validation);
    let b = eval(
        &desk,
        &[&validation[..], &["--provider", "script:t/wrong.jsonl"]].concat(),
    );
    let compare = [
        "compare", &a, &b, "--varies", "model", "--html", "c.html", "--junit", "j.xml",
    ];
    let commands: [&[&str]; 8] = [
        &["show", &a, "--html", "s.html"],
        &["show", &a, "--json"],
        &["show", &a, "--failed", "--limit", "100"],
        &["show", &a, "--case", "MARKER-v1"],
        &["show", &a, "--step", "find"],
        &["runs", "t", "--json"],
        &compare,
        &[&compare[..], &["--json"]].concat(),
    ];
    let everything = || -> Vec<(String, Ran)> {
        let ran = commands.iter().map(|args| (args.join(" "), desk.run(args)));
        ran.collect()
    };
    let pages = || {
        ["s.html", "c.html", "j.xml"].map(|page| std::fs::read_to_string(desk.path(page)).unwrap())
    };

    for (command, ran) in everything() {
        let told = ran.out + &ran.err;
        assert!(!told.contains("MARKER"), "{command}: {told}");
        assert!(
            told.contains("held out") || command.starts_with("runs"),
            "{command}: {told}"
        );
    }
    desk.run(commands[3])
        .told(6, "this is a run of the validation split");
    for page in pages() {
        assert!(!page.contains("MARKER"), "{page}");
    }
    let totals = desk.run(commands[0]).out;
    assert!(totals.contains("10 cases · score 50.0"), "{totals}");
    assert!(
        totals.contains("show = [\"train\", \"validation\"]"),
        "{totals}"
    );
    let found = desk.json(&[&compare[..], &["--json"]].concat());
    assert_eq!(
        (found["losses"].as_u64(), &found["flips_withheld"]),
        (Some(5), &true.into())
    );

    desk.file("home/policy.toml", "show = [\"train\", \"validation\"]\n");
    for (command, ran) in everything() {
        assert_eq!(ran.code, Some(0), "{command}: {}", ran.err);
        assert!(
            ran.out.contains("MARKER") || command.starts_with("runs"),
            "{command}: {}",
            ran.out
        );
    }
    assert!(pages().iter().all(|page| page.contains("MARKER")));
}

#[test]
fn a_second_reading_of_a_test_set_is_told_wherever_its_run_is() {
    let desk = tenant();
    let test = |more: &[&str]| {
        let run = desk.json(&[&["test", "t", "--json"], more].concat());
        run["run_dir"].as_str().unwrap().to_owned()
    };
    let first = test(&[]);
    let second = test(&[&ONE_WORD[..], &["--override", "to see"]].concat());
    let runs = desk.run(&["runs", "t"]).out;
    assert!(runs.contains("test (read 1 time before)"), "{runs}");
    let compared = desk
        .run(&["compare", &first, &second, "--varies", "prompt"])
        .out;
    assert!(
        compared.contains("of A: this was the first reading")
            && compared.contains("of B: this test set had been read 1 time before"),
        "{compared}"
    );
    let shown = desk.run(&["show", &second]).out;
    assert!(
        shown.contains("read 1 time before") && !shown.contains("MARKER"),
        "{shown}"
    );
}

#[test]
fn hostile_texts_become_no_markup_and_act_on_no_terminal() {
    let desk = tenant();
    let hostile = "</script><img src=x onerror=alert(1)>\u{1b}[2J\u{202e}\u{2028}<!--";
    let row = serde_json::json!({
        "case_id": hostile,
        "task_type": hostile,
        "context": {"question": hostile, "passage": hostile},
        "expected": hostile,
    });
    desk.file("t/cases.jsonl", row.to_string());
    let rules = serde_json::json!({"match": "", "reply": hostile});
    desk.file("t/script.jsonl", rules.to_string());
    let a = eval(&desk, &[]);
    let b = eval(&desk, &["--provider", "script:t/wrong.jsonl"]);
    for args in [
        &["show", &a, "--html", "page.html"][..],
        &["show", &a, "--json"],
        &["show", &a, "--case", hostile, "--html", "case.html"],
        &["show", &a, "--case", hostile, "--json"],
        &["show", &a, "--case", "\u{1b}[2J"],
        &[
            "compare",
            &a,
            &b,
            "--varies",
            "model",
            "--html",
            "both.html",
            "--junit",
            "j.xml",
        ],
    ] {
        let ran = desk.run(args);
        acts_on_nothing(&ran.out);
        acts_on_nothing(&ran.err);
    }
    for name in ["page.html", "case.html", "both.html", "j.xml"] {
        let page = std::fs::read_to_string(desk.path(name)).unwrap();
        acts_on_nothing(&page);
        assert!(!page.contains("<img") && !page.contains("<!--"), "{name}");
    }
    let page = std::fs::read_to_string(desk.path("page.html")).unwrap();
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"));
    let shown = &data(&page)["rows"][0];
    let tame = "</script><img src=x onerror=alert(1)>\\u{1b}[2J\\u{202e}\\u{2028}<!--";
    assert_eq!(
        (&shown["case_id"], &shown["output"]),
        (&tame.into(), &tame.into())
    );
    assert_eq!(shown["visits"][0]["calls"][0]["parts"][1][0], "user");
}
