//! A host for tests: its answers are scripted, and it keeps a log of what it
//! was asked.

use std::cell::RefCell;

use serde_json::Value;

use crate::bindings::artifacts::{ArtifactError, ArtifactInfo};
use crate::bindings::chain::{ChainError, ChainInfo};
use crate::bindings::log::Level;
use crate::bindings::tools::{ToolError, ToolRequest, ToolResult};
use crate::bindings::trace::{Directive, TraceError};
use crate::bindings::types::*;
use crate::chain::{self, Chain};
use crate::host::Imports;

/// Asserts that a chain's graph can be used.
///
/// # Panics
///
/// With every problem on a line of its own.
pub fn check<C: Chain + ?Sized>() {
    let problems = C::graph().check();
    assert!(
        problems.is_empty(),
        "the graph cannot be used:\n{}",
        problems.join("\n")
    );
}

/// Returns what the host is told of a chain.
pub fn describe<C: Chain + ?Sized>() -> ChainInfo {
    chain::describe::<C>()
}

/// Returns the settings of the baseline: every prompt and parameter at its default.
pub fn settings<C: Chain + ?Sized>() -> Settings {
    let info = C::graph().describe();
    let mut settings = Settings::default();
    for prompt in &info.prompts {
        settings = settings.with_prompt(&prompt.name, &prompt.default_template);
    }
    for parameter in &info.parameters {
        settings = settings.with_parameter(&parameter.name, &parameter.default);
    }
    settings
}

/// Runs a chain with the settings of the baseline.
pub fn run<C: Chain + ?Sized>(host: &FakeHost, case: TestCase) -> Result<Outcome, ChainError> {
    run_with::<C>(host, case, &settings::<C>())
}

/// Runs a chain with these settings.
pub fn run_with<C: Chain + ?Sized>(
    host: &FakeHost,
    case: TestCase,
    settings: &Settings,
) -> Result<Outcome, ChainError> {
    chain::run::<C>(case, settings, host)
}

/// A scripted host.
///
/// A request is answered by the first rule that fits it. A rule of a step with
/// several answers gives them in their order, and then the last again.
///
/// ```
/// use fapo_sdk::fake::FakeHost;
/// use fapo_sdk::{GenerateRequest, Imports, Message};
///
/// let host = FakeHost::new()
///     .answer_to("Dracula", "Bram Stoker")
///     .answers("guess", ["first", "second"]);
/// let ask = |text: &str| {
///     let request = GenerateRequest::new("guess", vec![Message::user(text)]);
///     host.generate(&request).unwrap().text().to_owned()
/// };
/// assert_eq!(ask("Who wrote Dracula?"), "Bram Stoker");
/// assert_eq!(ask("Who wrote Emma?"), "first");
/// assert_eq!(ask("Who wrote Emma?"), "second");
/// assert_eq!(host.requests("guess").len(), 3);
/// ```
#[derive(Default)]
pub struct FakeHost {
    rules: Vec<Rule>,
    passages: Vec<(String, Vec<Passage>)>,
    replaced: Vec<(String, String)>,
    tools: Vec<(ToolDefinition, Tool)>,
    inputs: Vec<(String, Vec<u8>)>,
    seen: RefCell<Seen>,
}

struct Rule {
    fits: Fits,
    replies: Vec<Result<Completion, ProviderError>>,
    n_used: RefCell<usize>,
}

enum Fits {
    Step(String),
    Text(String),
}

type Tool = Box<dyn Fn(&Value) -> Result<String, String>>;

#[derive(Default)]
struct Seen {
    calls: Vec<Call>,
    records: Vec<CallRecord>,
    open: Vec<String>,
    steps: Vec<StepRecord>,
    written: Vec<(String, Vec<u8>)>,
}

/// A call that a fake host has answered, in the order of the calls.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// A step began.
    Begin(String),
    /// A step ended with an output.
    End(String, String),
    /// A step failed for a reason.
    Fail(String, String),
    /// Models were asked, all at once.
    Generate(Vec<GenerateRequest>),
    /// Indexes were searched, all at once.
    Search(Vec<SearchRequest>),
    /// Tools were called, all at once.
    Tools(Vec<ToolRequest>),
    /// A line was logged.
    Log(Level, String),
}

