//! Makes the components that the tests run.
//!
//! Tenants and guests in Rust are compiled as those that ship inside the host
//! are. Guests in text become components here. All of them end up in `OUT_DIR`,
//! with one const each in `artifacts.rs`.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use wasm_encoder::{
    Alias, ComponentAliasSection, ComponentExportKind, ComponentExportSection,
    ComponentInstanceSection, ComponentSection, ComponentSectionId, RawSection,
};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{Resolve, WorldId};

#[path = "../../components/guests.rs"]
mod guests;

use guests::rerun_if_changed;

/// The components written in Rust: a name for the tests, the package, and its
/// folder. Another guest needs a row here and no more.
const PACKAGES: &[(&str, &str, &str)] = &[
    ("quickstart", "quickstart", "examples/quickstart"),
    ("hotpotqa", "hotpotqa", "tenants/hotpotqa"),
    ("hostile", "guest-hostile", "tests/guests/hostile"),
    ("six-step", "six-step", "components/six-step"),
];

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = package
        .ancestors()
        .nth(2)
        .expect("the package is in `tests/artifacts`");

    rerun_if_changed(root, "wit");
    rerun_if_changed(root, "tests/guests/wat");

    let mut artifacts = Artifacts::default();
    let packages = PACKAGES
        .iter()
        .map(|(_, package, folder)| (*package, *folder));
    for ((name, _, _), from) in PACKAGES.iter().zip(guests::build(root, packages)) {
        let bytes = fs::read(&from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        artifacts.add(&out, name, &bytes);
    }
    let text = Text::new(root);
    for (name, bytes) in text.components() {
        artifacts.add(&out, &name, &bytes);
    }
    fs::write(out.join("artifacts.rs"), artifacts.source()).expect("`OUT_DIR` can be written");
}

// ---------------------------------------------------------------- the consts

/// What `artifacts.rs` will say.
#[derive(Default)]
struct Artifacts {
    consts: String,
    all: String,
}

impl Artifacts {
    /// Keeps a component, and gives it a const.
    fn add(&mut self, out: &Path, name: &str, bytes: &[u8]) {
        let path = out.join(name).with_extension("wasm");
        fs::write(&path, bytes).expect("`OUT_DIR` can be written");
        let constant = name.replace('-', "_").to_uppercase();
        writeln!(self.consts, "/// The component `{name}`.").expect("a string can be written");
        writeln!(self.consts, "pub const {constant}: &str = {path:?};").expect("as above");
        writeln!(self.all, "    ({name:?}, {constant}),").expect("as above");
    }

    fn source(&self) -> String {
        let Self { consts, all } = self;
        format!(
            "{consts}\n/// Every component, by name, with its path.\n\
             pub const ALL: &[(&str, &str)] = &[\n{all}];\n"
        )
    }
}

// ----------------------------------------------------------- guests in text

/// The guests of `tests/guests/wat`, whose README says what each folder holds.
struct Text {
    folder: PathBuf,
    resolve: Resolve,
    /// The world of a chain that is a component by itself.
    chain: WorldId,
    /// The world of a chain that calls what stands beside it.
    beside: WorldId,
    /// The same, with nothing to call.
    alone: WorldId,
}

/// Worlds whose chain brings its types along: the component around it need not
/// import them for it.
const WORLDS: &str = "
    package fapo:beside;
    world beside {
        import attack: func();
        export fapo:tenant/types@0.1.0;
        export fapo:tenant/chain@0.1.0;
    }
    world alone {
        export fapo:tenant/types@0.1.0;
        export fapo:tenant/chain@0.1.0;
    }
";

/// The interface that a chain exports, and that of the types it uses.
const CHAIN: &str = "fapo:tenant/chain@0.1.0";
const TYPES: &str = "fapo:tenant/types@0.1.0";

/// The parts of a chain's core module: the text by which one is known to be
/// there, and the honest one that stands in where it is not.
const PARTS: [(&str, &str); 4] = [
    ("(export \"memory\")", "memory"),
    ("(export \"cabi_realloc\")", "realloc"),
    ("(export \"fapo:tenant/chain@0.1.0#describe\")", "describe"),
    ("(export \"fapo:tenant/chain@0.1.0#run\")", "run"),
];

