//! Rivers, towns and mountains.

use super::{Maker, River, Town};

impl Maker<'_> {
    pub(super) fn places(&mut self) {
        for _ in 0..7 {
            let (km, sea) = (
                self.random.between(40, 610),
                *self.random.pick(&self.words.seas),
            );
            let head = self.place_name();
            let title = format!("River {head}");
            let country = self.random.pick(&self.words.countries).0;
            let texts = [
                format!("The {title} is a river of {country} with a length of {km} kilometres."),
                match self.random.below(2) {
                    0 => format!("It rises in a bog and empties into the {sea}."),
                    _ => format!("From its spring in the hills it runs to the {sea}."),
                },
                "Barges were towed on it until the railway came.".to_owned(),
            ];
            self.article(&title, &texts);
            self.rivers.push(River { title, km, sea });
        }
        for nth in 0..14 {
            let title = match nth {
                // Two towns of one name, or nearly so, are what readers mix up.
                12 | 13 => {
                    let other = self.towns[nth - 12].title.clone();
                    self.fresh(|random| {
                        format!("{} {other}", random.pick(&["Upper", "New", "Little"]))
                    })
                }
                _ => self.place_name(),
            };
            let (country, river) = (nth % 2, self.random.below(self.rivers.len()));
            let n_people = self.random.between(1_200, 98_000);
            let town = Town {
                people: format!("{},{:03}", n_people / 1000, n_people % 1000),
                title,
                country,
                river,
                n_people,
            };
            self.town(&town);
            self.towns.push(town);
        }
        for _ in 0..3 {
            let title = format!("Mount {}", self.place_name());
            let (height, year) = (
                self.random.between(900, 4200),
                self.random.between(1790, 1920),
            );
            let country = self.random.pick(&self.words.countries).0;
            let texts = [
                format!("{title} is a mountain in {country} and {height} metres high."),
                format!("The first ascent that is on record was made in {year}."),
            ];
            self.article(&title, &texts);
        }
    }

    fn town(&mut self, town: &Town) {
        let river = &self.rivers[town.river];
        let (title, people) = (&town.title, &town.people);
        let country = self.words.countries[town.country].0;
        let first = match self.random.below(2) {
            0 => format!("{title} is a town in {country} on the {}.", river.title),
            _ => format!("{title}, a town in {country}, lies on the {}.", river.title),
        };
        let year = self.random.between(1180, 1790);
        let last = match self.random.below(3) {
            0 => format!("A fire destroyed most of it in {year}."),
            1 => format!("Its market was first held in {year}."),
            _ => format!("The walls were pulled down in {year}."),
        };
        let sea = river.sea;
        let river = river.title.clone();
        self.article(
            title,
            &[first, format!("It has a population of {people}."), last],
        );
        let text = match self.random.below(3) {
            0 => format!("Into which sea does the river on which {title} lies flow?"),
            1 => format!("The river that passes through {title} empties into which sea?"),
            _ => format!("Beside {title} runs a river that ends in which sea?"),
        };
        self.ask("sea", text, sea, [title, &river]);
    }
}
