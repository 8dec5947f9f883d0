//! The same six steps without a sandbox: as native code in this process, and
//! in a fresh process for each case, with its imports at the other end of a
//! pipe. What these cost is what a sandbox is compared with.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};

use fapo_sdk::bindings::artifacts::{ArtifactError, ArtifactInfo};
use fapo_sdk::bindings::log::Level;
use fapo_sdk::bindings::tools::{ToolError, ToolRequest, ToolResult};
use fapo_sdk::bindings::trace::{Directive, TraceError};
use fapo_sdk::{
    Completion, GenerateRequest, Host, Imports, Passage, ProviderError, RetrievalError,
    SearchRequest, Settings, TestCase, ToolDefinition, fake,
};
use six_step::SixStep;

/// The argument that makes this program run one case and end.
const CHILD_ARGUMENT: &str = "bench-child";

/// What every model call is answered, and what every passage says.
#[derive(Clone)]
pub(super) struct Canned {
    pub(super) reply: String,
    pub(super) passage: String,
}

/// Returns the question of every case.
pub(super) fn context(question: &str) -> serde_json::Value {
    serde_json::json!({ "question": question })
}

/// Runs one case as native code.
pub(super) fn run(settings: &Settings, question: &str, host: &Host) -> usize {
    let case = TestCase::new("1", &context(question));
    let outcome =
        fapo_sdk::chain::run::<SixStep>(case, settings, host).expect("canned answers fail no step");
    outcome.output_text.len()
}

/// Returns the settings of the chain's baseline.
pub(super) fn settings() -> Settings {
    fake::settings::<SixStep>()
}

/// Answers at once.
impl Imports for Canned {
    fn generate(&self, _request: &GenerateRequest) -> Result<Completion, ProviderError> {
        Ok(Completion::from(self.reply.as_str()))
    }

    fn search(&self, request: &SearchRequest) -> Result<Vec<Passage>, RetrievalError> {
        Ok((0..request.k)
            .map(|n| Passage::new(&n.to_string(), "Title", &self.passage))
            .collect())
    }

    fn begin(&self, _step: &str) -> Result<Directive, TraceError> {
        Ok(Directive::Run)
    }

    fn end(&self, _step: &str, _output: &str) -> Result<(), TraceError> {
        Ok(())
    }

    fn fail(&self, _step: &str, _reason: &str) -> Result<(), TraceError> {
        Ok(())
    }

    fn generate_many(
        &self,
        requests: &[GenerateRequest],
    ) -> Vec<Result<Completion, ProviderError>> {
        requests
            .iter()
            .map(|request| self.generate(request))
            .collect()
    }

    fn search_many(&self, requests: &[SearchRequest]) -> Vec<Result<Vec<Passage>, RetrievalError>> {
        requests
            .iter()
            .map(|request| self.search(request))
            .collect()
    }

    fn log(&self, _level: Level, _text: &str) {}

    fn read_artifact(&self, _step: &str, name: &str) -> Result<Vec<u8>, ArtifactError> {
        Err(ArtifactError::NotFound(name.into()))
    }

    fn write_artifact(&self, _step: &str, name: &str, _data: &[u8]) -> Result<(), ArtifactError> {
        Err(ArtifactError::ReadOnly(name.into()))
    }

    fn list_artifacts(&self, _step: &str) -> Result<Vec<ArtifactInfo>, ArtifactError> {
        Ok(Vec::new())
    }

    fn list_tools(&self, _step: &str) -> Result<Vec<ToolDefinition>, ToolError> {
        Ok(Vec::new())
    }

    fn call_tool(&self, request: &ToolRequest) -> Result<ToolResult, ToolError> {
        Err(ToolError::UnknownTool(request.name.clone()))
    }

    fn call_tools(&self, requests: &[ToolRequest]) -> Vec<Result<ToolResult, ToolError>> {
        requests
            .iter()
            .map(|request| self.call_tool(request))
            .collect()
    }
}

/// Runs one case in a process of its own, and answers its calls.
///
/// Each call is a line there and a line back, the shortest protocol there is.
pub(super) fn run_process(canned: &Canned, question: &str) -> io::Result<()> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(CHILD_ARGUMENT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut to = child.stdin.take().expect("stdin is a pipe");
    writeln!(to, "{question}")?;
    for line in BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines() {
        let asked = line?;
        writeln!(
            to,
            "{}",
            if asked.starts_with("search") {
                &canned.passage
            } else {
                &canned.reply
            }
        )?;
    }
    child.wait().map(|_| ())
}

/// Runs one case, if that is what this process was started for.
pub(crate) fn child_if_asked() -> Option<ExitCode> {
    if std::env::args().nth(1)? != CHILD_ARGUMENT {
        return None;
    }
    let question = read_line();
    run(&settings(), &question, &Piped);
    Some(ExitCode::SUCCESS)
}

fn read_line() -> String {
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .expect("the parent answers");
    line
}

/// Asks at the other end of a pipe.
struct Piped;

impl Piped {
    fn ask(&self, kind: &str, text: &str) -> String {
        let mut out = io::stdout().lock();
        writeln!(out, "{kind} {}", text.replace('\n', " "))
            .and_then(|()| out.flush())
            .expect("the parent reads");
        read_line()
    }
}

macro_rules! the_rest_is_canned {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $answer:ty;)+) => {
        $(fn $name(&self, $($arg: $ty),*) -> $answer {
            Canned { reply: String::new(), passage: String::new() }.$name($($arg),*)
        })+
    };
}

impl Imports for Piped {
    fn generate(&self, request: &GenerateRequest) -> Result<Completion, ProviderError> {
        let text: String = request
            .messages
            .iter()
            .map(|message| message.text())
            .collect();
        Ok(Completion::from(self.ask("generate", &text).as_str()))
    }

    fn search(&self, request: &SearchRequest) -> Result<Vec<Passage>, RetrievalError> {
        let passage = self.ask("search", &request.query);
        Ok((0..request.k)
            .map(|n| Passage::new(&n.to_string(), "Title", &passage))
            .collect())
    }

    the_rest_is_canned! {
        begin(step: &str) -> Result<Directive, TraceError>;
        end(step: &str, output: &str) -> Result<(), TraceError>;
        fail(step: &str, reason: &str) -> Result<(), TraceError>;
        generate_many(requests: &[GenerateRequest]) -> Vec<Result<Completion, ProviderError>>;
        search_many(requests: &[SearchRequest]) -> Vec<Result<Vec<Passage>, RetrievalError>>;
        log(level: Level, text: &str) -> ();
        read_artifact(step: &str, name: &str) -> Result<Vec<u8>, ArtifactError>;
        write_artifact(step: &str, name: &str, data: &[u8]) -> Result<(), ArtifactError>;
        list_artifacts(step: &str) -> Result<Vec<ArtifactInfo>, ArtifactError>;
        list_tools(step: &str) -> Result<Vec<ToolDefinition>, ToolError>;
        call_tool(request: &ToolRequest) -> Result<ToolResult, ToolError>;
        call_tools(requests: &[ToolRequest]) -> Vec<Result<ToolResult, ToolError>>;
    }
}
