//! Puts the whole log together again and holds it against what the writers were told.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::log::{Log, Mark, key, key_of};
use super::verdict::Verdict;
use super::{Cost, Report, Task, gaps, token};

/// Takes in reports, and judges.
#[derive(Default)]
pub(crate) struct Check {
    /// What is known of the log of each key.
    logs: HashMap<String, Seen>,
    /// What each token's writer was told.
    told: HashMap<u64, Told>,
    wrong: Vec<String>,
    reasons: BTreeMap<String, usize>,
    costs: Vec<Cost>,
    killed: usize,
}

/// A log, as far as anybody saw it.
struct Seen {
    places: BTreeMap<u64, u64>,
    marks: BTreeMap<u64, Mark>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { places: BTreeMap::new(), marks: BTreeMap::from([(0, Mark::default())]) }
    }
}

enum Told {
    Done {
        key: String,
        position: u64,
    },
    Failed(String),
    Unknown {
        key: String,
        write: String,
        outcome: String,
    },
    /// Nothing, for its process was killed.
    Killed {
        key: String,
    },
}

impl Told {
    /// The key whose log the token may be in without being seen there.
    fn in_doubt(&self) -> Option<&str> {
        match self {
            Self::Unknown { key, outcome, .. } if outcome != "NotApplied" => Some(key),
            Self::Killed { key } => Some(key),
            _ => None,
        }
    }
}

impl Check {
    pub(crate) fn take(&mut self, report: Report) {
        let (token, told) = match report {
            Report::Wrong(text) => return self.wrong.push(text),
            Report::Failed { token, kind } => (token, Told::Failed(kind)),
            Report::Unknown { key, token, write, reason, outcome } => {
                // Which server it was, and how long it took, is not of interest.
                let reason = reason.split([':', '(']).next().unwrap_or_default().to_owned();
                *self.reasons.entry(reason).or_default() += 1;
                (token, Told::Unknown { key, write, outcome })
            }
            Report::Done { key, log, cost } => {
                self.see(&key, &log);
                self.costs.push(cost);
                let Some(token) = log.tail.last() else {
                    return self.wrong.push(format!("{key}: an empty log was acknowledged"));
                };
                (*token, Told::Done { key, position: log.count })
            }
        };
        if self.told.insert(token, told).is_some() {
            self.wrong.push(format!("token {token:x} was reported twice"));
        }
    }

    /// A writer was killed: of each thread, the swap after the last one it reported was under way.
    pub(crate) fn killed(&mut self, task: Task) {
        self.killed += 1;
        for thread in 0..task.threads {
            let under_way = (0..task.swaps)
                .map(|n| token(task.writer, thread, n))
                .find(|token| !self.told.contains_key(token));
            let killed = |token| (token, Told::Killed { key: key(key_of(token, task.keys)) });
            self.told.extend(under_way.map(killed));
        }
    }

    fn see(&mut self, key: &str, log: &Log) {
        if !log.is_whole() {
            self.wrong.push(format!("{key} was torn: {log:?}"));
        }
        let seen = self.logs.entry(key.to_owned()).or_default();
        // Where one is broken, all that follow are.
        let mut broken = false;
        for (position, token, mark) in log.marks() {
            if let Some(token) = token {
                let other = *seen.places.entry(position).or_insert(token);
                if other != token {
                    let text = format!(
                        "{key}: {token:x} and {other:x} both stand at {position}: a write was lost"
                    );
                    self.wrong.push(text);
                }
            }
            let other = *seen.marks.entry(position).or_insert(mark);
            if other != mark && !broken {
                broken = true;
                self.wrong.push(format!("{key}: the chain is broken at {position}"));
            }
        }
    }

