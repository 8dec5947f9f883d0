//! `fapo:tenant/trace`: the course of a case.

use fapo_core::manifest::Role;

use super::Directive;
use crate::bindings::fapo::tenant::trace::{self as wit, Host};
use crate::guest::Guest;
use crate::recorder::{Close, OutOfOrder};

impl Host for Guest {
    async fn begin(
        &mut self,
        step: String,
    ) -> wasmtime::Result<Result<wit::Directive, wit::TraceError>> {
        if let Err(refused) = self.check_trace(&step) {
            return Ok(Err(refused));
        }
        let visit = match self.recorder.begin(&step)? {
            Ok(visit) => visit,
            Err(out_of_order) => return Ok(Err(refusal(out_of_order, step))),
        };
        let Some(trace) = self.replay() else {
            return Ok(Ok(wit::Directive::Run));
        };
        let mut site = self.site(step.as_str().into(), 0);
        site.visit = visit;
        match self.ask(trace.begin(site)).await {
            Directive::Run => Ok(Ok(wit::Directive::Run)),
            Directive::Use(output) => {
                let text = output.as_str().to_owned();
                let closed = self.recorder.close(&step, Close::Replaced(output))?;
                Ok(closed
                    .map(|()| wit::Directive::Use(text))
                    .map_err(|why| refusal(why, step)))
            }
        }
    }

    async fn end(
        &mut self,
        step: String,
        output: String,
    ) -> wasmtime::Result<Result<(), wit::TraceError>> {
        self.close(step, Close::Output(output.into()))
    }

    async fn fail(
        &mut self,
        step: String,
        reason: String,
    ) -> wasmtime::Result<Result<(), wit::TraceError>> {
        self.close(step, Close::Failure(reason.into()))
    }
}

impl Guest {
    fn check_trace(&self, step: &str) -> Result<(), wit::TraceError> {
        if self.role == Role::Scorer {
            return Err(wit::TraceError::Denied("a scorer has no steps".into()));
        }
        self.check_step(step)
            .map_err(|why| wit::TraceError::UnknownStep(why.into_string()))
    }

    fn close(&mut self, step: String, how: Close) -> wasmtime::Result<Result<(), wit::TraceError>> {
        if let Err(refused) = self.check_trace(&step) {
            return Ok(Err(refused));
        }
        Ok(self
            .recorder
            .close(&step, how)?
            .map_err(|why| refusal(why, step)))
    }
}

fn refusal(out_of_order: OutOfOrder, step: String) -> wit::TraceError {
    match out_of_order {
        OutOfOrder::AlreadyOpen => wit::TraceError::AlreadyOpen(step),
        OutOfOrder::NotOpen => wit::TraceError::NotOpen(step),
    }
}
