//! Uploads that are meant to hurt whoever reads or compiles them.
//!
//! Each function returns the bytes of one. Those that are components hold the
//! honest chain too, so that nothing but the bomb is a reason to refuse them.

use wasm_encoder::{
    Alias, BlockType, CodeSection, Component, ComponentBuilder, ComponentExportKind,
    ComponentOuterAliasKind, ComponentSectionId, ComponentType, ComponentTypeRef,
    ComponentTypeSection, ComponentValType, CustomSection, Function, FunctionSection, InstanceType,
    Module, PrimitiveValType, TypeSection, ValType,
};

const MIB: usize = 1 << 20;

// ---------------------------------------------------------------- instances

/// Returns 2^20 instances in components nested twenty deep, each of which
/// instantiates the one inside it twice.
pub fn instances_by_nesting() -> Vec<u8> {
    let mut inner = leaf();
    for _ in 0..20 {
        let mut outer = ComponentBuilder::default();
        let nested = outer.component_raw(None, &inner);
        outer.instantiate(None, nested, NO_ARGUMENTS);
        outer.instantiate(None, nested, NO_ARGUMENTS);
        inner = outer.finish();
    }
    beside_chain(|outer| {
        let nested = outer.component_raw(None, &inner);
        outer.instantiate(None, nested, NO_ARGUMENTS);
    })
}

/// Returns 2^20 instances without depth: twenty components side by side, each
/// of which reaches for the one before it by an outer alias, twice.
pub fn instances_by_aliases() -> Vec<u8> {
    beside_chain(|outer| {
        let mut last = outer.component_raw(None, &leaf());
        for _ in 0..20 {
            let mut next = ComponentBuilder::default();
            let before = next.alias(None, outer_component(last));
            next.instantiate(None, before, NO_ARGUMENTS);
            next.instantiate(None, before, NO_ARGUMENTS);
            last = outer.component(None, next);
        }
        outer.instantiate(None, last, NO_ARGUMENTS);
    })
}

/// Returns 2^20 instances of a component that is passed down as an argument:
/// who counts what a component defines counts none of them.
pub fn instances_by_arguments() -> Vec<u8> {
    let import_leaf = |component: &mut ComponentBuilder| {
        let ty = component.type_component(None, &ComponentType::new());
        component.import("leaf", ComponentTypeRef::Component(ty))
    };
    beside_chain(|outer| {
        let mut bottom = ComponentBuilder::default();
        let given = import_leaf(&mut bottom);
        bottom.instantiate(None, given, NO_ARGUMENTS);
        let mut last = outer.component(None, bottom);
        for _ in 0..20 {
            let mut next = ComponentBuilder::default();
            let given = import_leaf(&mut next);
            let before = next.alias(None, outer_component(last));
            let arguments = [("leaf", ComponentExportKind::Component, given)];
            next.instantiate(None, before, arguments);
            next.instantiate(None, before, arguments);
            last = outer.component(None, next);
        }
        let given = outer.component_raw(None, &leaf());
        let arguments = [("leaf", ComponentExportKind::Component, given)];
        outer.instantiate(None, last, arguments);
    })
}

const NO_ARGUMENTS: [(&str, ComponentExportKind, u32); 0] = [];

/// Returns a component with one core instance.
fn leaf() -> Vec<u8> {
    let mut leaf = ComponentBuilder::default();
    let module = leaf.core_module(None, &Module::new());
    leaf.core_instantiate(None, module, []);
    leaf.finish()
}

fn outer_component(index: u32) -> Alias<'static> {
    Alias::Outer {
        kind: ComponentOuterAliasKind::Component,
        count: 1,
        index,
    }
}

// ---------------------------------------------------------------- functions

/// Returns one function of 513 KiB with 75 thousand branches.
pub fn function_body() -> Vec<u8> {
    core_module(&[branches(75_000)])
}

/// Returns one function of 479 KiB, below the limit, with 70 thousand branches.
pub fn function_branches() -> Vec<u8> {
    core_module(&[branches(70_000)])
}

/// Returns one function of 110 KiB, far below the limit, in which a thousand
/// values are alive in each of seven thousand loops: a compiler gives out
/// registers for seconds.
pub fn function_live_values() -> Vec<u8> {
    let locals = Function::new([(1_000, ValType::I64)]);
    core_module(&[live_values(locals, 1_000, 7_000)])
}

/// Returns 300,000 functions of two bytes, on which a compiler spends a
/// thousand times their size in memory.
pub fn functions() -> Vec<u8> {
    core_module(&vec![nothing(); 300_000])
}

/// Returns just fewer functions than one may have.
pub fn functions_just_below() -> Vec<u8> {
    core_module(&vec![nothing(); 49_000])
}

/// Returns one function with 6,000 locals, declared one by one.
pub fn locals_one_by_one() -> Vec<u8> {
    let locals = Function::new(std::iter::repeat_n((1, ValType::I64), 6_000));
    core_module(&[live_values(locals, 6_000, 6_000)])
}

