//! The whole way, against scores that are added up document by document.

use std::collections::HashMap;

use super::*;
use crate::stats::random::Random;

/// Builds an index over texts, so many to a segment.
fn build(settings: &Settings, texts: &[String], n_in_segment: usize) -> Vec<u8> {
    let segments: Vec<_> = texts
        .chunks(n_in_segment)
        .map(|texts| {
            let mut segment = SegmentBuilder::new(&settings.analysis);
            for text in texts {
                segment.add(text).unwrap();
            }
            segment.finish()
        })
        .collect();
    let segments: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
    let mut file = Vec::new();
    write_index(settings, 0, &segments, &mut file).unwrap();
    file
}

/// Scores every document as bm25s does, one product after the other.
struct Naive<'a> {
    settings: &'a Settings,
    analyzer: Analyzer,
    documents: Vec<HashMap<String, u32>>,
    lengths: Vec<u32>,
    n_with: HashMap<String, u32>,
}

impl<'a> Naive<'a> {
    fn new(settings: &'a Settings, texts: &[String]) -> Self {
        let analyzer = Analyzer::new(&settings.analysis);
        let mut naive = Self {
            settings,
            analyzer,
            documents: Vec::new(),
            lengths: Vec::new(),
            n_with: HashMap::new(),
        };
        for text in texts {
            let mut times = HashMap::new();
            let terms = naive.analyzer.terms(text);
            naive.lengths.push(terms.len() as u32);
            for term in terms {
                *times.entry(term).or_insert(0) += 1;
            }
            for term in times.keys() {
                *naive.n_with.entry(term.clone()).or_insert(0) += 1;
            }
            naive.documents.push(times);
        }
        naive
    }

    fn search(&self, query: &str) -> Vec<Hit> {
        let scoring = &self.settings.scoring;
        let n_documents = self.lengths.len() as u32;
        let n_tokens: u64 = self.lengths.iter().map(|length| u64::from(*length)).sum();
        let mean = n_tokens as f64 / f64::from(n_documents);
        let terms = self.analyzer.terms(query);
        let mut hits = Vec::new();
        for (at, times) in self.documents.iter().enumerate() {
            let (mut sum, mut absences, mut is_hit) = (0.0f32, Vec::new(), false);
            for term in &terms {
                let Some(n_with) = self.n_with.get(term) else {
                    continue;
                };
                let idf = scoring.idf(*n_with, n_documents);
                let absent = (idf * scoring.weight_of_absence()) as f32;
                absences.push(absent);
                if let Some(times) = times.get(term) {
                    let weight = scoring.weight(*times, f64::from(self.lengths[at]), mean);
                    sum += (f64::from(idf as f32) * weight - f64::from(absent)) as f32;
                    is_hit |= idf > 0.0;
                }
            }
            if is_hit {
                hits.push(Hit {
                    document: at as u32,
                    score: sum + method::sum(&absences),
                });
            }
        }
        hits.sort_by(|one, other| other.score.total_cmp(&one.score));
        hits
    }
}

/// Words of which the first are much more frequent than the last.
fn text(random: &mut Random, n_words: usize, n_different: usize) -> String {
    let words = (0..n_words).map(|_| {
        let rank = (0..3).map(|_| random.below(n_different)).min();
        format!("w{}", rank.unwrap_or(0))
    });
    words.collect::<Vec<_>>().join(" ")
}

fn check_all(settings: &Settings, texts: &[String], queries: &[String], n_in_segment: usize) {
    let index = Index::open(build(settings, texts, n_in_segment)).unwrap();
    assert!(index.verify().is_ok());
    let naive = Naive::new(settings, texts);
    let mut scratch = Scratch::default();
    for query in queries {
        let mut wanted = naive.search(query);
        for k in [texts.len() + 1, 100, 7, 1] {
            wanted.truncate(k);
            let hits = index.search(query, k, &mut scratch).unwrap();
            assert_eq!(hits, wanted, "{settings:?} {query:?} {k}");
        }
    }
}

fn with_method(method: Method, k1: f64, b: f64) -> Settings {
    let scoring = Scoring {
        method,
        k1,
        b,
        delta: 0.7,
    };
    Settings {
        scoring,
        ..Settings::default()
    }
}

