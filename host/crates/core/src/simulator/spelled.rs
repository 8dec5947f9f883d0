//! What a prompt spells out for its answer: names of fields, options, words.

/// Reads the names after `produce the fields`.
pub(super) fn fields(low: &str) -> Vec<String> {
    let Some(at) = low.find("produce the field") else {
        return Vec::new();
    };
    let rest = &low[at + "produce the field".len()..];
    let rest = rest.split(['.', '\n']).next().unwrap_or_default();
    rest.split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| !name.is_empty() && name.len() <= 64)
        .take(16)
        .map(str::to_owned)
        .collect()
}

/// Reads the names of fields out of an example of JSON, or out of the words
/// about it.
pub(super) fn keys(instructions: &str) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    let mut rest = instructions;
    while let Some(at) = rest.find('"') {
        rest = &rest[at + 1..];
        let Some(end) = rest.find('"') else { break };
        let name = &rest[..end];
        let after = rest[end + 1..].trim_start();
        if after.starts_with(':') && is_name(name) && !keys.iter().any(|key| key == name) {
            keys.push(name.into());
        }
        rest = &rest[end + 1..];
    }
    if keys.is_empty() {
        let low = instructions.to_ascii_lowercase();
        let at = ["key", "field"]
            .iter()
            .filter_map(|word| low.find(word))
            .min();
        if let Some(at) = at {
            let line = instructions[at..].lines().next().unwrap_or_default();
            let quoted = line.split(['`', '"', '\'']).skip(1).step_by(2);
            keys.extend(quoted.filter(|name| is_name(name)).map(str::to_owned));
        }
    }
    keys.truncate(16);
    keys
}

fn is_name(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Reads a list of options.
pub(super) fn options(instructions: &str) -> Vec<String> {
    const HEADS: [&str; 9] = [
        "one of the following",
        "one of these",
        "one of",
        "options:",
        "choices:",
        "labels:",
        "categories:",
        "choose from",
        "classify",
    ];
    let low = instructions.to_ascii_lowercase();
    let Some((at, head)) = HEADS
        .iter()
        .find_map(|head| low.find(head).map(|at| (at + head.len(), head)))
    else {
        return lettered(instructions);
    };
    let rest = &instructions[at..];
    let line = rest.lines().next().unwrap_or_default();
    let line = match line.split_once(':') {
        Some((_, listed)) => listed,
        None if *head == "classify" => line.split_once(" as ").map_or("", |(_, listed)| listed),
        None => line,
    };
    let line = line.trim().trim_end_matches(['.', ':']);
    let listed: Vec<_> = line
        .split([',', '|', '/', ';'])
        .flat_map(|part| part.split(" or "))
        .map(|part| {
            let part = part
                .trim()
                .trim_start_matches("or ")
                .trim_start_matches("either ");
            part.trim_matches(['`', '"', '\'', '*', ' ', '[', ']', '(', ')', '<', '>'])
                .to_owned()
        })
        .filter(|part| (1..=60).contains(&part.len()))
        .take(64)
        .collect();
    if listed.len() >= 2 {
        return listed;
    }
    let below: Vec<_> = rest
        .lines()
        .skip(1)
        .map_while(|line| line.trim().strip_prefix(['-', '*']))
        .map(|line| line.trim().trim_matches(['`', '"']).to_owned())
        .take(64)
        .collect();
    if below.len() >= 2 {
        below
    } else {
        lettered(instructions)
    }
}

/// Reads `A) one`, `B) other`.
fn lettered(instructions: &str) -> Vec<String> {
    let mut options = Vec::new();
    for line in instructions.lines() {
        let line = line.trim().trim_start_matches('(');
        let Some(next) = char::from_digit(10 + options.len() as u32, 36) else {
            break;
        };
        let next = next.to_ascii_uppercase();
        let rest = line
            .strip_prefix(next)
            .and_then(|rest| rest.strip_prefix([')', '.', ':']));
        if let Some(rest) = rest {
            options.push(rest.trim().to_owned());
        }
    }
    if options.len() >= 2 {
        options
    } else {
        Vec::new()
    }
}

/// Reads what to say where there is no answer: the words in quotes after
/// `say`, `answer` or their like, in a line that tells when.
pub(super) fn unknown(instructions: &str) -> Option<String> {
    for line in instructions.lines() {
        let low = line.to_ascii_lowercase();
        if !(low.contains("if ")
            && (low.contains(" not ") || low.contains("n't") || low.contains("cannot")))
        {
            continue;
        }
        let mut parts = line.split(['"', '`', '“', '”']);
        parts.next();
        if let Some(said) = parts
            .next()
            .filter(|said| (1..=60).contains(&said.len()) && !said.ends_with(':'))
        {
            return Some(said.into());
        }
    }
    None
}
