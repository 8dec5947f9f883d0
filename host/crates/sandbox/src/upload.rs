//! What can be known of an upload without compiling it.
//!
//! A compiler can be made to work for minutes by a kilobyte, so the structure
//! is read first, in one pass, in time and memory that the upload's size bounds:
//! sizes, counts, nesting, and the names it imports and exports. What passes may still be wrong wasm;
//! the compiler, in its child process, says so.

use fapo_core::Untrusted;
use fapo_core::limits::Limits;
use serde::Serialize;
use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, Encoding, Instance, Parser,
    Payload,
};

use crate::refusal::Refusal;

/// What the structure of a component says about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Structure {
    /// Size of the component.
    pub bytes: u64,
    /// Functions with a body.
    pub functions: u64,
    /// Size of the largest body.
    pub largest_function_bytes: u64,
    /// Locals of the function with the most.
    pub most_locals: u64,
    /// Linear memories that its modules define.
    pub memories: u64,
    /// What they hold from the start.
    pub memory_bytes: u64,
    /// Tables that its modules define.
    pub tables: u64,
    /// What they hold from the start.
    pub table_elements: u64,
    /// Core modules.
    pub modules: u64,
    /// Components inside components.
    pub depth: u64,
    /// Instances once nested components are flattened.
    pub instances: u64,
    /// Names that it imports.
    pub imports: Vec<Untrusted>,
    /// Names that it exports.
    pub exports: Vec<Untrusted>,
}

/// A page of linear memory.
const PAGE_BYTES: u64 = 64 << 10;

/// The export of a chain.
pub const CHAIN: &str = "fapo:tenant/chain@0.1.0";
/// The export of a scorer.
pub const SCORER: &str = "fapo:tenant/scorer@0.1.0";

/// The interfaces of the contract that a component may import.
const CONTRACT_IMPORTS: [&str; 7] = [
    "fapo:tenant/types@0.1.0",
    "fapo:tenant/provider@0.1.0",
    "fapo:tenant/retrieval@0.1.0",
    "fapo:tenant/artifacts@0.1.0",
    "fapo:tenant/trace@0.1.0",
    "fapo:tenant/tools@0.1.0",
    "fapo:tenant/log@0.1.0",
];

/// The interfaces of WASI 0.2 that a standard library names even where a
/// program uses none. What stands behind them is a virtual clock, seeded
/// randomness, captured output, and denials.
const WASI_IMPORTS: [&str; 27] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Reads the structure of an upload, and refuses what breaks a limit.
///
/// The first limit that is broken ends the reading, so the work is bounded by
/// the limits and not by what the file claims.
pub fn inspect(bytes: &[u8], limits: &Limits) -> Result<Structure, Refusal> {
    check_kind(bytes)?;
    within("component_bytes_max", "bytes", bytes.len() as u64, limits)?;
    let mut reader = Reader {
        found: Structure {
            bytes: bytes.len() as u64,
            ..Structure::default()
        },
        limits,
        open: Vec::new(),
        largest: 0,
    };
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(malformed)?;
        reader.read(payload)?;
    }
    Ok(reader.found)
}

/// Checks that all imports are ones that a tenant is given, and that there is
/// something of ours to call.
///
/// Imports are checked by name, since an import of an instance without
/// functions would link to anything.
pub fn check_names(found: &Structure) -> Result<(), Refusal> {
    if let Some(unknown) = found.imports.iter().find(|name| !is_given(name.as_str())) {
        return Err(Refusal::Import(unknown.clone()));
    }
    let ours = |name: &Untrusted| [CHAIN, SCORER].contains(&name.as_str());
    if found.exports.iter().any(ours) {
        Ok(())
    } else {
        Err(Refusal::NoExport)
    }
}

fn is_given(import: &str) -> bool {
    CONTRACT_IMPORTS.contains(&import)
        || import.split_once("@0.2.").is_some_and(|(name, patch)| {
            patch.bytes().all(|b| b.is_ascii_digit()) && WASI_IMPORTS.contains(&name)
        })
}

fn check_kind(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::Empty);
    }
    if bytes.starts_with(b"\x7fELF") || wasmtime::Engine::detect_precompiled(bytes).is_some() {
        return Err(Refusal::Native);
    }
    if Parser::is_core_wasm(bytes) {
        return Err(Refusal::CoreModule);
    }
    if !Parser::is_component(bytes) {
        let head = String::from_utf8_lossy(&bytes[..bytes.len().min(16)]).into_owned();
        return Err(Refusal::NotWasm(head.into()));
    }
    Ok(())
}

fn malformed(error: wasmparser::BinaryReaderError) -> Refusal {
    Refusal::Malformed(error.to_string().into())
}

fn within(
    key: &'static str,
    what: &'static str,
    count: u64,
    limits: &Limits,
) -> Result<(), Refusal> {
    let max = limits
        .get(key)
        .expect("keys are taken from the table of limits");
    if count <= max {
        Ok(())
    } else {
        Err(Refusal::Limit {
            key,
            what,
            count,
            max,
        })
    }
}

/// Reads payload after payload, keeping counts and a stack of open components.
struct Reader<'a> {
    found: Structure,
    limits: &'a Limits,
    /// Components and modules that have begun and not ended, the root first.
    open: Vec<Open>,
    /// The most instances that any component so far makes.
    largest: u64,
}

/// A component, or a module, that is being read.
#[derive(Default)]
struct Open {
    is_module: bool,
    /// What instantiating it makes.
    instances: u64,
    /// The same for each entry of its index space of components.
    components: Vec<u64>,
}

