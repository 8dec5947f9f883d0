//! `fapo:tenant/tools`: the tools that the operator granted.

use std::sync::Arc;

use fapo_core::Untrusted;
use fapo_core::call::{ToolError, ToolResult};
use fapo_core::manifest::Capability;
use fapo_core::trace::CallBody;

use crate::bindings::fapo::tenant::tools::{self as wit, Host};
use crate::bindings::fapo::tenant::types::ToolDefinition;
use crate::convert::{self, text_bytes};
use crate::guest::{Guest, answers};
use crate::recorder::{Spent, told, within};

impl Host for Guest {
    async fn list(
        &mut self,
        step: String,
    ) -> wasmtime::Result<Result<Vec<ToolDefinition>, wit::ToolError>> {
        self.counts.tools += 1;
        within(
            "tool_calls_max",
            self.limits().tool_calls_max,
            self.counts.tools,
        )?;
        let step = Untrusted::from(step);
        let tools = match self.admit(Capability::Tools, &step, |imports| imports.tools.as_deref()) {
            Ok(tools) => tools,
            Err(refused) => return Ok(Err(convert::tool_error_out(refused.into()))),
        };
        let listed = self.ask(tools.list(self.site(step, 0))).await;
        Ok(listed
            .map(|tools| tools.iter().map(convert::tool_definition_out).collect())
            .map_err(convert::tool_error_out))
    }

    async fn call(
        &mut self,
        request: wit::ToolRequest,
    ) -> wasmtime::Result<Result<wit::ToolResult, wit::ToolError>> {
        let question = self.tool_question(request)?;
        Ok(handed_over(self.ask_admitted(question).await))
    }

    async fn call_many(
        &mut self,
        requests: Vec<wit::ToolRequest>,
    ) -> wasmtime::Result<Vec<Result<wit::ToolResult, wit::ToolError>>> {
        let mut sent = Vec::with_capacity(requests.len());
        for request in requests {
            let question = self.tool_question(request)?;
            sent.push(self.send(question));
        }
        Ok(answers(sent, handed_over).await)
    }
}

type Answered = Result<Arc<ToolResult>, ToolError>;

fn handed_over(answered: Answered) -> Result<wit::ToolResult, wit::ToolError> {
    answered
        .map(|result| convert::tool_result(&result))
        .map_err(convert::tool_error_out)
}

impl Guest {
    /// Checks and notes one tool call. The outer error ends the guest.
    fn tool_question(
        &mut self,
        request: wit::ToolRequest,
    ) -> Result<Result<impl Future<Output = Answered> + Send + use<>, ToolError>, Spent> {
        self.counts.tools += 1;
        within(
            "tool_calls_max",
            self.limits().tool_calls_max,
            self.counts.tools,
        )?;
        let (step, request) = convert::tool_request(request);
        let tools = match self.admit(Capability::Tools, &step, |imports| imports.tools.as_deref()) {
            Ok(tools) => tools,
            Err(refused) => return Ok(Err(refused.into())),
        };
        self.check_request(text_bytes([&request.name, &request.arguments]))?;
        if serde_json::from_str::<serde::de::IgnoredAny>(request.arguments.as_str()).is_err() {
            return Ok(Err(ToolError::InvalidRequest(
                "the arguments are not JSON".into(),
            )));
        }
        let request = Arc::new(request);
        let (site, at) = self.call_begins(
            step,
            CallBody::Tool {
                request: request.clone(),
                answer: None,
                error: None,
            },
        );
        let recorder = self.recorder.clone();
        let check = self.answer_check();
        let answer = tools.call(site, request);
        Ok(Ok(async move {
            let answered = match answer.await {
                Ok(result) => match check(convert::parts_bytes(&result.content)) {
                    Ok(()) => Ok(Arc::new(result)),
                    Err(why) => Err(ToolError::Other(why.into())),
                },
                Err(error) => Err(error),
            };
            recorder.call_ends(at, |body| {
                if let CallBody::Tool { answer, error, .. } = body {
                    (*answer, *error) = told(&answered);
                }
            });
            answered
        }))
    }
}
