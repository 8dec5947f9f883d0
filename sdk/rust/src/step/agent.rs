//! The node whose model calls tools until it is done.

use serde_json::Value;

use crate::bindings::chain::{ChainError, StepKind};
use crate::bindings::tools::ToolRequest;
use crate::bindings::types::*;
use crate::declare::Setting;
use crate::run::{Run, Visit};
use crate::step::llm::Llm;
use crate::step::{Declared, Node, add_parameter};

/// A step whose model may call tools: those that the operator granted, and the
/// chain's own. The calls of one turn are in flight together. The text of the
/// turn that calls no tool is parsed and kept as the [`Llm`] says.
///
/// In the last turn the model is not offered a tool, so it has to answer, and
/// `turns_spent` is a diagnostic.
///
/// ```
/// use fapo_sdk::prelude::*;
///
/// let llm = Llm::<()>::new("research", "Searches until it knows the answer.")
///     .prompt(Prompt::new("research", "Asks for research.", "User: ${question}"));
/// let agent = Agent::new(llm).granted(["search"]).turns("turns");
/// ```
pub struct Agent<S> {
    llm: Llm<S>,
    granted: Granted,
    own: Vec<(ToolDefinition, Tool<S>)>,
    turns: Setting<u32>,
}

enum Granted {
    All,
    Named(Vec<&'static str>),
}

type Tool<S> = Box<dyn Fn(&mut S, &Value, &Visit<'_>) -> Result<String, String>>;

impl<S> Agent<S> {
    /// Returns an agent that asks as `llm` does, has no tools, and takes eight turns.
    /// What `llm` says of [`each`](Llm::each) and [`samples`](Llm::samples) is not for agents.
    pub fn new(llm: Llm<S>) -> Self {
        Self {
            llm,
            granted: Granted::Named(Vec::new()),
            own: Vec::new(),
            turns: Setting::Fixed(8),
        }
    }

    /// Offers these of the granted tools. It is an error of the step when one
    /// of them is not granted.
    pub fn granted<const N: usize>(mut self, names: [&'static str; N]) -> Self {
        self.granted = Granted::Named(names.into());
        self
    }

    /// Offers every granted tool.
    pub fn all_granted(mut self) -> Self {
        self.granted = Granted::All;
        self
    }

    /// Offers a tool of the chain's own, such as a search in an index. Its
    /// arguments are JSON that the model wrote: look before you use them. An
    /// error is told to the model, which may try again.
    pub fn tool(
        mut self,
        name: &'static str,
        description: &'static str,
        schema: &'static str,
        tool: impl Fn(&mut S, &Value, &Visit<'_>) -> Result<String, String> + 'static,
    ) -> Self {
        let definition = ToolDefinition {
            name: name.into(),
            description: description.into(),
            parameters: schema.into(),
        };
        self.own.push((definition, Box::new(tool)));
        self
    }

    /// Sets how often the model is asked at most.
    pub fn turns(mut self, turns: impl Into<Setting<u32>>) -> Self {
        self.turns = turns.into();
        self
    }

    fn work(&self, state: &mut S, visit: &Visit<'_>) -> Result<String, ChainError> {
        let turns = self.turns.resolve(visit.settings)?.max(1);
        let request = self.llm.requests(state, visit)?.pop();
        let mut request = request.ok_or_else(|| visit.failed("there is nothing to ask"))?;
        request.tools = self.tools(visit)?;
        for turn in 1..=turns {
            if turn == turns {
                request.tool_choice = ToolChoice::None;
            }
            let completion = visit.host.generate(&request)?;
            let Some(choice) = completion.choices.first() else {
                return Err(visit.failed("the completion has no choice"));
            };
            if choice.tool_calls.is_empty() || turn == turns {
                if turn == turns && turns > 1 {
                    visit.diagnose("turns_spent", visit.step);
                }
                return self.llm.read(&completion, visit);
            }
            request.messages.push(choice.to_message());
            let results = self.call(&choice.tool_calls, &request.tools, state, visit);
            request.messages.extend(results);
        }
        unreachable!("the last turn returns")
    }

    fn tools(&self, visit: &Visit<'_>) -> Result<Vec<ToolDefinition>, ChainError> {
        let mut tools: Vec<_> = self.own.iter().map(|(tool, _)| tool.clone()).collect();
        if matches!(&self.granted, Granted::Named(names) if names.is_empty()) {
            return Ok(tools);
        }
        let granted = visit.host.list_tools(visit.step);
        let granted = granted.map_err(|error| visit.failed(error.reason()))?;
        match &self.granted {
            Granted::All => tools.extend(granted),
            Granted::Named(names) => {
                for name in names {
                    let tool = granted.iter().find(|tool| tool.name == *name);
                    let tool =
                        tool.ok_or_else(|| visit.failed(format!("tool `{name}` is not granted")))?;
                    tools.push(tool.clone());
                }
            }
        }
        Ok(tools)
    }

    /// Returns the answers to a turn's calls, in their order.
    fn call(
        &self,
        calls: &[ToolCall],
        offered: &[ToolDefinition],
        state: &mut S,
        visit: &Visit<'_>,
    ) -> Vec<Message> {
        // What was not offered is not called, though the operator may have granted it.
        let is_offered = |call: &ToolCall| offered.iter().any(|tool| tool.name == call.name);
        let is_hosts = |call: &ToolCall| is_offered(call) && self.own(&call.name).is_none();
        let request = |call: &ToolCall| ToolRequest {
            step: visit.step.into(),
            name: call.name.clone(),
            arguments: call.arguments.clone(),
        };
        let granted: Vec<_> = calls
            .iter()
            .filter(|call| is_hosts(call))
            .map(request)
            .collect();
        let mut results = match granted.as_slice() {
            [] => Vec::new(),
            [request] => vec![visit.host.call_tool(request)],
            requests => visit.host.call_tools(requests),
        }
        .into_iter();
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls {
            let answer = match self.own(&call.name) {
                Some(tool) => {
                    run_own(tool, call, state, visit).map(|text| vec![ContentPart::Text(text)])
                }
                None if !is_offered(call) => Err("there is no such tool".into()),
                None => match results.next() {
                    Some(Ok(result)) if result.is_error => {
                        Err(Message::tool("", result.content).text())
                    }
                    Some(Ok(result)) => Ok(result.content),
                    Some(Err(error)) => Err(error.reason()),
                    None => Err("the host gave no answer".into()),
                },
            };
            let content = answer.unwrap_or_else(|reason| {
                visit.diagnose(
                    "tool_failed",
                    format!("{}: {}: {reason}", visit.step, call.name),
                );
                vec![ContentPart::Text(format!("The tool failed: {reason}"))]
            });
            answers.push(Message::tool(&call.id, content));
        }
        answers
    }

    fn own(&self, name: &str) -> Option<&Tool<S>> {
        self.own
            .iter()
            .find(|(tool, _)| tool.name == name)
            .map(|(_, tool)| tool)
    }
}

fn run_own<S>(
    tool: &Tool<S>,
    call: &ToolCall,
    state: &mut S,
    visit: &Visit<'_>,
) -> Result<String, String> {
    let arguments = serde_json::from_str(&call.arguments)
        .map_err(|error| format!("the arguments are not JSON: {error}"))?;
    tool(state, &arguments, visit)
}

impl<S> Node<S> for Agent<S> {
    fn name(&self) -> &'static str {
        self.llm.name
    }

    fn declare(&self) -> Vec<Declared<'_>> {
        let mut declared = self.llm.declare_as(StepKind::Agent);
        add_parameter(&mut declared.parameters, self.turns.parameter());
        vec![declared]
    }

    fn visit(&self, state: &mut S, run: &mut Run<'_>) -> Result<(), ChainError> {
        super::visit_alone(
            self.llm.name,
            state,
            run,
            self.llm.hook(),
            |state, visit| self.work(state, visit),
        )
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = self.llm.find_problems();
        if self.own.is_empty() && matches!(&self.granted, Granted::Named(names) if names.is_empty())
        {
            problems.push(format!("agent `{}` has no tools", self.llm.name));
        }
        if self.llm.asks_many() {
            problems.push(format!(
                "agent `{}` cannot have `each` or `samples`",
                self.llm.name
            ));
        }
        problems
    }
}
