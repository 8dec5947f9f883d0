//! Novels, films, operas and paintings.

use super::{Maker, Role, Work, bare};
use crate::text::PLOTS;

impl Maker<'_> {
    pub(super) fn works(&mut self) {
        let mut novels = Vec::new();
        for _ in 0..9 {
            let work = self.work(Role::Novelist);
            let author = self.people[work.by].title.clone();
            let year = work.year;
            let plot = self.random.pick(&PLOTS);
            let first = match self.random.below(2) {
                0 => format!(
                    "{} is a novel by {author}, published in {year}.",
                    work.title
                ),
                _ => format!("{} is a novel of {year}, written by {author}.", work.title),
            };
            self.article(&work.title, &[first, format!("It tells of {plot}.")]);
            self.about_maker(&work, "author", "novel");
            novels.push(work);
        }
        for nth in 0..11 {
            let mut work = self.work(Role::Director);
            let novel = novels.get(nth).filter(|_| nth < 4);
            if let Some(novel) = novel {
                work.title = format!("{} (film)", novel.title);
            }
            let director = self.people[work.by].title.clone();
            let name = bare(&work.title).to_owned();
            let place = self.random.below(self.towns.len());
            let place = self.towns[place].title.clone();
            let mut texts = vec![
                format!("{name} is a film of {} directed by {director}.", work.year),
                format!("It was shot in and around {place}."),
            ];
            if let Some(novel) = novel {
                texts.push("It is based on the novel of the same name.".into());
                let author = self.people[novel.by].title.clone();
                let text = match self.random.below(2) {
                    0 => format!("Who wrote the book on which {director}'s film {name} is based?"),
                    _ => format!("The {} film {name} is based on a novel by whom?", work.year),
                };
                self.ask("book", text, &author, [&work.title, &novel.title]);
            }
            self.article(&work.title, &texts);
            self.about_maker(&work, "director", "film");
        }
        for _ in 0..5 {
            let work = self.work(Role::Composer);
            let composer = self.people[work.by].title.clone();
            let plot = self.random.pick(&PLOTS);
            let texts = [
                format!("{} is an opera in three acts by {composer}.", work.title),
                format!("It was first sung in {} and is about {plot}.", work.year),
            ];
            self.article(&work.title, &texts);
            self.about_maker(&work, "composer", "opera");
        }
        for _ in 0..4 {
            let work = self.work(Role::Painter);
            let painter = self.people[work.by].title.clone();
            let place = self.random.below(self.towns.len());
            let place = self.towns[place].title.clone();
            let texts = [
                format!(
                    "{} is a painting of {} by {painter}.",
                    work.title, work.year
                ),
                format!("It hangs in the town hall of {place}."),
            ];
            self.article(&work.title, &texts);
            self.about_maker(&work, "painter", "picture");
        }
    }

    fn work(&mut self, role: Role) -> Work {
        let by = self.of_role(role);
        Work {
            title: self.work_title(),
            year: self.people[by].born + self.random.between(24, 60),
            by,
        }
    }

    /// Asks of whoever made a work what the person's own article says.
    pub(super) fn about_maker(&mut self, work: &Work, maker: &str, kind: &str) {
        let person = &self.people[work.by];
        let name = bare(&work.title);
        let titles = [work.title.clone(), person.title.clone()];
        let town = self.towns[person.town].title.clone();
        let school = self.schools[person.school].title.clone();
        let born = person.born.to_string();
        let (form, text, answer) = match self.random.below(6) {
            0 => (
                "birthplace",
                format!("In which town was the {maker} of the {kind} {name} born?"),
                town,
            ),
            1 => (
                "birthplace",
                format!("The {kind} {name} was made by somebody who was born where?"),
                town,
            ),
            2 => (
                "born",
                format!("In what year was the {maker} of {name} born?"),
                born,
            ),
            3 => (
                "born",
                format!("What is the year of birth of the {maker} of the {kind} {name}?"),
                born,
            ),
            4 => (
                "school",
                format!("At which school did the {maker} of {name} study?"),
                school,
            ),
            _ => (
                "school",
                format!("The {maker} of the {kind} called {name} was a student of which school?"),
                school,
            ),
        };
        self.ask(form, text, &answer, [&titles[0], &titles[1]]);
    }
}