impl FakeHost {
    /// Returns a host that has no answers, no passages and no tools.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers every request of a step with this text.
    pub fn answer(self, step: &str, text: &str) -> Self {
        self.answers(step, [text])
    }

    /// Answers the requests of a step with these texts, one after the other.
    pub fn answers<const N: usize>(self, step: &str, texts: [&str; N]) -> Self {
        let replies = texts.map(|text| Ok(Completion::from(text)));
        self.rule(Fits::Step(step.into()), replies.into())
    }

    /// Answers every request whose messages hold `part` with this text.
    pub fn answer_to(self, part: &str, text: &str) -> Self {
        self.rule(Fits::Text(part.into()), vec![Ok(Completion::from(text))])
    }

    /// Answers the requests of a step with these completions, one after the other.
    pub fn complete<const N: usize>(self, step: &str, completions: [Completion; N]) -> Self {
        self.rule(
            Fits::Step(step.into()),
            completions.into_iter().map(Ok).collect(),
        )
    }

    /// Answers every request of a step with an error.
    pub fn refuse(self, step: &str, error: ProviderError) -> Self {
        self.rule(Fits::Step(step.into()), vec![Err(error)])
    }

    /// Answers every search in an index with the first `k` of these passages.
    pub fn passages<const N: usize>(mut self, index: &str, passages: [Passage; N]) -> Self {
        self.passages.push((index.into(), passages.into()));
        self
    }

    /// Puts an output in a step's place, as a replay does.
    pub fn replace(mut self, step: &str, output: &str) -> Self {
        self.replaced.push((step.into(), output.into()));
        self
    }

    /// Grants a tool. Its error is a failure that the tool reports itself.
    pub fn tool(
        mut self,
        name: &str,
        tool: impl Fn(&Value) -> Result<String, String> + 'static,
    ) -> Self {
        let definition = ToolDefinition {
            name: name.into(),
            description: String::new(),
            parameters: "{}".into(),
        };
        self.tools.push((definition, Box::new(tool)));
        self
    }

    /// Adds an artifact that is an input of the run.
    pub fn input(mut self, name: &str, data: &[u8]) -> Self {
        self.inputs.push((name.into(), data.into()));
        self
    }

