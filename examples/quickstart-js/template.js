// Prompt templates: `System:`, `User:` and `Assistant:` begin sections, and
// `${name}` stands for a value. `$${name}` is the literal text `${name}`.

/**
 * Returns the messages that a template makes. `lookup` gives a name's text, or
 * undefined; a name without a text is empty, and `missing` is told of it.
 */
export function render(template, lookup, missing) {
  // Sections are found before a value is put in, so a value cannot begin one.
  // What stands above the first header belongs to the user.
  const parts = ["User", ...template.split(/(?<![^\n])(System|User|Assistant):/)];
  const messages = [];
  for (let i = 0; i < parts.length; i += 2) {
    const section = parts[i + 1].trim();
    if (section === "") continue;
    messages.push({
      role: parts[i].toLowerCase(),
      content: [{ tag: "text", val: fill(section, lookup, missing) }],
      toolCalls: [],
      toolCallId: null,
    });
  }
  return messages;
}

// One pass: a value that holds `${…}` is not looked into again.
function fill(section, lookup, missing) {
  return section.replace(/\$?\$\{([^}]*)\}/g, (match, name) => {
    if (match.startsWith("$$")) return match.slice(1);
    const text = lookup(name);
    if (text === undefined) missing(name);
    return text ?? "";
  });
}
