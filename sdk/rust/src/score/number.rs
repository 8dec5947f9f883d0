//! Comparisons of numbers.

/// Returns the last number in a text: a sign, digits with or without commas
/// between thousands, a fraction, an exponent.
///
/// ```
/// use fapo_sdk::score::number;
///
/// assert_eq!(number("2 and 3 make $1,234.50."), Some(1234.5));
/// assert_eq!(number("none"), None);
/// ```
pub fn number(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let mut last = None;
    let mut at = 0;
    while at < bytes.len() {
        let begins_fraction = bytes[at] == b'.' && digits(bytes, at + 1) > 0;
        if !bytes[at].is_ascii_digit() && !begins_fraction {
            at += 1;
            continue;
        }
        let end = number_end(bytes, at);
        let literal = text[at..end].replace(',', "");
        if let Ok(value) = literal.parse::<f64>() {
            last = Some(if is_negative(&text[..at]) {
                -value
            } else {
                value
            });
        }
        at = end;
    }
    last
}

/// Says whether the last number of a text is the expected one. The difference
/// may be `tolerance` times the expected number, or `tolerance` itself where
/// the expected number is smaller than 1.
///
/// ```
/// use fapo_sdk::score::number_is;
///
/// assert!(number_is("about 1,010 people", 1000.0, 0.01));
/// assert!(!number_is("about 1,011 people", 1000.0, 0.01));
/// ```
pub fn number_is(text: &str, expected: f64, tolerance: f64) -> bool {
    number(text).is_some_and(|n| is_near(n, expected, tolerance))
}

/// Says whether a number is the expected one, with the tolerance of [`number_is`].
pub fn is_near(number: f64, expected: f64, tolerance: f64) -> bool {
    (number - expected).abs() <= tolerance * expected.abs().max(1.0)
}

/// Returns how many digits begin at a place.
fn digits(bytes: &[u8], at: usize) -> usize {
    bytes
        .iter()
        .skip(at)
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

fn number_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + digits(bytes, start);
    // `1,234,567` is one number, `1,2` and `1234,567` are two each.
    if (1..=3).contains(&(at - start)) {
        while bytes.get(at) == Some(&b',') && digits(bytes, at + 1) == 3 {
            at += 4;
        }
    }
    if bytes.get(at) == Some(&b'.') && digits(bytes, at + 1) > 0 {
        at += 1 + digits(bytes, at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let n_exponent = digits(bytes, at + 1 + sign);
        if n_exponent > 0 {
            at += 1 + sign + n_exponent;
        }
    }
    at
}

/// Says whether what stands before a number is a minus sign, and not a dash
/// between two things.
fn is_negative(before: &str) -> bool {
    let before = before.trim_end_matches('$');
    let Some(rest) = before
        .strip_suffix('-')
        .or_else(|| before.strip_suffix('\u{2212}'))
    else {
        return false;
    };
    !rest.ends_with(|c: char| c.is_alphanumeric() || c == ')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_is_read_as_people_write_it() {
        for (text, expected) in [
            ("42", 42.0),
            ("1,234,567", 1_234_567.0),
            ("-3.5%", -3.5),
            ("a loss of -$1,200", -1200.0),
            ("\u{2212}7", -7.0),
            ("pages 10-12", 12.0),
            ("COVID-19", 19.0),
            ("1,2", 2.0),
            ("12,3456", 3456.0),
            ("1234,567", 567.0),
            ("1e-3", 0.001),
            ("2 eggs", 2.0),
            (".5", 0.5),
            ("It is 3.", 3.0),
            ("v1.2.3", 0.3),
            ("٣ then 4é", 4.0),
        ] {
            assert_eq!(number(text), Some(expected), "{text}");
        }
        assert_eq!(number("no - number . , e5x".trim_end_matches("5x")), None);
    }

    #[test]
    fn tolerance_is_a_share_of_the_expected_number() {
        assert!(number_is("0.05", 0.04, 0.01 + 1e-9));
        assert!(number_is("100", 100.0, 0.0));
        assert!(!number_is("none", 0.0, 1.0));
    }
}