    /// Returns all calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.seen.borrow().calls.clone()
    }

    /// Returns the requests of a step so far.
    pub fn requests(&self, step: &str) -> Vec<GenerateRequest> {
        let calls = self.calls().into_iter();
        let requests = calls.flat_map(|call| match call {
            Call::Generate(requests) => requests,
            _ => Vec::new(),
        });
        requests.filter(|request| request.step == step).collect()
    }

    /// Returns the steps as a scorer would be handed them.
    pub fn steps(&self) -> Vec<StepRecord> {
        self.seen.borrow().steps.clone()
    }

    /// Returns the calls as a scorer would be handed them.
    ///
    /// ```
    /// use fapo_sdk::fake::FakeHost;
    /// use fapo_sdk::{CallBody, Imports, SearchRequest};
    ///
    /// let host = FakeHost::new();
    /// host.begin("look").unwrap();
    /// let request = SearchRequest {
    ///     step: "look".into(),
    ///     index: "wiki".into(),
    ///     query: "Dracula".into(),
    ///     k: 3,
    /// };
    /// host.search(&request).unwrap_err();
    /// let record = &host.records()[0];
    /// assert_eq!((record.step.as_str(), record.visit), ("look", 1));
    /// let CallBody::Search(call) = &record.body else { unreachable!() };
    /// assert_eq!(call.error.as_deref(), Some("unknown-index: wiki"));
    /// ```
    pub fn records(&self) -> Vec<CallRecord> {
        self.seen.borrow().records.clone()
    }

    fn rule(mut self, fits: Fits, replies: Vec<Result<Completion, ProviderError>>) -> Self {
        self.rules.push(Rule {
            fits,
            replies,
            n_used: RefCell::default(),
        });
        self
    }

    fn note(&self, call: Call) {
        self.seen.borrow_mut().calls.push(call);
    }

    /// Keeps a call for the scorer.
    fn record(&self, step: &str, body: CallBody) {
        let mut seen = self.seen.borrow_mut();
        let n_closed = seen
            .steps
            .iter()
            .filter(|record| record.step == step)
            .count();
        let is_open = seen.open.iter().any(|open| open == step);
        let visit = (n_closed + usize::from(is_open)) as u32;
        seen.records.push(CallRecord {
            step: step.to_owned(),
            visit,
            body,
        });
    }

    fn generated(&self, request: &GenerateRequest) -> Result<Completion, ProviderError> {
        let reply = self.reply(request);
        let (answer, error) = both(&reply, ProviderError::reason);
        let call = GenerateCall {
            request: request.clone(),
            answer,
            error,
        };
        self.record(&request.step, CallBody::Generate(call));
        reply
    }

    fn reply(&self, request: &GenerateRequest) -> Result<Completion, ProviderError> {
        let text: Vec<_> = request.messages.iter().map(Message::text).collect();
        let text = text.join("\n");
        let mut rules = self.rules.iter();
        let rule = rules.find(|rule| match &rule.fits {
            Fits::Step(step) => *step == request.step,
            Fits::Text(part) => text.contains(part),
        });
        let Some(rule) = rule else {
            let message = format!("no rule answers step `{}`: {text}", request.step);
            return Err(ProviderError::Other(message));
        };
        let mut n_used = rule.n_used.borrow_mut();
        let reply = rule.replies.get(*n_used).or(rule.replies.last());
        *n_used += 1;
        reply
            .cloned()
            .unwrap_or_else(|| Err(ProviderError::Other("a rule without answers".into())))
    }

    fn found(&self, request: &SearchRequest) -> Result<Vec<Passage>, RetrievalError> {
        let found = self.find(request);
        let (answer, error) = both(&found, RetrievalError::reason);
        let call = SearchCall {
            request: request.clone(),
            answer,
            error,
        };
        self.record(&request.step, CallBody::Search(call));
        found
    }

    fn find(&self, request: &SearchRequest) -> Result<Vec<Passage>, RetrievalError> {
        if request.query.trim().is_empty() || request.k == 0 {
            return Err(RetrievalError::InvalidRequest(
                "empty query or `k` of 0".into(),
            ));
        }
        let mut indexes = self.passages.iter();
        let index = indexes.find(|(name, _)| *name == request.index);
        let (_, passages) =
            index.ok_or_else(|| RetrievalError::UnknownIndex(request.index.clone()))?;
        Ok(passages.iter().take(request.k as usize).cloned().collect())
    }

    fn used(&self, request: &ToolRequest) -> Result<ToolResult, ToolError> {
        let used = self.use_tool(request);
        let (answer, error) = both(&used, ToolError::reason);
        let call = ToolCallMade {
            name: request.name.clone(),
            arguments: request.arguments.clone(),
            answer: answer.map(|result| ToolAnswer {
                content: result.content,
                is_error: result.is_error,
            }),
            error,
        };
        self.record(&request.step, CallBody::Tool(call));
        used
    }

    fn use_tool(&self, request: &ToolRequest) -> Result<ToolResult, ToolError> {
        let tool = self
            .tools
            .iter()
            .find(|(tool, _)| tool.name == request.name);
        let (_, tool) = tool.ok_or_else(|| ToolError::UnknownTool(request.name.clone()))?;
        let arguments = serde_json::from_str(&request.arguments)
            .map_err(|error| ToolError::InvalidRequest(error.to_string()))?;
        let (text, is_error) = match tool(&arguments) {
            Ok(text) => (text, false),
            Err(text) => (text, true),
        };
        Ok(ToolResult {
            content: vec![ContentPart::Text(text)],
            is_error,
        })
    }

    /// Closes a step, which has to be open.
    fn close(
        &self,
        step: &str,
        output: Option<String>,
        failure: Option<String>,
    ) -> Result<(), TraceError> {
        let mut seen = self.seen.borrow_mut();
        let at = seen.open.iter().position(|open| open == step);
        let at = at.ok_or_else(|| TraceError::NotOpen(step.to_owned()))?;
        seen.open.remove(at);
        let visit = 1 + seen
            .steps
            .iter()
            .filter(|record| record.step == step)
            .count() as u32;
        seen.steps.push(StepRecord {
            step: step.into(),
            visit,
            output,
            failure,
        });
        Ok(())
    }
}