    /// The verdict, when the keys hold this in the end.
    pub(crate) fn finish(mut self, ends: &[(String, Log)]) -> Verdict {
        for (key, end) in ends {
            self.see(key, end);
        }
        let mut verdict = Verdict { killed: self.killed, ..Verdict::default() };
        let mut wrong = std::mem::take(&mut self.wrong);
        let mut applied: HashMap<u64, u32> = HashMap::new();
        let shown: HashSet<u64> =
            self.logs.values().flat_map(|seen| seen.places.values().copied()).collect();
        for (key, end) in ends {
            let seen = &self.logs[key];
            if let Some((position, token)) = seen.places.range(end.count + 1..).next() {
                wrong.push(format!("{key}: {token:x} at {position} was lost, and all after it"));
            }
            let mut in_doubt: Vec<u64> = (self.told.iter())
                .filter(|(token, told)| told.in_doubt() == Some(key) && !shown.contains(token))
                .map(|(token, _)| *token)
                .collect();
            let mut next = 1;
            for (position, token) in seen.places.range(..=end.count) {
                if next < *position {
                    let (from, to) = (next, position - 1);
                    let count = (position - next) as usize;
                    match seen.explain(from, to, &in_doubt) {
                        Ok(found) => {
                            verdict.gaps += 1;
                            verdict.in_gaps += count;
                            in_doubt.retain(|token| !found.contains(token));
                            found.iter().for_each(|token| *applied.entry(*token).or_default() += 1);
                        }
                        Err(why) => wrong.push(format!(
                            "{key}: nobody knows what stands from {from} to {to}: {why}"
                        )),
                    }
                }
                *applied.entry(*token).or_default() += 1;
                next = position + 1;
            }
        }
        self.judge(&applied, &mut wrong);
        self.count(&applied, &mut verdict);
        (verdict.costs, verdict.reasons) = (self.costs, self.reasons);
        verdict.wrong = wrong;
        verdict
    }

    /// Holds what is in the logs against what the writers were told.
    fn judge(&self, applied: &HashMap<u64, u32>, wrong: &mut Vec<String>) {
        for (token, times) in applied {
            if *times > 1 {
                wrong.push(format!("{token:x} was applied {times} times"));
            }
            match self.told.get(token) {
                None => wrong.push(format!("{token:x} was applied, and nobody swapped it")),
                Some(Told::Failed(kind)) => {
                    wrong.push(format!("{token:x} ended in {kind}, and was applied"));
                }
                Some(Told::Unknown { write, outcome, .. }) if outcome == "NotApplied" => {
                    wrong.push(format!("{token:x} of {write}: {outcome}, and it was applied"));
                }
                Some(_) => {}
            }
        }
        for (token, told) in &self.told {
            match told {
                // Elsewhere it would have been said above.
                Told::Done { key, position }
                    if self.logs[key].places.get(position) != Some(token) =>
                {
                    wrong.push(format!("{key}: {token:x} is not at {position}: lost"));
                }
                Told::Unknown { write, outcome, .. }
                    if outcome == "Applied" && !applied.contains_key(token) =>
                {
                    wrong.push(format!("{token:x} of {write}: {outcome}, and it is not there"));
                }
                _ => {}
            }
        }
    }

    fn count(&self, applied: &HashMap<u64, u32>, verdict: &mut Verdict) {
        for (token, told) in &self.told {
            let there = applied.contains_key(token);
            match told {
                Told::Done { .. } => verdict.done += 1,
                Told::Failed(kind) => *verdict.failed.entry(kind.clone()).or_default() += 1,
                Told::Unknown { outcome, .. } => {
                    let there = if there { "applied" } else { "not applied" };
                    *verdict.unknown.entry((outcome.clone(), there)).or_default() += 1;
                }
                Told::Killed { .. } => {
                    verdict.under_way += 1;
                    verdict.under_way_applied += usize::from(there);
                }
            }
        }
    }
}

impl Seen {
    /// Which tokens stand from one position to another, of which no report shows any.
    fn explain(&self, from: u64, to: u64, in_doubt: &[u64]) -> Result<Vec<u64>, String> {
        let mark = |position| self.marks.get(&position).ok_or("and no mark tells");
        gaps::explain(mark(from - 1)?, mark(to)?, (to + 1 - from) as usize, in_doubt)
    }
}
