//! The sandbox of a process: one engine, one linker, one runtime for guests that
//! are busy.

use std::path::PathBuf;
use std::sync::Arc;

use fapo_core::limits::Limits;
use fapo_core::manifest::{Grants, Role};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component as Code, HasSelf, InstancePre, Linker};

use crate::bindings::Tenant as Contract;
use crate::compile::{CodeStore, CompileError, CompileReport, Compiler};
use crate::engine::{self, Allocation};
use crate::exports::{ChainExports, ScorerExports};
use crate::guest::Guest;
use crate::imports::Imports;
use crate::refusal::Refusal;
use crate::tenant::{Binding, Tenant};
use crate::upload::{self, Structure};
use crate::wasi;

/// How a sandbox is set up.
#[derive(Debug)]
pub struct Setup {
    /// The program that compiles when it is given
    /// [`CHILD_ARGUMENT`](crate::compile::CHILD_ARGUMENT).
    pub compiler: PathBuf,
    /// Where compiled code is kept.
    pub store: Option<CodeStore>,
    /// Wasm stack of every guest.
    pub stack_bytes_max: u64,
    /// Threads for guests that are busy.
    pub threads: usize,
}

/// A place where tenants run.
pub struct Sandbox {
    shared: Arc<Shared>,
    linker: Linker<Guest>,
    compiler: Compiler,
    allocation: Allocation,
    /// Where guests go on that are busy: one that spins would delay every timer
    /// and socket beside it.
    busy: Option<Runtime>,
}

/// What every instance needs of its sandbox.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) threads: Arc<Threads>,
    /// Places for instances: a case waits here rather than finding the pool full.
    pub(crate) places: Arc<Semaphore>,
}

/// Where guests run.
pub(crate) struct Threads {
    /// Where they begin, imports are served, and timers are kept.
    pub(crate) io: Handle,
    /// Where those go on that keep a thread for as long as one may.
    pub(crate) busy: Handle,
}

/// A component that was compiled and linked.
pub struct Component {
    /// SHA-256 of its bytes.
    pub digest: String,
    /// What its structure says.
    pub structure: Structure,
    /// What compiling it took.
    pub compiled: CompileReport,
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) chain: Option<ChainExports>,
    pub(crate) scorer: Option<ScorerExports>,
}

/// Why a sandbox cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("could not set up the sandbox: {0}")]
pub struct SetupError(String);

/// What lives in a sandbox now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Live {
    /// Places that are taken.
    pub places: u64,
    /// Instances of components.
    pub components: u64,
    /// Core instances.
    pub instances: u64,
    /// Linear memories.
    pub memories: u64,
    /// Tables.
    pub tables: u64,
    /// Fiber stacks.
    pub stacks: u64,
}

impl Sandbox {
    /// Sets up a sandbox. Once for a process: engines do not share their slots.
    ///
    /// It must be called inside the runtime in which guests are to begin, and
    /// their imports to be served.
    pub fn new(setup: Setup) -> Result<Self, SetupError> {
        let failed = |error: wasmtime::Error| SetupError(format!("{error:#}"));
        let io = Handle::try_current().map_err(|error| SetupError(error.to_string()))?;
        let built = engine::build(setup.stack_bytes_max as usize).map_err(failed)?;
        let mut linker = Linker::new(&built.engine);
        wasi::link(&mut linker).map_err(failed)?;
        Contract::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)
            .map_err(failed)?;
        let busy = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(setup.threads.max(1))
            .thread_name("fapo-busy")
            .build()
            .map_err(|error| SetupError(error.to_string()))?;
        Ok(Self {
            shared: Arc::new(Shared {
                engine: built.engine,
                threads: Arc::new(Threads {
                    io,
                    busy: busy.handle().clone(),
                }),
                places: Arc::new(Semaphore::new(engine::CASES_IN_FLIGHT_MAX as usize)),
            }),
            linker,
            compiler: Compiler {
                program: setup.compiler,
                store: setup.store,
            },
            allocation: built.allocation,
            busy: Some(busy),
        })
    }

    /// Reads, compiles and links a component. Nothing of it runs yet.
    pub async fn load(
        &self,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Arc<Component>, CompileError> {
        let structure = upload::inspect(bytes, limits)?;
        upload::check_names(&structure)?;
        let digest = format!("{:x}", Sha256::digest(bytes));
        let (code, compiled) = self
            .compiler
            .code(&self.shared.engine, &digest, bytes, limits)
            .await?;
        let code = self.deserialize(&code)?;
        let pre = self
            .linker
            .instantiate_pre(&code)
            .map_err(|error| Refusal::Contract(format!("{error:#}").into()))?;
        let (chain, scorer) = (ChainExports::of(&pre), ScorerExports::of(&pre));
        if chain.is_none() && scorer.is_none() {
            return Err(
                Refusal::Contract("its exports lack functions of the contract".into()).into(),
            );
        }
        Ok(Arc::new(Component {
            digest,
            structure,
            compiled,
            pre,
            chain,
            scorer,
        }))
    }

    fn deserialize(&self, code: &[u8]) -> Result<Code, CompileError> {
        #[expect(
            unsafe_code,
            reason = "compiled code is native code, and there is no checking it"
        )]
        // SAFETY: the bytes come from our compiler, over a pipe or from a file whose mark of the
        // host's key has just been verified on these very bytes.
        let code = unsafe { Code::deserialize(&self.shared.engine, code) };
        code.map_err(|error| Refusal::TooLarge(format!("{error:#}").into()).into())
    }

    /// Binds a component to what it may do and what stands behind its imports.
    pub fn tenant(&self, component: Arc<Component>, grants: Grants, imports: Imports) -> Tenant {
        let binding = Binding {
            component,
            grants,
            imports,
            steps: None,
        };
        Tenant {
            shared: self.shared.clone(),
            binding: Arc::new(binding),
        }
    }

    /// Tells where instances get their memory.
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }

    /// Tells what lives now; all zero when no case runs.
    pub fn live(&self) -> Live {
        let taken = engine::CASES_IN_FLIGHT_MAX as usize - self.shared.places.available_permits();
        let mut live = Live {
            places: taken as u64,
            ..Live::default()
        };
        if let Some(pool) = self.shared.engine.pooling_allocator_metrics() {
            live.components = pool.component_instances();
            live.instances = pool.core_instances();
            live.memories = pool.memories() as u64;
            live.tables = pool.tables() as u64;
            live.stacks = pool.stacks() as u64;
        }
        live
    }
}

impl Component {
    /// Tells which parts it exports.
    pub fn roles(&self) -> Vec<Role> {
        let chain = self.chain.is_some().then_some(Role::Chain);
        let scorer = self.scorer.is_some().then_some(Role::Scorer);
        chain.into_iter().chain(scorer).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(busy) = self.busy.take() {
            // A runtime must not be waited for inside another one.
            busy.shutdown_background();
        }
    }
}
