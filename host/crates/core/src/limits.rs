//! What a tenant may use, key by key.
//!
//! Each limit is a key of `[limits]` in `tenant.toml`. It has a default, and a
//! ceiling that the operator's `policy.toml` may lower or raise. The table
//! below is the only list: the struct, the keys, the help and the tests' roll
//! call of hostile guests are made from it.

use serde::{Deserialize, Serialize};

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident = $default:expr, up to $ceiling:expr;)+) => {
        /// The limits that hold for one tenant, after its manifest and the
        /// operator's policy were read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        /// Limits as a file writes them: any of the keys, and no other.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct WrittenLimits {
            $($(#[doc = $doc])+
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub $name: Option<u64>,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Limits {
            /// Every key, in the order of the table.
            pub const KEYS: &[LimitKey] = &[
                $(LimitKey {
                    name: stringify!($name),
                    default: $default,
                    ceiling: $ceiling,
                    doc: concat!($($doc, "\n",)+),
                },)+
            ];

            /// Returns the limits of a tenant under an operator's ceilings.
            ///
            /// A manifest that asks for more than its ceiling is refused, since a
            /// tenant that silently got less would fail in a way that its author
            /// cannot see. A default above the ceiling just becomes the ceiling.
            pub fn resolve(tenant: &WrittenLimits, ceilings: &WrittenLimits) -> Result<Self, LimitAboveCeiling> {
                Ok(Self {
                    $($name: {
                        let ceiling = ceilings.$name.unwrap_or($ceiling);
                        match tenant.$name {
                            Some(asked) if asked > ceiling => {
                                return Err(LimitAboveCeiling { key: stringify!($name), asked, ceiling });
                            }
                            Some(asked) => asked,
                            None => ceiling.min($default),
                        }
                    },)+
                })
            }

            /// Returns the value of a key.
            pub fn get(&self, key: &str) -> Option<u64> {
                match key {
                    $(stringify!($name) => Some(self.$name),)+
                    _ => None,
                }
            }
        }

        impl WrittenLimits {
            /// Sets a key by its name; false when there is no such key.
            pub fn set(&mut self, key: &str, value: u64) -> bool {
                match key {
                    $(stringify!($name) => self.$name = Some(value),)+
                    _ => return false,
                }
                true
            }
        }
    };
}

/// One row of the table of limits.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LimitKey {
    /// The key in `[limits]`.
    pub name: &'static str,
    /// What holds when the manifest is silent.
    pub default: u64,
    /// What a manifest may ask for when the policy is silent.
    pub ceiling: u64,
    /// What the limit guards against.
    pub doc: &'static str,
}

