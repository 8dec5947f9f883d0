//! What the host is told of a graph.

use super::{END, Graph, Kind, START};
use crate::bindings::chain::{ChainInfo, Edge, PromptInfo, StepInfo};
use crate::declare::Setting;
use crate::step::add_parameter;

impl<S> Graph<S> {
    /// Returns the description that the host draws and checks variants by.
    pub fn describe(&self) -> ChainInfo {
        let mut steps = Vec::new();
        let mut prompts: Vec<PromptInfo> = Vec::new();
        for node in &self.nodes {
            for declared in node.declare() {
                let mut parameters = declared.parameters.clone();
                for prompt in &declared.prompts {
                    for placeholder in prompt.placeholders() {
                        let known = self.parameters.iter().map(|parameter| parameter.name);
                        let name = placeholder.strip_prefix("parameters.");
                        let used = name.and_then(|name| known.into_iter().find(|n| *n == name));
                        add_parameter(&mut parameters, used);
                    }
                    if !prompts.iter().any(|known| known.name == prompt.name) {
                        prompts.push(prompt.info());
                    }
                }
                for name in self.bounds(node.name()) {
                    add_parameter(&mut parameters, Some(name));
                }
                steps.push(StepInfo {
                    name: declared.name.into(),
                    kind: declared.kind,
                    description: declared.description.into(),
                    prompts: declared
                        .prompts
                        .iter()
                        .map(|prompt| prompt.name.into())
                        .collect(),
                    parameters: parameters.into_iter().map(str::to_owned).collect(),
                });
            }
        }
        ChainInfo {
            name: self.name.into(),
            description: self.description.into(),
            steps,
            edges: self.edges(),
            prompts,
            parameters: self
                .parameters
                .iter()
                .map(|parameter| parameter.info())
                .collect(),
        }
    }

    /// Returns the parameters that bound the loops from a node.
    fn bounds(&self, source: &'static str) -> impl Iterator<Item = &'static str> {
        let ways = self.ways.iter().filter(move |way| way.source == source);
        ways.filter_map(|way| match &way.kind {
            Kind::LoopBack { times, .. } => times.parameter(),
            Kind::Edge(_) | Kind::Branch { .. } => None,
        })
    }

    fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        let mut add = |source: &str, target: &str, condition: Option<String>| {
            for source in self.steps_of(source) {
                for target in self.steps_of(target) {
                    edges.push(Edge {
                        source: source.into(),
                        target: target.into(),
                        condition: condition.clone(),
                    });
                }
            }
        };
        if self.ways.is_empty() {
            let names = self.nodes.iter().map(|node| node.name());
            let names: Vec<_> = [START].into_iter().chain(names).chain([END]).collect();
            for pair in names.windows(2) {
                add(pair[0], pair[1], None);
            }
        }
        for way in &self.ways {
            match &way.kind {
                Kind::Edge(target) => {
                    let otherwise = self.loops_back(way.source).then(|| "otherwise".to_owned());
                    add(way.source, target, otherwise);
                }
                Kind::Branch { targets, .. } => {
                    for (condition, target) in targets {
                        add(way.source, target, Some((*condition).to_owned()));
                    }
                }
                Kind::LoopBack {
                    target,
                    times,
                    condition,
                    ..
                } => {
                    let times = match times {
                        Setting::Fixed(times) => format!("{times} times"),
                        Setting::Parameter(name) => format!("`{name}` times"),
                    };
                    add(
                        way.source,
                        target,
                        Some(format!("{condition}, at most {times}")),
                    );
                }
            }
        }
        edges
    }

    fn loops_back(&self, source: &str) -> bool {
        let mut ways = self.ways.iter().filter(|way| way.source == source);
        ways.any(|way| matches!(way.kind, Kind::LoopBack { .. }))
    }

    /// Returns the steps that a name stands for: a fan-out's branches, or
    /// itself.
    fn steps_of<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        match self.nodes.iter().find(|node| node.name() == name) {
            Some(node) => node
                .declare()
                .iter()
                .map(|declared| declared.name)
                .collect(),
            None => vec![name],
        }
    }
}
