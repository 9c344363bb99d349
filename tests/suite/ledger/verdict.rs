//! What became of all the swaps, for people to read.

use std::collections::BTreeMap;
use std::fmt;

use super::Cost;

/// What became of all the swaps.
#[derive(Default)]
pub(crate) struct Verdict {
    /// Everything that must not be. Empty when all is well.
    pub(crate) wrong: Vec<String>,
    pub(crate) done: usize,
    pub(crate) failed: BTreeMap<String, usize>,
    /// By what `Table::outcome` said, and whether it is there.
    pub(crate) unknown: BTreeMap<(String, &'static str), usize>,
    pub(super) reasons: BTreeMap<String, usize>,
    pub(crate) under_way: usize,
    pub(super) under_way_applied: usize,
    /// Positions that no report shows, and between how many that some do.
    pub(super) in_gaps: usize,
    pub(super) gaps: usize,
    pub(super) killed: usize,
    pub(super) costs: Vec<Cost>,
}

impl Verdict {
    pub(crate) fn indeterminate(&self) -> usize {
        self.unknown.values().sum()
    }

    pub(crate) fn failed(&self) -> usize {
        self.failed.values().sum()
    }

    /// Panics unless every token is where its writer was told.
    pub(crate) fn assert_sound(&self) {
        let first: Vec<_> = self.wrong.iter().take(20).collect();
        assert!(first.is_empty(), "{} things wrong, such as {first:#?}", self.wrong.len());
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let swaps = self.done + self.failed() + self.indeterminate();
        #[allow(clippy::cast_precision_loss)]
        let share = 100.0 * self.indeterminate() as f64 / swaps.max(1) as f64;
        writeln!(
            f,
            "  {swaps} swaps ended: {} acknowledged, {} wrong",
            self.done,
            self.wrong.len()
        )?;
        writeln!(f, "  indeterminate: {} ({share:.4} %)", self.indeterminate())?;
        for ((outcome, there), count) in &self.unknown {
            writeln!(f, "    asked later: {outcome}; in the log: {there}: {count}")?;
        }
        for (reason, count) in &self.reasons {
            writeln!(f, "    {reason}: {count}")?;
        }
        for (kind, count) in &self.failed {
            writeln!(f, "  failed cleanly, {kind}: {count}")?;
        }
        if self.gaps > 0 {
            writeln!(
                f,
                "  {} positions in {} gaps that no report shows: each explained",
                self.in_gaps, self.gaps
            )?;
        }
        if self.killed > 0 {
            let (ways, there) = (self.under_way, self.under_way_applied);
            writeln!(
                f,
                "  {} processes killed, {ways} swaps under way, {there} of them applied",
                self.killed
            )?;
        }
        let sum =
            |of: fn(&Cost) -> u32| self.costs.iter().map(|cost| u64::from(of(cost))).sum::<u64>();
        let recovered = self.costs.iter().filter(|cost| cost.recovered).count();
        let shared = sum(|cost| cost.shared) / self.costs.len().max(1) as u64;
        writeln!(
            f,
            "  {recovered} recovered after a lost reply, {} conflicts met, about {shared} swaps a write",
            sum(|cost| cost.conflicts),
        )?;
        let mut micros: Vec<u64> = self.costs.iter().map(|cost| cost.micros).collect();
        micros.sort_unstable();
        let at = |part: usize| {
            micros.get((micros.len() * part / 1000).min(micros.len().saturating_sub(1)))
        };
        let ms = |micros: Option<&u64>| micros.map_or(0, |micros| micros / 1000);
        write!(
            f,
            "  a swap took {} ms in the middle, {} ms at 99 %, {} ms at most",
            ms(at(500)),
            ms(at(990)),
            ms(micros.last()),
        )
    }
}
