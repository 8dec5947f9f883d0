//! Why an upload is not taken, in words that its author can act on.

use fapo_core::Untrusted;

use crate::upload::{CHAIN, SCORER};

/// Why an upload is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An empty file.
    #[error("the file is empty")]
    Empty,
    /// Native code, compiled elsewhere.
    #[error("the file is native code, and only the host compiles native code")]
    Native,
    /// A core module.
    #[error("the file is a core module, not a component")]
    CoreModule,
    /// Text, or anything else.
    #[error("the file is not a binary component: it begins with `{0}`")]
    NotWasm(Untrusted),
    /// A component that breaks off or contradicts itself.
    #[error("the component is malformed: {0}")]
    Malformed(Untrusted),
    /// A limit of the structure.
    #[error("the component has {count} {what}, and `{key}` allows {max}")]
    Limit {
        /// The key in `[limits]`.
        key: &'static str,
        /// What is counted.
        what: &'static str,
        /// How many there are, or at least are.
        count: u64,
        /// How many may be.
        max: u64,
    },
    /// An import that no tenant has.
    #[error("the component imports `{0}`, which no tenant is given")]
    Import(Untrusted),
    /// No chain and no scorer.
    #[error("the component exports neither `{CHAIN}` nor `{SCORER}`")]
    NoExport,
    /// It does not fit the contract's types, or wasm's own rules.
    #[error("the component does not validate: {0}")]
    Invalid(Untrusted),
    /// It names our interfaces, but means other types.
    #[error("the component was built against another contract: {0}")]
    Contract(Untrusted),
    /// It is well-formed, and no instance has room for it.
    #[error(
        "the component does not fit into an instance (`memories_max`, `tables_max`, `component_instances_max`): {0}"
    )]
    TooLarge(Untrusted),
    /// Compiling took more than it may.
    #[error("compiling took more than {max} {unit}, which {key} allow for this size")]
    CompileLimit {
        /// The keys in `[limits]`.
        key: &'static str,
        /// The limit for this component.
        max: u64,
        /// What is counted.
        unit: &'static str,
    },
}

impl Refusal {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty | Self::Malformed(_) | Self::NotWasm(_) => {
                "build it again with `fapo-host build`, and give the `.wasm` that it leaves in `build/`"
            }
            Self::Native => "give the `.wasm` that it was compiled from",
            Self::CoreModule => {
                "build for `wasm32-wasip2`, which makes a component; `fapo-host build` does"
            }
            Self::Limit { .. } | Self::TooLarge(_) | Self::CompileLimit { .. } => {
                "make the component smaller, or raise the key in `[limits]` of `tenant.toml`, as far as the operator allows"
            }
            Self::Import(_) => {
                "a tenant may import the interfaces of `fapo:tenant@0.1.0`; `fapo-host wit DIR` writes them out"
            }
            Self::NoExport => "call `export_chain!` or `export_scorer!` and build it again",
            Self::Invalid(_) => {
                "build it again with a toolchain for the component model of WASI 0.2"
            }
            Self::Contract(_) => "build it against the files that `fapo-host wit DIR` writes out",
        }
    }
}
