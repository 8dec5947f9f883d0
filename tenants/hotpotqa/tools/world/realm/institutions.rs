//! Schools, bridges, firms and fairs.

use super::{Maker, Role, Work};
use crate::text::{MONTHS, PRODUCTS};

impl Maker<'_> {
    pub(super) fn institutions(&mut self) {
        for at in 0..self.schools.len() {
            let head = self.of_role(Role::Scholar);
            self.schools[at].head = head;
            let founded = self.people[head].born + self.random.between(28, 48);
            self.schools[at].founded = founded;
            let title = self.schools[at].title.clone();
            let scholar = self.people[head].title.clone();
            let n = self.random.between(60, 900);
            let texts = [
                format!("{title} was founded in {founded}."),
                format!("Its first head was {scholar}, who gave the house as well."),
                format!("Some {n} students attend it today."),
            ];
            self.article(&title, &texts);
        }
        for at in 0..self.people.len() {
            if self.people[at].role == Role::Scholar {
                continue;
            }
            let person = self.people[at].title.clone();
            let school = &self.schools[self.people[at].school];
            let (title, founded) = (school.title.clone(), school.founded.to_string());
            let text = match self.random.below(2) {
                0 => format!("In which year was the school that {person} attended founded?"),
                _ => format!("{person} was a student of a school that was founded in what year?"),
            };
            self.ask("founded", text, &founded, [&person, &title]);
            let head = self.people[self.schools[self.people[at].school].head]
                .title
                .clone();
            let text = format!("Who was the first head of the school where {person} studied?");
            self.ask("head", text, &head, [&person, &title]);
        }
        for _ in 0..5 {
            let river = self.random.below(self.rivers.len());
            let (river, km) = (self.rivers[river].title.clone(), self.rivers[river].km);
            let title = format!("{} Bridge", self.place_name());
            let engineer = self.of_role(Role::Engineer);
            let year = self.people[engineer].born + self.random.between(28, 55);
            let name = self.people[engineer].title.clone();
            let span = self.random.between(30, 400);
            let texts = [
                format!("The {title} crosses the {river}."),
                format!("It was designed by {name} and opened in {year}."),
                format!("Its longest span measures {span} metres."),
            ];
            self.article(&title, &texts);
            let text = format!("How long is the river that the {title} crosses, in kilometres?");
            self.ask("length", text, &km.to_string(), [&title, &river]);
            let work = Work {
                title,
                year,
                by: engineer,
            };
            self.about_maker(&work, "designer", "bridge");
        }
        for _ in 0..5 {
            let founder = self.of_role(Role::Maker);
            let person = self.people[founder].title.clone();
            let surname = person.rsplit(' ').next().unwrap_or(&person).to_owned();
            let title = self.fresh(|random| {
                let kind = random.pick(&["Works", "& Daughters", "Brothers", "Company"]);
                format!("{surname} {kind}")
            });
            let town = self.random.below(self.towns.len());
            let (place, country) = (self.towns[town].title.clone(), self.country(town).0);
            let year = self.people[founder].born + self.random.between(22, 50);
            let product = self.random.pick(&PRODUCTS);
            let texts = [
                format!("{title} makes {product} and has its seat in {place}."),
                format!("The firm was set up in {year} by {person}."),
            ];
            self.article(&title, &texts);
            let text = format!("In which country does the firm {title} have its seat?");
            self.ask("country", text, country, [&title, &place]);
            let work = Work {
                title,
                year,
                by: founder,
            };
            self.about_maker(&work, "founder", "firm");
        }
        for _ in 0..4 {
            let title = format!("{} Fair", self.place_name());
            let town = self.random.below(self.towns.len());
            let (place, country) = (self.towns[town].title.clone(), self.country(town).0);
            let (month, year) = (self.random.pick(&MONTHS), self.random.between(1840, 1990));
            let texts = [
                format!("The {title} is held in {place} each {month}."),
                format!("It was held for the first time in {year}."),
            ];
            self.article(&title, &texts);
            let text = format!("The {title} is held each year in a town of which country?");
            self.ask("country", text, country, [&title, &place]);
        }
    }
}
