//! Who lives there, and where they went to school.

use super::{Maker, Person, Role, School, capital};
use crate::text::{ASIDES, SUBJECTS};

impl Maker<'_> {
    pub(super) fn people(&mut self) {
        let names: Vec<String> = (0..5)
            .map(|_| {
                let (town, subject) = (self.random.below(12), self.random.pick(&SUBJECTS));
                let town = self.towns[town].title.clone();
                self.fresh(|random| {
                    let kind = random.pick(&["Academy", "College", "Institute"]);
                    match random.below(2) {
                        0 => format!("{town} {kind}"),
                        _ => format!("{town} {kind} of {}", capital(subject)),
                    }
                })
            })
            .collect();
        self.schools = names
            .into_iter()
            .map(|title| School {
                title,
                head: 0,
                founded: 0,
            })
            .collect();
        for (role, n) in Role::ALL {
            for _ in 0..n {
                let words = self.words;
                let title = self.fresh(|random| {
                    format!(
                        "{} {}",
                        random.pick(&words.given),
                        random.pick(&words.surnames)
                    )
                });
                let (from, to) = role.years();
                let person = Person {
                    title,
                    role,
                    born: self.random.between(from, to),
                    town: self.random.below(self.towns.len()),
                    school: self.random.below(self.schools.len()),
                };
                self.person(&person);
                self.people.push(person);
            }
        }
    }

    fn person(&mut self, person: &Person) {
        let Person { title, born, .. } = person;
        let town = &self.towns[person.town];
        let (place, people) = (town.title.clone(), town.people.clone());
        let school = self.schools[person.school].title.clone();
        let nationality = self.country(person.town).1;
        let role = person.role.name();
        let article = if nationality.starts_with(['A', 'O']) {
            "an"
        } else {
            "a"
        };
        let first = match self.random.below(2) {
            0 => format!("{title} was {article} {nationality} {role}, born in {born} in {place}."),
            _ => format!("{title} (born {born} in {place}) was {article} {nationality} {role}."),
        };
        let surname = title
            .split_once(' ')
            .map_or(title.as_str(), |(_, surname)| surname);
        let second = match self.random.below(2) {
            // Their schools are what scholars founded.
            _ if person.role == Role::Scholar => format!("{surname} was taught at home."),
            0 => format!("{surname} studied at {school}."),
            _ => format!("After two years at {school}, {surname} went abroad."),
        };
        let third = format!("{surname} {}.", self.random.pick(&ASIDES));
        self.article(title, &[first, second, third]);
        let text = match self.random.below(3) {
            0 => format!("What is the population of the town where {title} was born?"),
            1 => format!("How many people live in the birthplace of the {role} {title}?"),
            _ => format!("{title} was born in a town with a population of how many?"),
        };
        self.ask("population", text, &people, [title, &place]);
    }
}
