//! Questions that put two things side by side.

use super::{Maker, yes};

impl Maker<'_> {
    pub(super) fn comparisons(&mut self) {
        for _ in 0..24 {
            let (one, other) = self.two(self.people.len());
            let same = self.towns[self.people[one].town].country
                == self.towns[self.people[other].town].country;
            let (born, later) = (self.people[one].born, self.people[other].born);
            let same_role = self.people[one].role == self.people[other].role;
            let role = self.people[one].role.name();
            let titles = [one, other].map(|at| self.people[at].title.clone());
            let [a, b] = [titles[0].as_str(), titles[1].as_str()];
            match self.random.below(3) {
                0 => {
                    let text = format!("Were {a} and {b} of the same nationality?");
                    self.ask("compare nationality", text, yes(same), [a, b]);
                }
                1 => {
                    let text = format!("Were {a} and {b} both {role}s?");
                    self.ask("compare role", text, yes(same_role), [a, b]);
                }
                _ if born != later => {
                    let text = format!("Who was born first, {a} or {b}?");
                    self.ask(
                        "compare born",
                        text,
                        if born < later { a } else { b },
                        [a, b],
                    );
                }
                _ => {}
            }
        }
        for _ in 0..8 {
            let (one, other) = self.two(self.rivers.len());
            let (first, second) = (&self.rivers[one], &self.rivers[other]);
            let (a, b) = (first.title.clone(), second.title.clone());
            let longer = if first.km > second.km { &a } else { &b };
            let same = first.sea == second.sea;
            match self.random.below(2) {
                0 => {
                    let text = format!("Which river is longer, the {a} or the {b}?");
                    self.ask("compare length", text, longer, [&a, &b]);
                }
                _ => {
                    let text = format!("Do the {a} and the {b} flow into the same sea?");
                    self.ask("compare sea", text, yes(same), [&a, &b]);
                }
            }
        }
        for _ in 0..8 {
            let (one, other) = self.two(self.towns.len());
            let (first, second) = (&self.towns[one], &self.towns[other]);
            let (a, b) = (first.title.clone(), second.title.clone());
            let larger = if first.n_people > second.n_people {
                &a
            } else {
                &b
            };
            let same = first.country == second.country;
            match self.random.below(2) {
                0 => {
                    let text = format!("Which town has more inhabitants, {a} or {b}?");
                    self.ask("compare people", text, larger, [&a, &b]);
                }
                _ => {
                    let text = format!("Are {a} and {b} in the same country?");
                    self.ask("compare country", text, yes(same), [&a, &b]);
                }
            }
        }
    }

    /// Returns two that are not the same.
    fn two(&mut self, n: usize) -> (usize, usize) {
        let one = self.random.below(n);
        (one, (one + 1 + self.random.below(n - 1)) % n)
    }
}