/// A manifest asks for more than the operator allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("limit `{key}` is {asked}, and the operator allows at most {ceiling}")]
pub struct LimitAboveCeiling {
    /// The key in `[limits]`.
    pub key: &'static str,
    /// What the manifest asks for.
    pub asked: u64,
    /// What the operator allows.
    pub ceiling: u64,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

limits! {
    // Of the component itself, before and while it is compiled.

    /// Size of a component. Compiling costs time and memory in proportion.
    component_bytes_max = 32 * MIB, up to 64 * MIB;
    /// Functions in a component: many tiny ones cost more than their bytes.
    component_functions_max = 50_000, up to 200_000;
    /// Size of one function's body: compiling is quadratic in it at worst.
    function_bytes_max = 512 * KIB, up to MIB;
    /// Locals of one function: register allocation is quadratic in them.
    function_locals_max = 2_000, up to 10_000;
    /// Core modules in a component.
    component_modules_max = 64, up to 128;
    /// Components nested in components.
    component_depth_max = 8, up to 16;
    /// Instances once nested components are flattened: each level can double them.
    component_instances_max = 64, up to 128;
    /// CPU time of compiling, beside `compile_cpu_ms_per_mib`.
    compile_cpu_ms_max = 3_000, up to 60_000;
    /// CPU time of compiling for each MiB of the component.
    compile_cpu_ms_per_mib = 1_500, up to 10_000;
    /// Address space of the process that compiles, beside eight times the component's size.
    compile_memory_bytes_max = 768 * MIB, up to 4096 * MIB;

    // Of one instance. A case runs the chain in one, and the scorer in another.

    /// Sum of all linear memories.
    memory_bytes_max = 128 * MIB, up to 1024 * MIB;
    /// Linear memories.
    memories_max = 4, up to 4;
    /// Sum of the elements of all tables.
    table_elements_max = 20_000, up to 100_000;
    /// Tables.
    tables_max = 8, up to 8;
    /// Wasm stack: recursion ends here.
    stack_bytes_max = 512 * KIB, up to 1024 * KIB;
    /// CPU time of the chain in one case, start functions included. Waiting is free.
    cpu_ms_max = 5_000, up to 600_000;
    /// CPU time of the scorer in one case.
    scorer_cpu_ms_max = 1_000, up to 60_000;
    /// Time of the chain in one case by the clock on the wall, waiting included.
    wall_ms_max = 600_000, up to 86_400_000;
    /// Time of the scorer in one case by the clock on the wall.
    scorer_wall_ms_max = 60_000, up to 3_600_000;

    // Of what passes between guest and host.

    /// Bytes that one call may carry out of the guest, arguments or results.
    hostcall_bytes_max = 8 * MIB, up to 64 * MIB;
    /// Handles to resources that an instance may hold.
    handles_max = 1_000, up to 10_000;
    /// Resources that the host holds for an instance.
    resources_max = 256, up to 4_096;
    /// Bytes of one request for a model, a search or a tool.
    request_bytes_max = 4 * MIB, up to 64 * MIB;
    /// Bytes of one answer from a model, a search or a tool.
    answer_bytes_max = 8 * MIB, up to 64 * MIB;
    /// Sum of the requests and answers of one case, all of which are kept for its record.
    call_bytes_max = 64 * MIB, up to 1024 * MIB;
    /// Model calls of the chain in one case.
    provider_calls_max = 256, up to 100_000;
    /// Model calls of the scorer in one case.
    judge_calls_max = 16, up to 1_000;
    /// Searches in one case.
    retrieval_calls_max = 1_024, up to 100_000;
    /// Bytes of one query: each word of it is looked up in the whole index.
    retrieval_query_bytes_max = 64 * KIB, up to MIB;
    /// Passages of one search.
    retrieval_k_max = 1_000, up to 10_000;
    /// Tool calls in one case, listing included.
    tool_calls_max = 256, up to 100_000;
    /// Calls of the artifact store in one case.
    artifact_calls_max = 64, up to 100_000;
    /// Sum of the blobs that one case writes.
    artifact_bytes_max = 16 * MIB, up to 1024 * MIB;
    /// Steps begun in one case.
    trace_events_max = 10_000, up to 1_000_000;
    /// Sum of the step outputs and failures told in one case.
    trace_bytes_max = 8 * MIB, up to 256 * MIB;
    /// Log text kept of one case; the rest is dropped and counted.
    log_bytes_max = 64 * KIB, up to 16 * MIB;
    /// Standard output and error kept of one case; the rest is dropped and counted.
    stdio_bytes_max = 64 * KIB, up to 16 * MIB;
    /// Random bytes of one call.
    random_bytes_max = 4 * KIB, up to MIB;
    /// Bytes of an outcome, a score or a description.
    output_bytes_max = MIB, up to 16 * MIB;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(key: &str, value: u64) -> WrittenLimits {
        let mut limits = WrittenLimits::default();
        assert!(limits.set(key, value));
        limits
    }

    #[test]
    fn a_silent_manifest_gets_the_defaults() {
        let limits = Limits::resolve(&WrittenLimits::default(), &WrittenLimits::default()).unwrap();
        assert_eq!(limits, Limits::default());
    }

    #[test]
    fn no_default_is_above_its_ceiling() {
        for key in Limits::KEYS {
            assert!(key.default <= key.ceiling, "{}", key.name);
        }
    }

    #[test]
    fn a_manifest_may_ask_up_to_the_ceiling_and_not_beyond() {
        let ceilings = written("cpu_ms_max", 100);
        let at = Limits::resolve(&written("cpu_ms_max", 100), &ceilings).unwrap();
        assert_eq!(at.cpu_ms_max, 100);
        let above = Limits::resolve(&written("cpu_ms_max", 101), &ceilings).unwrap_err();
        assert_eq!(
            (above.key, above.asked, above.ceiling),
            ("cpu_ms_max", 101, 100)
        );
    }

    #[test]
    fn a_default_above_the_operators_ceiling_becomes_the_ceiling() {
        let limits =
            Limits::resolve(&WrittenLimits::default(), &written("wall_ms_max", 7)).unwrap();
        assert_eq!(limits.wall_ms_max, 7);
    }
}
