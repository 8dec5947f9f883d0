//! Misspelled words, and what they were meant to be.

/// Returns ` (did you mean …?)` for a word that is nearly one of the known; or
/// nothing, where it is far from all of them.
pub(crate) fn did_you_mean(word: &str, known: &[&str]) -> String {
    let nearest = known.iter().min_by_key(|known| distance(word, known));
    match nearest {
        // Half of the letters have to be right, or the help would be a riddle.
        Some(nearest) if distance(word, nearest) <= nearest.len() / 2 => {
            format!(" (did you mean `{nearest}`?)")
        }
        _ => String::new(),
    }
}

/// Returns how many letters have to be put in, taken out or exchanged.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, c) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let exchanged = diagonal + usize::from(c != *other);
            diagonal = row[j + 1];
            row[j + 1] = exchanged.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_named_unless_it_is_far() {
        let known = ["tolerance", "fields", "normalize"];
        for (word, says) in [
            ("tolerence", " (did you mean `tolerance`?)"),
            ("normalise", " (did you mean `normalize`?)"),
            ("field", " (did you mean `fields`?)"),
            ("rubric", ""),
        ] {
            assert_eq!(did_you_mean(word, &known), says, "{word}");
        }
        assert_eq!(did_you_mean("x", &[]), "");
    }
}
