use std::collections::{HashMap, HashSet};
use std::path::Path;

use fapo_sdk::Value;

use super::world;

fn read(name: &str) -> String {
    let tenant = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(tenant.join(name)).unwrap()
}

fn rows(name: &str) -> Vec<Value> {
    let text = read(name);
    text.lines().map(|line| line.parse().unwrap()).collect()
}

fn titles(case: &Value) -> Vec<&str> {
    let titles = case["metadata"]["supporting_titles"].as_array().unwrap();
    titles.iter().map(|title| title.as_str().unwrap()).collect()
}

const SPLITS: [&str; 3] = ["train", "validation", "test"];

#[test]
fn the_files_are_what_the_program_makes() {
    for (name, text) in world::files() {
        assert_eq!(read(&name), text, "`{name}`: run the program again");
    }
}

#[test]
fn every_gold_article_is_in_the_corpus_under_a_title_of_its_own() {
    let articles = rows("corpora/wiki.jsonl");
    let mut texts = HashMap::new();
    for article in &articles {
        let title = article["title"].as_str().unwrap();
        let text = article["text"].as_str().unwrap();
        assert!(texts.insert(title, text).is_none(), "{title}");
    }
    for split in SPLITS {
        for case in rows(&format!("datasets/{split}.jsonl")) {
            let gold = titles(&case);
            assert_eq!(gold.len(), 2);
            assert!(gold.iter().all(|title| texts.contains_key(title)), "{case}");
            // What is not compared is read off the second article.
            let expected = case["expected"].as_str().unwrap();
            if case["metadata"]["type"] == "bridge" {
                assert!(texts[gold[1]].contains(expected), "{case}");
                let question = case["context"]["question"].as_str().unwrap();
                assert!(!question.contains(expected), "{case}");
            }
        }
    }
}

#[test]
fn no_article_is_gold_in_two_splits() {
    let mut seen: HashSet<String> = HashSet::new();
    for split in SPLITS {
        let cases = rows(&format!("datasets/{split}.jsonl"));
        assert_eq!(cases.len(), 40);
        let gold: HashSet<String> = cases.iter().flat_map(titles).map(str::to_owned).collect();
        assert!(gold.is_disjoint(&seen), "{split}");
        seen.extend(gold);
    }
}
