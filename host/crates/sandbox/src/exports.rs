//! The functions that a component exports, as the host calls them.

use wasmtime::Store;
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, Instance, InstancePre, Lift, Lower, TypedFunc,
};

use crate::bindings::exports::fapo::tenant::{chain, scorer};
use crate::bindings::fapo::tenant::types as wit;
use crate::failure::Misfit;
use crate::guest::Guest;
use crate::handed::{HandedCase, HandedOutcome, HandedScoredCase, HandedSettings, HandedVisit};
use crate::upload::{CHAIN, SCORER};

/// What a component exports as a chain.
#[derive(Clone)]
pub(crate) struct ChainExports {
    all: chain::GuestIndices,
    run: ComponentExportIndex,
}

/// What a component exports as a scorer.
#[derive(Clone)]
pub(crate) struct ScorerExports {
    all: scorer::GuestIndices,
    validate_case: ComponentExportIndex,
    score_case: ComponentExportIndex,
    score_pipeline_case: ComponentExportIndex,
}

type Ran = Result<wit::Outcome, chain::ChainError>;
type Valid = Result<(), scorer::ScoreError>;
type Scored = Result<scorer::Score, scorer::ScoreError>;

type RunFn<'a> = TypedFunc<(HandedCase<'a>, HandedSettings<'a>), (Ran,)>;
type ValidateFn<'a> = TypedFunc<(HandedScoredCase<'a>, &'a str), (Valid,)>;
type ScoreFn<'a> = TypedFunc<(HandedScoredCase<'a>, &'a str, &'a str), (Scored,)>;
type ScorePipelineFn<'a> = TypedFunc<
    (
        HandedScoredCase<'a>,
        HandedOutcome<'a>,
        Vec<HandedVisit<'a>>,
        Vec<wit::CallRecord>,
        &'a str,
    ),
    (Scored,),
>;

impl ChainExports {
    /// Looks them up; none where one of them is missing.
    pub(crate) fn of(component: &InstancePre<Guest>) -> Option<Self> {
        Some(Self {
            all: chain::GuestIndices::new(component).ok()?,
            run: function(component, CHAIN, "run")?,
        })
    }

    /// Returns all functions, checked.
    pub(crate) fn load(
        &self,
        store: &mut Store<Guest>,
        instance: Instance,
    ) -> wasmtime::Result<chain::Guest> {
        self.all.load(store, &instance).map_err(misfit)
    }

    pub(crate) fn run_fn<'a>(
        &self,
        store: &mut Store<Guest>,
        instance: Instance,
    ) -> wasmtime::Result<RunFn<'a>> {
        typed(store, instance, self.run)
    }
}

impl ScorerExports {
    /// Looks them up; none where one of them is missing.
    pub(crate) fn of(component: &InstancePre<Guest>) -> Option<Self> {
        Some(Self {
            all: scorer::GuestIndices::new(component).ok()?,
            validate_case: function(component, SCORER, "validate-case")?,
            score_case: function(component, SCORER, "score-case")?,
            score_pipeline_case: function(component, SCORER, "score-pipeline-case")?,
        })
    }

    /// Returns what is called before all others, which are checked with it.
    pub(crate) fn validate_fn<'a>(
        &self,
        store: &mut Store<Guest>,
        instance: Instance,
    ) -> wasmtime::Result<ValidateFn<'a>> {
        self.all.load(&mut *store, &instance).map_err(misfit)?;
        typed(store, instance, self.validate_case)
    }

    pub(crate) fn score_fn<'a>(
        &self,
        store: &mut Store<Guest>,
        instance: Instance,
    ) -> wasmtime::Result<ScoreFn<'a>> {
        typed(store, instance, self.score_case)
    }

    pub(crate) fn score_pipeline_fn<'a>(
        &self,
        store: &mut Store<Guest>,
        instance: Instance,
    ) -> wasmtime::Result<ScorePipelineFn<'a>> {
        typed(store, instance, self.score_pipeline_case)
    }
}

fn function(
    component: &InstancePre<Guest>,
    interface: &str,
    name: &str,
) -> Option<ComponentExportIndex> {
    let component = component.component();
    let interface = component.get_export_index(None, interface)?;
    component.get_export_index(Some(&interface), name)
}

fn typed<P, R>(
    store: &mut Store<Guest>,
    instance: Instance,
    function: ComponentExportIndex,
) -> wasmtime::Result<TypedFunc<P, R>>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    instance.get_typed_func(store, function).map_err(misfit)
}

fn misfit(error: wasmtime::Error) -> wasmtime::Error {
    Misfit(format!("{error:#}")).into()
}
