//! The whole world as files.

use fapo_sdk::json;

use super::random::Random;
use super::realm::{self, Question};
use super::text::REALMS;

/// Cases of a split.
const N_CASES: usize = 40;

/// How many of them compare two things; the others lead from one to the other.
const N_COMPARISONS: usize = 12;

/// Returns the paths in the tenant, and the texts. The keys of a row stand in the
/// order that the data contract explains them in, whatever `json!` does.
pub(crate) fn files() -> Vec<(String, String)> {
    let mut random = Random::new(2);
    let mut taken = Vec::new();
    let mut articles = Vec::new();
    let mut files = Vec::new();
    for words in &REALMS {
        let realm = realm::make(words, &mut random, &mut taken);
        articles.extend(realm.articles);
        let questions = choose(realm.questions, &mut random);
        let cases = (1..).zip(&questions).map(|(nth, question)| {
            let kind = if question.is_comparison { "comparison" } else { "bridge" };
            let [one, other] = question.titles.each_ref().map(|title| json!(title));
            format!(
                "{{\"case_id\":\"{}-{nth:02}\",\"task_type\":\"multihop_qa\",\"context\":{{\"question\":{}}},\
                 \"expected\":{},\"metadata\":{{\"supporting_titles\":[{one},{other}],\"type\":\"{kind}\",\
                 \"source\":\"made by tools/world\"}}}}\n",
                words.split,
                json!(question.text),
                json!(question.answer),
            )
        });
        files.push((format!("datasets/{}.jsonl", words.split), cases.collect()));
    }
    // A reader of the corpus does not see what was made together.
    random.shuffle(&mut articles);
    let rows = (0..).zip(&articles).map(|(nth, article)| {
        let (title, text) = (json!(article.title), json!(article.text));
        format!("{{\"id\":\"w{nth:03}\",\"title\":{title},\"text\":{text}}}\n")
    });
    files.push(("corpora/wiki.jsonl".into(), rows.collect()));
    files
}

/// Takes as many questions as a split has, of every form in turn and none twice.
fn choose(mut questions: Vec<Question>, random: &mut Random) -> Vec<Question> {
    random.shuffle(&mut questions);
    let mut chosen: Vec<Question> = Vec::new();
    for (is_comparison, n) in [(false, N_CASES - N_COMPARISONS), (true, N_COMPARISONS)] {
        let mut of_form: Vec<(&str, Vec<Question>)> = Vec::new();
        let (these, others): (Vec<_>, Vec<_>) = questions
            .into_iter()
            .partition(|question| question.is_comparison == is_comparison);
        questions = others;
        for question in these {
            match of_form.iter_mut().find(|(form, _)| *form == question.form) {
                Some((_, same)) => same.push(question),
                None => of_form.push((question.form, vec![question])),
            }
        }
        let before = chosen.len();
        while chosen.len() - before < n && of_form.iter().any(|(_, same)| !same.is_empty()) {
            for (_, same) in &mut of_form {
                let is_new = |q: &Question| {
                    chosen
                        .iter()
                        .all(|c| c.text != q.text && c.titles != q.titles)
                };
                let Some(at) = same.iter().position(is_new) else {
                    same.clear();
                    continue;
                };
                if chosen.len() - before < n {
                    chosen.push(same.swap_remove(at));
                }
            }
        }
    }
    random.shuffle(&mut chosen);
    chosen
}