impl Reader<'_> {
    fn read(&mut self, payload: Payload<'_>) -> Result<(), Refusal> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(encoding),
            Payload::End(_) => {
                self.end();
                Ok(())
            }
            Payload::FunctionSection(section) => {
                self.found.functions += u64::from(section.count());
                within(
                    "component_functions_max",
                    "functions",
                    self.found.functions,
                    self.limits,
                )
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let pages = memory.map_err(malformed)?.initial;
                    self.found.memories += 1;
                    self.found.memory_bytes = self
                        .found
                        .memory_bytes
                        .saturating_add(pages.saturating_mul(PAGE_BYTES));
                }
                within("memories_max", "memories", self.found.memories, self.limits)?;
                within(
                    "memory_bytes_max",
                    "bytes of memory from the start",
                    self.found.memory_bytes,
                    self.limits,
                )
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.found.tables += 1;
                    let elements = table.map_err(malformed)?.ty.initial;
                    self.found.table_elements = self.found.table_elements.saturating_add(elements);
                }
                within("tables_max", "tables", self.found.tables, self.limits)?;
                within(
                    "table_elements_max",
                    "elements of tables from the start",
                    self.found.table_elements,
                    self.limits,
                )
            }
            Payload::CodeSectionEntry(body) => {
                let bytes = body.range().len() as u64;
                within(
                    "function_bytes_max",
                    "bytes in one function",
                    bytes,
                    self.limits,
                )?;
                self.found.largest_function_bytes = self.found.largest_function_bytes.max(bytes);
                let mut locals = 0u64;
                for group in body.get_locals_reader().map_err(malformed)? {
                    locals += u64::from(group.map_err(malformed)?.0);
                    within(
                        "function_locals_max",
                        "locals in one function",
                        locals,
                        self.limits,
                    )?;
                }
                self.found.most_locals = self.found.most_locals.max(locals);
                Ok(())
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    if let Instance::Instantiate { .. } = instance.map_err(malformed)? {
                        self.instantiate(1)?;
                    }
                }
                Ok(())
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    if let wasmparser::ComponentInstance::Instantiate {
                        component_index, ..
                    } = instance.map_err(malformed)?
                    {
                        let inner = self.component(self.open.len() - 1, component_index)?;
                        self.instantiate(inner.saturating_add(1))?;
                    }
                }
                Ok(())
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(alias.map_err(malformed)?)?;
                }
                Ok(())
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let import = import.map_err(malformed)?;
                    if matches!(import.ty, wasmparser::ComponentTypeRef::Component(_)) {
                        // Nobody could pass one in; what it makes is not known.
                        self.declare(u64::MAX);
                    }
                    if self.open.len() == 1 {
                        self.found.imports.push(import.name.name.into());
                    }
                }
                Ok(())
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export.map_err(malformed)?;
                    if export.kind == ComponentExternalKind::Component {
                        // An export gives the component another index.
                        let inner = self.component(self.open.len() - 1, export.index)?;
                        self.declare(inner);
                    }
                    if self.open.len() == 1 {
                        self.found.exports.push(export.name.name.into());
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, encoding: Encoding) -> Result<(), Refusal> {
        let is_module = encoding == Encoding::Module;
        self.open.push(Open {
            is_module,
            ..Open::default()
        });
        if is_module {
            self.found.modules += 1;
            within(
                "component_modules_max",
                "core modules",
                self.found.modules,
                self.limits,
            )
        } else {
            self.found.depth = self.found.depth.max(self.open.len() as u64 - 1);
            within(
                "component_depth_max",
                "levels of nested components",
                self.found.depth,
                self.limits,
            )
        }
    }

    fn end(&mut self) {
        let Some(closed) = self.open.pop() else {
            return;
        };
        if self.open.is_empty() {
            self.found.instances = closed.instances;
        } else if !closed.is_module {
            self.declare(closed.instances);
        }
    }

    fn alias(&mut self, alias: ComponentAlias<'_>) -> Result<(), Refusal> {
        match alias {
            ComponentAlias::Outer {
                kind: ComponentOuterAliasKind::Component,
                count,
                index,
            } => {
                let Some(level) = (self.open.len() - 1).checked_sub(count as usize) else {
                    return Err(Refusal::Malformed(
                        "an alias reaches beyond the outermost component".into(),
                    ));
                };
                let inner = self.component(level, index)?;
                self.declare(inner);
            }
            ComponentAlias::InstanceExport {
                kind: ComponentExternalKind::Component,
                ..
            } => {
                // Which one is only known to a validator; it may be the largest.
                self.declare(self.largest);
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds to what instantiating the innermost component makes.
    fn instantiate(&mut self, count: u64) -> Result<(), Refusal> {
        let innermost = self
            .open
            .last_mut()
            .expect("a section stands inside a component");
        innermost.instances = innermost.instances.saturating_add(count);
        within(
            "component_instances_max",
            "instances when flattened",
            innermost.instances,
            self.limits,
        )
    }

    /// Adds a component to the index space of the innermost one.
    fn declare(&mut self, instances: u64) {
        self.largest = self.largest.max(instances);
        let innermost = self
            .open
            .last_mut()
            .expect("a section stands inside a component");
        innermost.components.push(instances);
    }

    fn component(&self, level: usize, index: u32) -> Result<u64, Refusal> {
        self.open[level]
            .components
            .get(index as usize)
            .copied()
            .ok_or_else(|| {
                Refusal::Malformed("an instance names a component that is not there".into())
            })
    }
}