/// Returns one function with 50,000 locals, declared in five bytes.
pub fn locals_in_one_group() -> Vec<u8> {
    let locals = Function::new([(50_000, ValType::I64)]);
    core_module(&[live_values(locals, 50_000, 8_000)])
}

/// Returns twenty functions with just fewer locals than one may have.
pub fn locals_just_below() -> Vec<u8> {
    let locals = Function::new([(1_990, ValType::I64)]);
    core_module(&vec![live_values(locals, 1_990, 400); 20])
}

/// Returns one function with a hundred thousand blocks in each other: the
/// compiler's time is quadratic in the depth.
pub fn blocks_deep() -> Vec<u8> {
    let mut function = Function::new([]);
    for _ in 0..100_000 {
        function.instructions().block(BlockType::Empty);
    }
    for _ in 0..=100_000 {
        function.instructions().end();
    }
    core_module(&[function])
}

/// Returns one function whose one `br_table` has four hundred thousand targets.
pub fn branch_table() -> Vec<u8> {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    code.block(BlockType::Empty).i32_const(0);
    code.br_table(vec![0; 400_000], 0).end().end();
    core_module(&[function])
}

fn nothing() -> Function {
    let mut function = Function::new([]);
    function.instructions().end();
    function
}

fn branches(n: usize) -> Function {
    let mut function = Function::new([(1, ValType::I32)]);
    for _ in 0..n {
        let mut code = function.instructions();
        code.block(BlockType::Empty).local_get(0).br_if(0).end();
    }
    function.instructions().end();
    function
}

/// Computes with the locals in so many loops, and needs all of them at the
/// end: no loop can forget one.
fn live_values(mut function: Function, n_locals: u32, n_loops: u32) -> Function {
    let mut code = function.instructions();
    for turn in 0..n_loops {
        let (to, from, with) = (turn % n_locals, turn * 7 % n_locals, turn * 13 % n_locals);
        code.loop_(BlockType::Empty);
        code.local_get(from).local_get(with).i64_mul().local_tee(to);
        code.i64_eqz().br_if(0).end();
    }
    code.local_get(0);
    for local in 1..n_locals {
        code.local_get(local).i64_mul();
    }
    code.drop().end();
    function
}

/// Returns a component that holds a module of these functions, which take and
/// return nothing.
fn core_module(functions: &[Function]) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut declared = FunctionSection::new();
    let mut code = CodeSection::new();
    for function in functions {
        declared.function(0);
        code.function(function);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&code);

    beside_chain(|component| {
        component.core_module(None, &module);
    })
}

// -------------------------------------------------------------------- types

/// Returns a type of twenty levels, each of which holds the one below twice.
pub fn types_doubled() -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    let twice = |ty: ComponentValType| [ty, ty];
    types
        .defined_type()
        .tuple(twice(PrimitiveValType::U8.into()));
    for below in 0..20 {
        let below = ComponentValType::Type(below);
        types.defined_type().tuple(twice(below));
    }
    with_types(&types)
}

/// Returns a record of a hundred thousand fields.
pub fn types_wide() -> Vec<u8> {
    let fields: Vec<_> = (0..100_000)
        .map(|n| (format!("f{n}"), PrimitiveValType::String.into()))
        .collect();
    let fields = fields.iter().map(|(name, ty)| (name.as_str(), *ty));
    let mut types = ComponentTypeSection::new();
    types.defined_type().record::<_, ComponentValType>(fields);
    with_types(&types)
}

/// Returns a hundred thousand types.
pub fn types_many() -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    for _ in 0..100_000 {
        types.defined_type().list(PrimitiveValType::String);
    }
    with_types(&types)
}

/// Returns lists of lists, a thousand deep.
pub fn types_deep() -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    types.defined_type().list(PrimitiveValType::U8);
    for below in 0..1_000 {
        types.defined_type().list(ComponentValType::Type(below));
    }
    with_types(&types)
}

/// Returns a hundred thousand imports.
pub fn imports_many() -> Vec<u8> {
    beside_chain(|component| {
        let ty = component.type_instance(None, &InstanceType::new());
        let ty = ComponentTypeRef::Instance(ty);
        for n in 0..100_000 {
            component.import(format!("evil:host/thing{n}"), ty);
        }
    })
}

/// Returns a hundred thousand exports.
pub fn exports_many() -> Vec<u8> {
    beside_chain(|component| {
        let module = component.core_module(None, &Module::new());
        for n in 0..100_000 {
            component.export(
                format!("thing{n}"),
                ComponentExportKind::Module,
                module,
                None,
            );
        }
    })
}

// -------------------------------------------------- what is not a component

/// Returns the quickstart tenant without its last part, `seed` saying how much
/// of it is left.
pub fn truncated(seed: u64) -> Vec<u8> {
    let mut bytes = crate::bytes("quickstart");
    let left = Numbers(seed).next() as usize % bytes.len();
    bytes.truncate(left);
    bytes
}

