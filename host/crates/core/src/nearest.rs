//! The word that somebody may have meant.

/// Returns the known word that a mistyped one is nearest to, if any is near.
///
/// ```
/// use fapo_core::nearest::nearest;
///
/// assert_eq!(nearest("max_worker", &["max_workers", "run_id"]), Some("max_workers"));
/// assert_eq!(nearest("colour", &["max_workers", "run_id"]), None);
/// ```
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let far = |known: &str| distance(&word, &known.chars().collect::<Vec<_>>());
    let (distance, near) = known
        .iter()
        .map(|known| (far(known), *known))
        .min_by_key(|(distance, _)| *distance)?;
    let near_enough = distance <= (word.len().max(near.len()) / 3).max(1);
    near_enough.then_some(near)
}

/// Returns how many letters must be put in, taken out or exchanged.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let exchanged = corner + usize::from(from != to);
            corner = row[j + 1];
            row[j + 1] = exchanged.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
