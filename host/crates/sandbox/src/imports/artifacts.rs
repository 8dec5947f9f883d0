//! `fapo:tenant/artifacts`: named blobs, under a quota.

use std::sync::Arc;

use fapo_core::Untrusted;
use fapo_core::call::{ArtifactError, is_artifact_name};
use fapo_core::manifest::Capability;
use fapo_core::trace::{ArtifactOperation, CallBody};

use super::{ArtifactStore, CallSite};
use crate::bindings::fapo::tenant::artifacts::{self as wit, Host};
use crate::convert;
use crate::guest::Guest;
use crate::recorder::{Spent, within};

impl Host for Guest {
    async fn read(
        &mut self,
        step: String,
        name: String,
    ) -> wasmtime::Result<Result<Vec<u8>, wit::ArtifactError>> {
        let call = self.artifact_call(step, ArtifactOperation::Read, Some(&name), 0)?;
        let read = match call {
            Ok((store, site, at)) => {
                let read = self.ask(store.read(site, name)).await;
                let bytes_max = self.limits().answer_bytes_max;
                let read = match read {
                    Ok(data) if data.len() as u64 > bytes_max => {
                        let why = format!(
                            "the blob is larger than `answer_bytes_max`, which is {bytes_max}"
                        );
                        Err(ArtifactError::Other(why.into()))
                    }
                    read => read,
                };
                self.artifact_ended(at, read.as_ref().map(|data| data.len() as u64));
                read
            }
            Err(refused) => Err(refused),
        };
        Ok(read.map_err(convert::artifact_error_out))
    }

    async fn write(
        &mut self,
        step: String,
        name: String,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<(), wit::ArtifactError>> {
        let bytes = data.len() as u64;
        let call = self.artifact_call(step, ArtifactOperation::Write, Some(&name), bytes)?;
        let written = match call {
            Ok((store, site, at)) => {
                // What is written anew replaces what was there in the sum, too.
                let sum = self
                    .artifact_bytes
                    .iter()
                    .filter(|(n, _)| **n != name)
                    .map(|(_, b)| b)
                    .sum::<u64>()
                    + bytes;
                within("artifact_bytes_max", self.limits().artifact_bytes_max, sum)?;
                let written = self.ask(store.write(site, name.clone(), data)).await;
                if written.is_ok() {
                    self.artifact_bytes.insert(name, bytes);
                }
                self.artifact_ended(at, written.as_ref().map(|()| bytes));
                written
            }
            Err(refused) => Err(refused),
        };
        Ok(written.map_err(convert::artifact_error_out))
    }

    async fn list(
        &mut self,
        step: String,
    ) -> wasmtime::Result<Result<Vec<wit::ArtifactInfo>, wit::ArtifactError>> {
        let call = self.artifact_call(step, ArtifactOperation::List, None, 0)?;
        let listed = match call {
            Ok((store, site, at)) => {
                let listed = self.ask(store.list(site)).await;
                self.artifact_ended(at, listed.as_ref().map(|_| 0));
                listed
            }
            Err(refused) => Err(refused),
        };
        Ok(listed
            .map(|infos| infos.into_iter().map(convert::artifact_info).collect())
            .map_err(convert::artifact_error_out))
    }
}

type Prepared = (Arc<dyn ArtifactStore>, CallSite, usize);

impl Guest {
    /// Checks and notes one call of the store. The outer error ends the guest.
    fn artifact_call(
        &mut self,
        step: String,
        operation: ArtifactOperation,
        name: Option<&str>,
        bytes: u64,
    ) -> Result<Result<Prepared, ArtifactError>, Spent> {
        self.counts.artifacts += 1;
        within(
            "artifact_calls_max",
            self.limits().artifact_calls_max,
            self.counts.artifacts,
        )?;
        let step = Untrusted::from(step);
        let store = match self.admit(Capability::Artifacts, &step, |imports| {
            imports.artifacts.as_ref()
        }) {
            Ok(store) => store.clone(),
            Err(refused) => return Ok(Err(refused.into())),
        };
        if name.is_some_and(|name| !is_artifact_name(name)) {
            return Ok(Err(ArtifactError::InvalidName(
                "a name is 1 to 128 of `A-Z a-z 0-9 . _ -`, and does not begin with a dot".into(),
            )));
        }
        let name = Untrusted::from(name.unwrap_or_default());
        let (site, at) = self.call_begins(
            step,
            CallBody::Artifact {
                operation,
                name,
                bytes,
                error: None,
            },
        );
        Ok(Ok((store, site, at)))
    }

    fn artifact_ended(&self, at: usize, ended: Result<u64, &ArtifactError>) {
        self.recorder.call_ends(at, |body| {
            if let CallBody::Artifact { bytes, error, .. } = body {
                match ended {
                    Ok(size) => *bytes = size,
                    Err(why) => *error = Some(why.clone()),
                }
            }
        });
    }
}