impl Text {
    fn new(root: &Path) -> Self {
        let mut resolve = Resolve::default();
        let (contract, _) = resolve
            .push_dir(root.join("wit"))
            .expect("the contract is well-formed");
        let beside = resolve
            .push_str("beside.wit", WORLDS)
            .expect("the worlds are well-formed");
        let world = |package, name| {
            resolve
                .select_world(&[package], Some(name))
                .expect("the world is there")
        };
        Self {
            folder: root.join("tests/guests/wat"),
            chain: world(contract, "chain-component"),
            beside: world(beside, "beside"),
            alone: world(beside, "alone"),
            resolve,
        }
    }

    /// Returns every component with its name, in an order that is always the same.
    fn components(&self) -> Vec<(String, Vec<u8>)> {
        let mut components = Vec::new();
        for (folder, make) in [
            ("chains", Self::chain as fn(&Self, &str) -> Vec<u8>),
            ("beside", Self::beside),
            ("whole", Self::whole),
        ] {
            let folder = self.folder.join(folder);
            let mut files: Vec<PathBuf> = fs::read_dir(folder)
                .expect("the folder is there")
                .map(|entry| entry.expect("the folder can be read").path())
                .collect();
            files.sort();
            for file in files {
                let name = file
                    .file_stem()
                    .expect("a file has a name")
                    .to_string_lossy();
                let text = fs::read_to_string(&file).expect("the file can be read");
                components.push((name.into_owned(), make(self, &text)));
            }
        }
        components
    }

    /// Returns the chain whose core module has these fields, and honest ones
    /// for the rest.
    fn chain(&self, fields: &str) -> Vec<u8> {
        let mut fields = fields.to_owned();
        for (known_by, part) in PARTS {
            if !fields.contains(known_by) {
                fields += &self.honest(part);
            }
        }
        self.encode(&fields, self.chain)
    }

    /// Returns a component with an honest chain added that calls its last function.
    fn beside(&self, text: &str) -> Vec<u8> {
        let mut component = self.whole(text);
        let features = wasmparser::WasmFeatures::all();
        let types = wasmparser::Validator::new_with_features(features)
            .validate_all(&component)
            .unwrap_or_else(|error| panic!("{error}:\n{text}"));
        let n_functions = types.as_ref().component_function_count();
        let n_components = types.as_ref().component_count();
        let n_instances = types.as_ref().component_instance_count();

        let (run, world) = match n_functions {
            0 => ("run", self.alone),
            _ => ("run-beside", self.beside),
        };
        let parts = [run, "memory", "realloc", "describe"].map(|part| self.honest(part));
        let chain = self.encode(&parts.concat(), world);
        RawSection {
            id: ComponentSectionId::Component.into(),
            data: &chain,
        }
        .append_to_component(&mut component);

        let mut instances = ComponentInstanceSection::new();
        let attack = n_functions.checked_sub(1);
        let arguments = attack.map(|last| ("attack", ComponentExportKind::Func, last));
        instances.instantiate(n_components, arguments);
        instances.append_to_component(&mut component);

        // Its types are exported first: an export may speak of no others.
        for (n, interface) in (1..).zip([TYPES, CHAIN]) {
            let mut aliases = ComponentAliasSection::new();
            aliases.alias(Alias::InstanceExport {
                instance: n_instances,
                kind: ComponentExportKind::Instance,
                name: interface,
            });
            aliases.append_to_component(&mut component);
            // An export takes a number of its own, as the alias did.
            let mut exports = ComponentExportSection::new();
            let alias = n_instances + 2 * n - 1;
            exports.export(interface, ComponentExportKind::Instance, alias, None);
            exports.append_to_component(&mut component);
        }
        component
    }

    /// Returns the component as it stands.
    fn whole(&self, text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn honest(&self, part: &str) -> String {
        let file = self.folder.join("honest").join(part).with_extension("wat");
        fs::read_to_string(file).expect("the part is there")
    }

    /// Returns the component around a core module.
    fn encode(&self, fields: &str, world: WorldId) -> Vec<u8> {
        let mut module = self.whole(&format!("(module\n{fields})"));
        wit_component::embed_component_metadata(
            &mut module,
            &self.resolve,
            world,
            StringEncoding::UTF8,
        )
        .expect("the world can be encoded");
        ComponentEncoder::default()
            .validate(false)
            .module(&module)
            .and_then(|mut encoder| encoder.encode())
            .unwrap_or_else(|error| panic!("{error:?}:\n{fields}"))
    }
}
