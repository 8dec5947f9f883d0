//! A comparison as a JUnit XML file, which most build servers show.

use std::fmt::Write as _;

use super::gate::GateResult;
use super::{Comparison, Flip};

/// Writes one test per gate, which fails where the gate is not met, and one
/// passing test per case whose score differs.
pub fn junit(found: &Comparison, gates: &[GateResult]) -> String {
    let n_tests = gates.len() + found.flips.len();
    let n_failures = gates.iter().filter(|gate| !gate.met).count();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuite name=\"fapo compare\" tests=\"{n_tests}\" failures=\"{n_failures}\" errors=\"0\" skipped=\"0\">"
    );
    for gate in gates {
        let (name, message) = (escaped(gate.name), escaped(&gate.message));
        let inside = if gate.met {
            format!("<system-out>{message}</system-out>")
        } else {
            format!("<failure message=\"{message}\">{message}</failure>")
        };
        let _ = writeln!(
            xml,
            "  <testcase classname=\"gate\" name=\"{name}\">{inside}</testcase>"
        );
    }
    for flip in &found.flips {
        let _ = writeln!(
            xml,
            "  <testcase classname=\"flip\" name=\"{}\"><system-out>from {} to {}</system-out></testcase>",
            escaped(&name(flip)),
            flip.a,
            flip.b
        );
    }
    xml.push_str("</testsuite>\n");
    xml
}

/// Returns the case's id, tamed, with the repeat where it is not the first.
fn name(flip: &Flip) -> String {
    match flip.repeat {
        0 | 1 => flip.case_id.to_string(),
        repeat => format!("{}, repeat {repeat}", flip.case_id),
    }
}

/// Returns text for an element or an attribute in double quotes.
///
/// XML 1.0 has no way at all to write most control characters or the two that
/// are no characters, so those that get past `Untrusted` are shown as escapes.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(xml, "\\u{{{:x}}}", u32::from(c));
            }
            c if c.is_control() => {
                let _ = write!(xml, "\\u{{{:x}}}", u32::from(c));
            }
            c => xml.push(c),
        }
    }
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_never_markup_nor_a_character_that_xml_lacks() {
        assert_eq!(
            escaped("]]></failure>&\"'\u{0}\u{1b}\u{fffe}ü🙂"),
            "]]&gt;&lt;/failure&gt;&amp;&quot;&apos;\\u{0}\\u{1b}\\u{fffe}ü🙂"
        );
    }
}
