//! The contract, as wasmtime reads it out of `wit/`.
//!
//! One world serves every component: whether it is a chain, a scorer or both
//! is asked of its exports, and whether it may call an import is decided when
//! it does.

wasmtime::component::bindgen!({
    path: "../../../wit",
    world: "tenant",
    imports: { default: async | trappable },
    exports: { default: async },
});
