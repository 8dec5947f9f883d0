//! The mistakes that one can make in a graph, found before a case runs.

use super::{END, Graph, Kind, START};
use crate::run::step_placeholder;

impl<S> Graph<S> {
    /// Returns what is wrong with the graph, each problem a sentence; nothing
    /// when it can be used. A component whose graph has problems is refused
    /// when it is loaded, and [`fake::check`](crate::fake::check) asserts
    /// the same in a test.
    pub fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        self.check_names(&mut problems);
        self.check_steps(&mut problems);
        if !self.ways.is_empty() {
            self.check_ends(&mut problems);
            self.check_ways_out(&mut problems);
            self.check_reach(&mut problems);
            self.check_loops(&mut problems);
        }
        problems
    }

    fn check_names(&self, problems: &mut Vec<String>) {
        let parameters = self.parameters.iter().map(|parameter| parameter.name);
        let nodes = self.nodes.iter();
        let mut steps = Vec::new();
        let mut prompts = Vec::new();
        for node in nodes {
            let declared = node.declare();
            // A fan-out is no step, but edges know it by its name.
            if !declared.iter().any(|step| step.name == node.name()) {
                steps.push(node.name());
            }
            for step in declared {
                steps.push(step.name);
                prompts.extend(step.prompts.iter().map(|prompt| prompt.name));
            }
        }
        for (what, names) in [
            ("step", &steps),
            ("parameter", &parameters.clone().collect()),
        ] {
            for (i, name) in names.iter().enumerate() {
                if names[..i].contains(name) {
                    problems.push(format!("{what} `{name}` is declared twice"));
                }
            }
        }
        for name in steps.iter().filter(|name| [START, END].contains(name)) {
            problems.push(format!("`{name}` is no name for a step"));
        }
        let all = [self.name]
            .into_iter()
            .chain(steps)
            .chain(prompts)
            .chain(parameters);
        for name in all.filter(|name| !is_name(name)) {
            problems.push(format!(
                "`{name}` is no name: a letter, then at most 63 of `A-Z a-z 0-9 _ -`"
            ));
        }
        if self.nodes.is_empty() {
            problems.push("the graph has no steps".into());
        }
    }

    fn check_steps(&self, problems: &mut Vec<String>) {
        let declared: Vec<_> = self.nodes.iter().flat_map(|node| node.declare()).collect();
        let is_step = |name: &str| declared.iter().any(|step| step.name == name);
        let is_parameter = |name: &str| self.parameters.iter().any(|known| known.name == name);
        let mut templates: Vec<(&str, &str)> = Vec::new();
        for node in &self.nodes {
            problems.extend(node.problems());
        }
        for parameter in &self.parameters {
            if let Some(problem) = parameter.problem() {
                problems.push(format!("parameter `{}` has {problem}", parameter.name));
            }
        }
        for step in &declared {
            let unknown = step.parameters.iter().filter(|name| !is_parameter(name));
            problems.extend(unknown.map(|parameter| {
                format!(
                    "step `{}` uses parameter `{parameter}`, which is not declared",
                    step.name
                )
            }));
            for prompt in &step.prompts {
                if templates
                    .iter()
                    .any(|(n, t)| *n == prompt.name && *t != prompt.template)
                {
                    problems.push(format!(
                        "prompt `{}` has two default templates",
                        prompt.name
                    ));
                }
                if templates.iter().any(|(name, _)| *name == prompt.name) {
                    continue;
                }
                templates.push((prompt.name, prompt.template));
                for placeholder in prompt.placeholders() {
                    let missing = match placeholder.split_once('.') {
                        Some(("steps", _)) => match step_placeholder(placeholder) {
                            Some(name) if is_step(name) => None,
                            Some(_) => Some("of a step that is not declared"),
                            None => Some("which is not spelled `steps.NAME.output`"),
                        },
                        Some(("parameters", name)) if !is_parameter(name) => {
                            Some("of a parameter that is not declared")
                        }
                        _ => None,
                    };
                    if let Some(why) = missing {
                        let prompt = prompt.name;
                        problems.push(format!(
                            "prompt `{prompt}` uses `${{{placeholder}}}`, {why}"
                        ));
                    }
                }
            }
        }
    }

    fn check_ends(&self, problems: &mut Vec<String>) {
        for way in &self.ways {
            let source = way.source;
            if source != START && !self.is_node(source) {
                problems.push(format!(
                    "an edge begins at `{source}`, {}",
                    self.what_is(source)
                ));
            }
            for target in way.kind.targets() {
                if target != END && !self.is_node(target) {
                    let what = self.what_is(target);
                    problems.push(format!(
                        "an edge leads from `{source}` to `{target}`, {what}"
                    ));
                }
            }
            match &way.kind {
                Kind::LoopBack { times, .. } => {
                    let unknown = times.parameter().filter(|parameter| {
                        !self.parameters.iter().any(|known| known.name == *parameter)
                    });
                    if let Some(name) = unknown {
                        problems.push(format!(
                            "the loop from `{source}` is bounded by parameter `{name}`, which is not declared"
                        ));
                    }
                }
                Kind::Branch { targets, .. } if targets.is_empty() => {
                    problems.push(format!("the branch after `{source}` has no targets"));
                }
                Kind::Edge(_) | Kind::Branch { .. } => {}
            }
        }
    }

    fn check_ways_out(&self, problems: &mut Vec<String>) {
        let nodes = self.nodes.iter().map(|node| node.name());
        for name in [START].into_iter().chain(nodes) {
            match self.onward(name).count() {
                0 => problems.push(format!("`{name}` leads nowhere; lead it to a step or to `end`")),
                1 => {}
                _ => problems.push(format!(
                    "several edges begin at `{name}`; use `branch` to choose, or a `FanOut` to take all"
                )),
            }
        }
    }

    fn check_reach(&self, problems: &mut Vec<String>) {
        let mut reached = vec![START];
        let mut seen = 0;
        while let Some(&here) = reached.get(seen) {
            seen += 1;
            for way in self.ways.iter().filter(|way| way.source == here) {
                for target in way.kind.targets() {
                    if !reached.contains(&target) {
                        reached.push(target);
                    }
                }
            }
        }
        for node in &self.nodes {
            if !reached.contains(&node.name()) {
                problems.push(format!("no way leads to step `{}`", node.name()));
            }
        }
    }

    /// Finds a loop that no `loop_back` bounds.
    fn check_loops(&self, problems: &mut Vec<String>) {
        // What is left when nodes that lead to no other are taken away, again
        // and again, is on a loop or leads to one.
        let mut left: Vec<_> = self.nodes.iter().map(|node| node.name()).collect();
        loop {
            let leads_on = |name: &&'static str| {
                self.onward(name)
                    .flat_map(Kind::targets)
                    .any(|target| left.contains(&target))
            };
            let kept: Vec<_> = left.iter().copied().filter(leads_on).collect();
            if kept.len() == left.len() {
                break;
            }
            left = kept;
        }
        if !left.is_empty() {
            problems.push(format!(
                "`{}` can go round without end; use `loop_back`, which has a bound",
                left.join("` → `")
            ));
        }
    }

    /// Returns the ways from a node that are not loops: one, in a sound graph.
    fn onward(&self, source: &str) -> impl Iterator<Item = &Kind<S>> {
        let ways = self.ways.iter().filter(move |way| way.source == source);
        ways.map(|way| &way.kind)
            .filter(|kind| !matches!(kind, Kind::LoopBack { .. }))
    }

    fn is_node(&self, name: &str) -> bool {
        self.nodes.iter().any(|node| node.name() == name)
    }

    /// Says what a name is that edges cannot use.
    fn what_is(&self, name: &str) -> String {
        let mut nodes = self.nodes.iter();
        match nodes.find(|node| node.declare().iter().any(|step| step.name == name)) {
            Some(fan_out) => format!("a branch of `{}`; use that name", fan_out.name()),
            None => "which is not declared".into(),
        }
    }
}

impl<S> Kind<S> {
    fn targets(&self) -> Vec<&'static str> {
        match self {
            Self::Edge(target) | Self::LoopBack { target, .. } => vec![target],
            Self::Branch { targets, .. } => targets.iter().map(|(_, target)| *target).collect(),
        }
    }
}

fn is_name(name: &str) -> bool {
    let tail = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(tail)
}
