//! One realm: what is in it, the articles on it, and the questions that two of
//! them answer.

mod comparisons;
mod institutions;
mod people;
mod places;
mod works;

use super::random::Random;
use super::text::{TITLES, Words};

/// An article of the corpus.
pub(crate) struct Article {
    pub(crate) title: String,
    pub(crate) text: String,
}

/// A question with its answer, and the articles that answer it.
pub(crate) struct Question {
    /// Questions of one form are made from one template.
    pub(crate) form: &'static str,
    pub(crate) is_comparison: bool,
    pub(crate) text: String,
    pub(crate) answer: String,
    pub(crate) titles: [String; 2],
}

pub(crate) struct Realm {
    pub(crate) articles: Vec<Article>,
    pub(crate) questions: Vec<Question>,
}

struct River {
    title: String,
    km: usize,
    sea: &'static str,
}

struct Town {
    title: String,
    country: usize,
    river: usize,
    people: String,
    n_people: usize,
}

struct School {
    title: String,
    head: usize,
    founded: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Novelist,
    Director,
    Composer,
    Painter,
    Engineer,
    Maker,
    Scholar,
}

impl Role {
    /// Roles in the order in which people are made, and how many have each.
    const ALL: [(Self, usize); 7] = [
        (Self::Novelist, 6),
        (Self::Director, 7),
        (Self::Composer, 4),
        (Self::Painter, 3),
        (Self::Engineer, 4),
        (Self::Maker, 4),
        (Self::Scholar, 4),
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Novelist => "novelist",
            Self::Director => "film director",
            Self::Composer => "composer",
            Self::Painter => "painter",
            Self::Engineer => "engineer",
            Self::Maker => "manufacturer",
            Self::Scholar => "scholar",
        }
    }

    /// Returns the years in which such people were born: there are films only
    /// in the end, and whoever founded a school lived before its students.
    fn years(self) -> (usize, usize) {
        match self {
            Self::Director => (1885, 1960),
            Self::Scholar => (1650, 1770),
            _ => (1820, 1960),
        }
    }
}

struct Person {
    title: String,
    role: Role,
    born: usize,
    town: usize,
    school: usize,
}

/// Something that a person made, or that stands somewhere.
struct Work {
    title: String,
    year: usize,
    by: usize,
}

/// Makes a realm.
pub(crate) fn make(words: &'static Words, random: &mut Random, taken: &mut Vec<String>) -> Realm {
    let mut maker = Maker {
        words,
        random,
        taken,
        realm: Realm {
            articles: Vec::new(),
            questions: Vec::new(),
        },
        rivers: Vec::new(),
        towns: Vec::new(),
        schools: Vec::new(),
        people: Vec::new(),
    };
    maker.places();
    maker.people();
    maker.works();
    maker.institutions();
    maker.comparisons();
    maker.realm
}

struct Maker<'a> {
    words: &'static Words,
    random: &'a mut Random,
    /// Names that are used already, in any realm.
    taken: &'a mut Vec<String>,
    realm: Realm,
    rivers: Vec<River>,
    towns: Vec<Town>,
    schools: Vec<School>,
    people: Vec<Person>,
}

impl Maker<'_> {
    fn article(&mut self, title: &str, sentences: &[String]) {
        self.realm.articles.push(Article {
            title: title.into(),
            text: sentences.join(" "),
        });
    }

    fn ask(&mut self, form: &'static str, text: String, answer: &str, titles: [&str; 2]) {
        self.realm.questions.push(Question {
            form,
            is_comparison: form.starts_with("compare"),
            text,
            answer: answer.into(),
            titles: titles.map(str::to_owned),
        });
    }

    /// Returns the first of what `make` makes that is no name yet.
    fn fresh(&mut self, make: impl Fn(&mut Random) -> String) -> String {
        loop {
            let name = make(self.random);
            if !self.taken.contains(&name) {
                self.taken.push(name.clone());
                return name;
            }
        }
    }

    fn place_name(&mut self) -> String {
        let words = self.words;
        self.fresh(|random| format!("{}{}", random.pick(&words.heads), random.pick(&words.tails)))
    }

    fn work_title(&mut self) -> String {
        let (first, second) = &TITLES;
        self.fresh(|random| {
            let second = random.pick(second);
            // No word twice, as in `A Winter Winter`.
            let others: Vec<_> = first
                .iter()
                .filter(|first| !first.ends_with(second))
                .collect();
            format!("{} {second}", random.pick(&others))
        })
    }

    fn of_role(&mut self, role: Role) -> usize {
        let all: Vec<_> = (0..self.people.len())
            .filter(|at| self.people[*at].role == role)
            .collect();
        *self.random.pick(&all)
    }

    fn country(&self, town: usize) -> (&'static str, &'static str) {
        self.words.countries[self.towns[town].country]
    }
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

/// Returns a title without the brackets that tell it from another.
fn bare(title: &str) -> &str {
    title.strip_suffix(" (film)").unwrap_or(title)
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}