/// Returns the quickstart tenant with a few of its bits turned. It may be a
/// component still.
pub fn flipped(seed: u64) -> Vec<u8> {
    let mut bytes = crate::bytes("quickstart");
    let mut numbers = Numbers(seed);
    for _ in 0..=seed % 8 {
        // Half of the flips strike the first kilobyte, where types and sections are.
        let range = if numbers.next().is_multiple_of(2) {
            1024
        } else {
            bytes.len()
        };
        let at = numbers.next() as usize % range;
        bytes[at] ^= 1 << (numbers.next() % 8);
    }
    bytes
}

/// Returns nothing.
pub fn empty() -> Vec<u8> {
    Vec::new()
}

/// Returns the eight bytes that begin a component, of a version to come.
pub fn other_version() -> Vec<u8> {
    b"\0asm\xff\0\x01\0".to_vec()
}

/// Returns a core module.
pub fn module() -> Vec<u8> {
    Module::new().finish()
}

/// Returns a component as text, which only a host with a text parser reads.
pub fn text() -> Vec<u8> {
    b"(component (core module (func (export \"run\") (loop (br 0)))))".to_vec()
}

/// Returns the head of a program for this kind of machine.
pub fn elf() -> Vec<u8> {
    elf_head(0, 2, 0)
}

/// Returns the head of a file as wasmtime writes compiled components: loaded
/// without a check, it would be native code of the tenant's own.
pub fn compiled() -> Vec<u8> {
    const ABI_OF_WASMTIME: u8 = 200;
    const FLAG_OF_COMPONENTS: u32 = 1 << 1;
    elf_head(ABI_OF_WASMTIME, 1, FLAG_OF_COMPONENTS)
}

/// Returns the header of an ELF file of 64 bits for x86-64, without sections.
fn elf_head(abi: u8, kind: u16, flags: u32) -> Vec<u8> {
    const X86_64: u16 = 62;
    let mut head = b"\x7fELF\x02\x01\x01".to_vec();
    head.push(abi);
    head.resize(16, 0);
    head.extend(kind.to_le_bytes());
    head.extend(X86_64.to_le_bytes());
    head.extend(1u32.to_le_bytes());
    head.resize(48, 0); // The entry and the tables: there are none.
    head.extend(flags.to_le_bytes());
    head.extend(64u16.to_le_bytes());
    head.resize(64, 0);
    head
}

/// Returns 64 MiB of zeros.
pub fn zeros() -> Vec<u8> {
    vec![0; 64 * MIB]
}

/// Returns a component with a custom section of 40 MiB.
pub fn custom_section() -> Vec<u8> {
    beside_chain(|component| {
        component.custom_section(&CustomSection {
            name: "padding".into(),
            data: vec![0; 40 * MIB].into(),
        });
    })
}

/// Returns a component whose last section says that it is 4 GiB long.
pub fn section_past_the_end() -> Vec<u8> {
    with_bytes(&[
        ComponentSectionId::Type.into(),
        0xff,
        0xff,
        0xff,
        0xff,
        0x0f,
        0x01,
    ])
}

/// Returns a component whose last section's length has more bits than a number may have.
pub fn length_overflow() -> Vec<u8> {
    with_bytes(&[
        ComponentSectionId::Type.into(),
        0xff,
        0xff,
        0xff,
        0xff,
        0xff,
        0x7f,
        0x01,
    ])
}

/// Returns a component whose last section promises four billion types and ends.
pub fn count_past_the_end() -> Vec<u8> {
    with_bytes(&[
        ComponentSectionId::Type.into(),
        5,
        0xff,
        0xff,
        0xff,
        0xff,
        0x0f,
    ])
}

/// Returns a component in which a string says that it is 4 GiB long.
pub fn string_past_the_end() -> Vec<u8> {
    with_bytes(&[
        ComponentSectionId::CoreCustom.into(),
        5,
        0xff,
        0xff,
        0xff,
        0xff,
        0x0f,
    ])
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

// --------------------------------------------------------- the honest chain

/// The interface that a chain exports, and that of the types it uses.
const CHAIN: &str = "fapo:tenant/chain@0.1.0";
const TYPES: &str = "fapo:tenant/types@0.1.0";

/// Returns a component that is the honest chain, and holds what `add` adds.
fn beside_chain(add: impl FnOnce(&mut ComponentBuilder)) -> Vec<u8> {
    let mut component = ComponentBuilder::default();
    add(&mut component);
    let chain = component.component_raw(None, &crate::bytes("honest"));
    let instance = component.instantiate(None, chain, NO_ARGUMENTS);
    // Its types are exported first: an export may speak of no others.
    for interface in [TYPES, CHAIN] {
        let exported = component.alias_export(instance, interface, ComponentExportKind::Instance);
        component.export(interface, ComponentExportKind::Instance, exported, None);
    }
    component.finish()
}

/// Returns the honest chain with a section of these types in a component of its own.
fn with_types(types: &ComponentTypeSection) -> Vec<u8> {
    let mut nested = Component::new();
    nested.section(types);
    beside_chain(|component| {
        component.component_raw(None, nested.as_slice());
    })
}

/// Returns the honest chain with these bytes behind it.
fn with_bytes(bytes: &[u8]) -> Vec<u8> {
    [&crate::bytes("honest"), bytes].concat()
}
