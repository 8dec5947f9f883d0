//! Comparing runs: what may vary, and which bars are met.

use serde_json::Value;

use super::{ONE_WORD, RULES, eval, tenant};

#[test]
fn a_better_prompt_is_compared_once_it_is_said_that_the_prompt_varies() {
    let desk = tenant();
    let (a, b) = (eval(&desk, &[]), eval(&desk, &ONE_WORD));
    let refused = desk.run(&["compare", &a, &b]);
    refused.told(2, "prompt `prompts.answer`");
    assert!(
        refused.err.contains("add `prompt` to `--varies`"),
        "{}",
        refused.err
    );

    let found = desk.json(&["compare", &a, &b, "--varies", "prompt", "--json"]);
    assert_eq!(found["difference"]["mean"], 50.0);
    assert_eq!(
        (found["wins"].as_u64(), found["ties"].as_u64()),
        (Some(5), Some(5))
    );
    assert_eq!(found["flips"][0]["case_id"], "case-5");
    assert_eq!(found["totals_a"]["model_calls_per_case"], 2.0);
    assert!(found["totals_a"]["latency_ms"]["p50"].as_f64().unwrap() > 0.0);
    assert_eq!(found["gates"], serde_json::json!([]));

    let page = desk.run(&["compare", &a, &b, "--varies", "prompt"]);
    assert_eq!(page.code, Some(0), "{}", page.err);
    for said in [
        "B scores 50.0 points more than A",
        "of A: a simulator answered (`script:script.jsonl`)",
        "of B: a simulator answered",
        "| `case-5` | 0.0 | 100.0 | +100.0 |",
    ] {
        assert!(page.out.contains(said), "{said}: {}", page.out);
    }
}

#[test]
fn a_changed_temperature_cannot_pass_for_a_better_prompt() {
    let desk = tenant();
    let a = eval(&desk, &[]);
    for (set, told) in [
        (
            "chain.config.temperature=0.5",
            "parameter `parameters.temperature`",
        ),
        (
            "provider_settings.temperature=0.5",
            "parameter `provider_settings.temperature`",
        ),
    ] {
        let b = eval(&desk, &[&ONE_WORD[..], &["--set", set]].concat());
        desk.run(&["compare", &a, &b, "--varies", "prompt"])
            .told(2, told);
        let both = desk.run(&["compare", &a, &b, "--varies", "prompt,parameter"]);
        assert!(
            both.out.contains("prompt, parameter vary together"),
            "{}{}",
            both.out,
            both.err
        );
        let marked = desk.run(&["compare", &a, &b, "--exploratory"]);
        assert!(
            marked.out.contains("**not allowed to vary**"),
            "{}",
            marked.out
        );
    }
    desk.run(&["compare", &a, &a, "--varies", "dataset"])
        .told(2, "must be the same");
}

#[test]
fn a_bar_that_is_not_met_ends_with_1_and_is_told_to_the_build_server() {
    let desk = tenant();
    let (a, b) = (eval(&desk, &ONE_WORD), eval(&desk, &[]));
    let args = [
        "compare",
        &a,
        &b,
        "--varies",
        "prompt",
        "--fail-under",
        "40",
        "--junit",
        "junit.xml",
    ];
    let met = desk.run(&args);
    assert_eq!(met.code, Some(0), "{}", met.err);
    assert!(met.out.contains("fail-under: met"), "{}", met.out);

    let args = [&args[..], &["--max-regression", "10"]].concat();
    let failed = desk.run(&args);
    assert_eq!(failed.code, Some(1), "{}", failed.err);
    assert!(
        failed.out.contains("max-regression: **not met**"),
        "{}",
        failed.out
    );
    let told = desk.run(&[&args[..], &["--json"]].concat());
    assert_eq!(told.code, Some(1));
    let told: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(
        (&told["gates"][0]["met"], &told["gates"][1]["met"]),
        (&true.into(), &false.into())
    );

    let xml = std::fs::read_to_string(desk.path("junit.xml")).unwrap();
    let lines: Vec<_> = xml.lines().collect();
    assert_eq!(lines[0], "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    assert_eq!(
        lines[1],
        "<testsuite name=\"fapo compare\" tests=\"7\" failures=\"1\" errors=\"0\" skipped=\"0\">"
    );
    assert!(lines[3].contains(
        "<failure message=\"B scores -50.00 points against A, and may lose 10 at most\">"
    ));
    assert!(lines[4].contains("name=\"case-5\""), "{xml}");
    assert_eq!(lines.last(), Some(&"</testsuite>"));
}

#[test]
fn what_the_world_failed_is_in_no_pair() {
    let desk = tenant();
    let rules = format!("{{\"match\": \"case-3\", \"status\": 503}}\n{RULES}");
    desk.file("t/worldly.jsonl", rules);
    let a = eval(&desk, &[]);
    let b = eval(&desk, &["--provider", "script:t/worldly.jsonl"]);
    let found = desk.json(&["compare", &a, &b, "--varies", "model", "--json"]);
    assert_eq!(
        (
            found["n_pairs"].as_u64(),
            found["left_out_b"]["unscored"].as_u64()
        ),
        (Some(9), Some(1))
    );
    assert_eq!(found["difference"]["mean"], 0.0);
}
