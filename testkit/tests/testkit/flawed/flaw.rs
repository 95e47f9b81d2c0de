//! The flaws of the deliberately wrong stores.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    LosesTheLastOfABatch,
    AnswersInReverse,
    DefersEveryAnswer,
    MissesDuplicates,
    AddsOneByOne,
    OverwritesOthers,
    ForgetsCompletions,
    LosesRounds,
    KeepsOldPlaces,
    RenewsIds,
    IgnoresPriority,
    IgnoresSequence,
    OrdersByClock,
    ExceedsTheLimit,
    ClaimsTwice,
    ClaimsEarly,
    ClaimsHeldItems,
    ClaimsBeforeItSettles,
    NamesNoDueTime,
    KeepsLongWaits,
    ForgetsAttempts,
    CountsWhatWasGivenBack,
    AcceptsStaleTokens,
    SettlesForAnotherRun,
    RepeatsClaimNumbers,
    ServesEveryRun,
    ServesEndedRuns,
    CarriesOutAgain,
    IgnoresScopes,
    KeepsHalfARequeue,
    ForgetsLastAttemptsOnRequeue,
    RemovesWhatIsProcessed,
    KeepsHalfARemoval,
    HidesCancellations,
    RetriesCancelledItems,
    PagesBySequence,
    SkipsBetweenPages,
    Miscounts,
    PeeksAtHeldItems,
    NamesNoRunsThatAreLeft,
    ReportsTheLivingAsDead,
    ReportsOtherHostsAsDead,
    ForgetsLocations,
    RemembersTheRecovered,
    RecoversTheLiving,
    RecoversOtherHosts,
    ForgetsWhenClosed,
    UsesNumbersAgain,
    LosesClaimsOnClose,
    NoticesNothing,
    ServesLostLeases,
    KeepsLostLeasesSecret,
    /// Loses the settlements of exchanges that claim nothing.
    LosesResults,
    /// Reports live runs as dead, and recovers their claims.
    RobsTheLiving,
}

impl Flaw {
    pub(crate) fn needs_leases(self) -> bool {
        matches!(self, Self::ServesLostLeases | Self::KeepsLostLeasesSecret)
    }
}