#[test]
fn every_method_ranks_as_scoring_every_document_does() {
    for (seed, method) in Method::ALL.into_iter().enumerate() {
        for (k1, b) in [(0.9, 0.4), (1.5, 0.75), (0.0, 1.0), (3.0, 0.0)] {
            let mut random = Random::seeded(seed as u64);
            // Some texts are empty, and many are equal in length.
            let texts: Vec<_> = (0..1500)
                .map(|_| {
                    let n_words = random.below(12);
                    text(&mut random, n_words, 300)
                })
                .collect();
            let queries: Vec<_> = (0..40)
                .map(|_| {
                    let n_words = random.below(15);
                    text(&mut random, n_words, 310)
                })
                .collect();
            check_all(&with_method(method, k1, b), &texts, &queries, 400);
        }
    }
}

#[test]
fn lists_of_every_form_in_several_spans_rank_so_too() {
    let mut random = Random::seeded(9);
    let texts: Vec<_> = (0..70_000)
        .map(|_| {
            let n_words = 1 + random.below(9);
            text(&mut random, n_words, 3000)
        })
        .collect();
    let queries: Vec<_> = (0..25)
        .map(|at| {
            let n_words = 1 + random.below(12);
            text(&mut random, n_words, if at % 2 == 0 { 3000 } else { 40 })
        })
        .collect();
    for method in [Method::Lucene, Method::Bm25Plus] {
        check_all(&with_method(method, 1.2, 0.75), &texts, &queries, 30_000);
    }
}

#[test]
fn documents_of_many_lengths_rank_so_too() {
    let mut random = Random::seeded(5);
    let texts: Vec<_> = (0..900).map(|at| text(&mut random, at, 200)).collect();
    let queries: Vec<_> = (0..30).map(|_| text(&mut random, 8, 200)).collect();
    for method in Method::ALL {
        check_all(&with_method(method, 1.2, 0.75), &texts, &queries, 1000);
    }
}

#[test]
fn documents_grouped_by_subject_rank_so_too() {
    let mut random = Random::seeded(6);
    let texts: Vec<_> = (0..40_000)
        .map(|at| format!("s{} s{} {}", at / 3000, at / 100, text(&mut random, 4, 60)))
        .collect();
    let queries = ["s3 w1 w2 w7", "s30 s1 w0", "s12 s399 w59 w3", "w1 w1 w1 w2"];
    let queries = queries.map(str::to_owned);
    check_all(
        &with_method(Method::Lucene, 0.9, 0.4),
        &texts,
        &queries,
        9000,
    );
}

#[test]
fn more_words_than_fit_into_small_sums_rank_so_too() {
    let mut random = Random::seeded(7);
    let texts: Vec<_> = (0..400).map(|_| text(&mut random, 60, 4000)).collect();
    let queries = [(0..4000).map(|at| format!("w{at} ")).collect()];
    for method in [Method::Lucene, Method::Bm25l] {
        check_all(&with_method(method, 1.2, 0.75), &texts, &queries, 400);
    }
}

#[test]
fn terms_many_times_in_a_document_rank_so_too() {
    let mut random = Random::seeded(8);
    let texts: Vec<_> = (0..600)
        .map(|_| {
            let n_times = random.below(400);
            format!("{} {}", "often ".repeat(n_times), text(&mut random, 5, 50))
        })
        .collect();
    let queries = ["often w1", "often", "w3 often w9 w9"].map(str::to_owned);
    for method in Method::ALL {
        check_all(&with_method(method, 50.0, 0.75), &texts, &queries, 600);
    }
}

#[test]
fn what_is_not_found_fills_up_what_was_asked_for() {
    let texts = ["pear", "plum", "apple", "plum pear"].map(str::to_owned);
    for (method, is_absence_worth) in [(Method::Lucene, false), (Method::Bm25Plus, true)] {
        let settings = with_method(method, 1.2, 0.75);
        let index = Index::open(build(&settings, &texts, 4)).unwrap();
        let mut scratch = Scratch::default();
        let hits = index.search_filled("apple", 3, &mut scratch).unwrap();
        let seen: Vec<_> = hits.iter().map(|hit| hit.document).collect();
        assert_eq!(seen, [2, 0, 1]);
        assert_eq!(hits[1].score > 0.0, is_absence_worth);
        let all = index.search_filled("nothing", 9, &mut scratch).unwrap();
        let seen: Vec<_> = all.iter().map(|hit| (hit.document, hit.score)).collect();
        assert_eq!(seen, [(0, 0.0), (1, 0.0), (2, 0.0), (3, 0.0)]);
    }
}

