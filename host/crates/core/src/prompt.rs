//! Prompt templates, as far as the host must read them: which placeholders a
//! template names. Rendering is the guest's; both scan once, left to right.

/// Returns the names between `${` and `}`, in order, each once.
///
/// `$${name}` is how a template writes a literal `${name}`, and `${` without
/// an end is text.
///
/// ```
/// use fapo_core::prompt::placeholders;
///
/// assert_eq!(placeholders("${a} $${b} ${steps.c.output} ${a} ${"), ["a", "steps.c.output"]);
/// ```
pub fn placeholders(template: &str) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find("${") {
        let escaped = rest[..at].ends_with('$');
        let inside = &rest[at + 2..];
        let Some(end) = inside.find('}') else { break };
        let name = &inside[..end];
        if !escaped && !names.contains(&name) {
            names.push(name);
        }
        rest = &inside[end + 1..];
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_without_placeholders_names_none() {
        for template in ["", "plain", "$5", "{x}", "$ {x}"] {
            assert!(placeholders(template).is_empty(), "{template}");
        }
    }

    #[test]
    fn an_unterminated_placeholder_is_text() {
        assert_eq!(placeholders("${a} and ${b"), ["a"]);
    }
}