/// Returns the two halves of a record: the answer, or what the error says.
fn both<T: Clone, E>(
    result: &Result<T, E>,
    reason: impl Fn(&E) -> String,
) -> (Option<T>, Option<String>) {
    match result {
        Ok(answer) => (Some(answer.clone()), None),
        Err(error) => (None, Some(reason(error))),
    }
}

impl Imports for FakeHost {
    fn generate(&self, request: &GenerateRequest) -> Result<Completion, ProviderError> {
        self.note(Call::Generate(vec![request.clone()]));
        self.generated(request)
    }

    fn generate_many(
        &self,
        requests: &[GenerateRequest],
    ) -> Vec<Result<Completion, ProviderError>> {
        self.note(Call::Generate(requests.to_vec()));
        requests
            .iter()
            .map(|request| self.generated(request))
            .collect()
    }

    fn search(&self, request: &SearchRequest) -> Result<Vec<Passage>, RetrievalError> {
        self.note(Call::Search(vec![request.clone()]));
        self.found(request)
    }

    fn search_many(&self, requests: &[SearchRequest]) -> Vec<Result<Vec<Passage>, RetrievalError>> {
        self.note(Call::Search(requests.to_vec()));
        requests.iter().map(|request| self.found(request)).collect()
    }

    fn begin(&self, step: &str) -> Result<Directive, TraceError> {
        self.note(Call::Begin(step.into()));
        if self.seen.borrow().open.iter().any(|open| open == step) {
            return Err(TraceError::AlreadyOpen(step.to_owned()));
        }
        self.seen.borrow_mut().open.push(step.to_owned());
        let mut replaced = self.replaced.iter();
        match replaced.find(|(name, _)| name == step) {
            None => Ok(Directive::Run),
            Some((_, output)) => {
                self.close(step, Some(output.clone()), None)?;
                Ok(Directive::Use(output.clone()))
            }
        }
    }

    fn end(&self, step: &str, output: &str) -> Result<(), TraceError> {
        self.note(Call::End(step.into(), output.into()));
        self.close(step, Some(output.into()), None)
    }

    fn fail(&self, step: &str, reason: &str) -> Result<(), TraceError> {
        self.note(Call::Fail(step.into(), reason.into()));
        self.close(step, None, Some(reason.into()))
    }

    fn log(&self, level: Level, text: &str) {
        self.note(Call::Log(level, text.into()));
    }

    fn read_artifact(&self, _step: &str, name: &str) -> Result<Vec<u8>, ArtifactError> {
        let seen = self.seen.borrow();
        let mut blobs = self.inputs.iter().chain(&seen.written);
        let blob = blobs.find(|(known, _)| known == name);
        blob.map(|(_, data)| data.clone())
            .ok_or_else(|| ArtifactError::NotFound(name.to_owned()))
    }

    fn write_artifact(&self, _step: &str, name: &str, data: &[u8]) -> Result<(), ArtifactError> {
        if self.inputs.iter().any(|(known, _)| known == name) {
            return Err(ArtifactError::ReadOnly(name.to_owned()));
        }
        let mut seen = self.seen.borrow_mut();
        seen.written.retain(|(known, _)| known != name);
        seen.written.push((name.to_owned(), data.to_vec()));
        Ok(())
    }

    fn list_artifacts(&self, _step: &str) -> Result<Vec<ArtifactInfo>, ArtifactError> {
        let seen = self.seen.borrow();
        let info = |read_only| {
            move |(name, data): &(String, Vec<u8>)| ArtifactInfo {
                name: name.clone(),
                size: data.len() as u64,
                read_only,
            }
        };
        let inputs = self.inputs.iter().map(info(true));
        let mut all: Vec<_> = inputs.chain(seen.written.iter().map(info(false))).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    fn list_tools(&self, _step: &str) -> Result<Vec<ToolDefinition>, ToolError> {
        Ok(self.tools.iter().map(|(tool, _)| tool.clone()).collect())
    }

    fn call_tool(&self, request: &ToolRequest) -> Result<ToolResult, ToolError> {
        self.note(Call::Tools(vec![request.clone()]));
        self.used(request)
    }

    fn call_tools(&self, requests: &[ToolRequest]) -> Vec<Result<ToolResult, ToolError>> {
        self.note(Call::Tools(requests.to_vec()));
        requests.iter().map(|request| self.used(request)).collect()
    }
}