#[test]
fn a_repeated_word_counts_each_time_and_an_unknown_one_never() {
    let texts = ["apple pear", "apple apple", "plum"].map(str::to_owned);
    let index = Index::open(build(&Settings::default(), &texts, 3)).unwrap();
    let mut scratch = Scratch::default();
    let mut score = |query: &str| index.search(query, 1, &mut scratch).unwrap()[0].score;
    assert_eq!(score("plum plum"), 2.0 * score("plum"));
    assert_eq!(score("plum unheard"), score("plum"));
}

#[test]
fn scores_are_those_worked_out_by_hand() {
    let texts = ["red red blue", "red", "green green"].map(str::to_owned);
    let settings = with_method(Method::Lucene, 1.0, 0.5);
    let index = Index::open(build(&settings, &texts, 3)).unwrap();
    let hits = index
        .search("red blue", 9, &mut Scratch::default())
        .unwrap();
    // Lengths 3, 1, 2; mean 2; norms 1.25 and 0.75.
    let red = (1.0f64 + 1.5 / 2.5).ln() as f32;
    let blue = (1.0f64 + 2.5 / 1.5).ln() as f32;
    let first = (f64::from(red) * (2.0 / 3.25)) as f32 + (f64::from(blue) / 2.25) as f32;
    let second = (f64::from(red) / 1.75) as f32;
    let seen: Vec<_> = hits.iter().map(|hit| (hit.document, hit.score)).collect();
    assert_eq!(seen, [(0, first), (1, second)]);
}

#[test]
fn equal_scores_are_ranked_in_the_order_of_documents() {
    let texts = vec!["one two".to_owned(); 500];
    let index = Index::open(build(&Settings::default(), &texts, 100)).unwrap();
    let hits = index.search("two", 20, &mut Scratch::default()).unwrap();
    let seen: Vec<_> = hits.iter().map(|hit| hit.document).collect();
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
}

#[test]
fn nothing_is_found_in_nothing() {
    for texts in [vec![], vec![String::new(); 3]] {
        let index = Index::open(build(&Settings::default(), &texts, 10)).unwrap();
        assert!(index.verify().is_ok());
        for query in ["", "the", "word"] {
            let hits = index.search(query, 5, &mut Scratch::default()).unwrap();
            assert!(hits.is_empty());
        }
    }
}

#[test]
fn no_segments_are_an_index_of_nothing() {
    let mut file = Vec::new();
    write_index(&Settings::default(), 7, &[], &mut file).unwrap();
    let stats = Index::open(file).unwrap().stats();
    assert_eq!(
        (stats.n_documents, stats.n_terms, stats.documents),
        (0, 0, 7)
    );
    assert_eq!(stats.length_mean, 0.0);
}

#[test]
fn segments_make_no_difference_to_the_file() {
    let mut random = Random::seeded(2);
    let texts: Vec<_> = (0..500).map(|_| text(&mut random, 20, 100)).collect();
    let settings = Settings::default();
    let one = Index::open(build(&settings, &texts, 500)).unwrap();
    let many = Index::open(build(&settings, &texts, 7)).unwrap();
    let (one, many) = (one.stats(), many.stats());
    assert_eq!(Stats { n_bytes: 0, ..one }, Stats { n_bytes: 0, ..many });
}

#[test]
fn every_damaged_segment_is_refused_or_merged_without_panic() {
    let mut segment = SegmentBuilder::new(&Analysis::default());
    for text in ["red red blue", "red", "green green blue"] {
        segment.add(text).unwrap();
    }
    let whole = segment.finish();
    let mut n_refused = 0;
    for at in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            let merged = write_index(&Settings::default(), 0, &[&bytes], &mut Vec::new());
            n_refused += usize::from(merged.is_err());
        }
    }
    assert!(n_refused > whole.len());
    let cut = write_index(&Settings::default(), 0, &[&whole[..9]], &mut Vec::new());
    assert!(matches!(cut, Err(BuildError::Segment { number: 0 })));
}

#[test]
fn settings_that_no_index_can_have_are_refused() {
    let settings = with_method(Method::Lucene, -1.0, 0.4);
    let refused = write_index(&settings, 0, &[], &mut Vec::new());
    assert!(matches!(refused, Err(BuildError::Settings(_))));
}
