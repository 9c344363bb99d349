//! What a server does with a put, and a client with an answer: the protocol's verdicts, carried out
//! as the engine does, or spoiled.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::world::{Item, Outcome, Phase, Put, World, Wrong};
use super::{Action, EACH, EVENTS, Event, Mutant, Op, Plan, Protocol, Then};
use crate::codec::envelope::remember;
use crate::swap::protocol::{Answer, Base, Verdict, Write};
use crate::write_id::Id;

impl Protocol {
    pub(super) fn new(plan: Plan, memory: usize, mutant: Option<Mutant>) -> Self {
        // With these, a state can come back.
        let everything = matches!(mutant, Some(Mutant::TombstoneForgets | Mutant::NoFence));
        Self { plan, memory, mutant, everything, events: Default::default() }
    }

    pub(super) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    pub(super) fn note(&self, event: Event) {
        let place = EVENTS.iter().position(|known| *known == event).unwrap();
        self.events[place].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn noted(&self, event: Event) -> usize {
        let place = EVENTS.iter().position(|known| *known == event).unwrap();
        self.events[place].load(Ordering::Relaxed)
    }

    /// The state that a put leaves.
    fn after(&self, put: &Put) -> Item {
        let op = self.plan[usize::from(put.mark) / EACH][usize::from(put.mark) % EACH];
        let marks = match op {
            Op::Swap => {
                let mut marks = put.base.marks.clone().unwrap_or_default();
                marks.push(put.mark);
                Some(marks)
            }
            Op::Reset => Some(vec![put.mark]),
            Op::Remove => None,
        };
        let writes = if marks.is_none() && self.is(Mutant::TombstoneForgets) {
            Vec::new()
        } else {
            remember(put.id, &put.base.writes, self.memory)
        };
        Item { marks, writes }
    }

    pub(super) fn would_apply(&self, world: &World, put: &Put) -> bool {
        self.is(Mutant::NoFence) || world.item.writes == put.base.writes
    }

    /// The put arrives at the server; whether it was applied.
    pub(super) fn carry_out(&self, world: &mut World, put: &Put) -> bool {
        if !self.would_apply(world, put) {
            return false;
        }
        if world.item.marks != put.base.marks {
            world.wrong = Some(Wrong::Chain);
        }
        if put.base.marks.is_none() && !put.base.writes.is_empty() {
            self.note(Event::BuiltOnTombstone);
        }
        let (times, id) = &mut world.applied[usize::from(put.mark)];
        *times += 1;
        *id = Some(put.id);
        world.item = self.after(put);
        true
    }

    pub(super) fn end(&self, world: &mut World, client: usize, outcome: Outcome) {
        let state = &mut world.clients[client];
        match outcome {
            Outcome::Failed => self.note(Event::FailedCleanly),
            // What may or may not have been applied is no state to build on.
            Outcome::Unknown => state.known = None,
            Outcome::Done | Outcome::Past => {}
        }
        state.outcomes.push(outcome);
        if state.outcomes.len() == state.writes {
            state.known = None;
        }
        world.begin(client);
    }

    /// The client takes in an answer: from here on, what `Flight` and `Lane` do with a verdict.
    pub(super) fn hears(
        &self,
        world: &mut World,
        client: usize,
        (mut write, put): (Write, Put),
        answer: &Answer,
        then: Then,
    ) {
        let spoiled = self.spoiled(&put, answer);
        let looking = matches!(world.clients[client].phase, Phase::Looking(..));
        let doubtful = write.given_up() == Verdict::Unknown;
        let mut verdict = match (answer, self.mutant) {
            (Answer::Hopeless, Some(Mutant::HopelessClearsDoubt))
            | (Answer::Lost, Some(Mutant::LostIsFailure)) => Verdict::Failed,
            (Answer::NotApplied, Some(Mutant::ThrottledClearsDoubt)) => {
                write = Write::new(put.id, Base::of(&put.base.writes));
                write.answered(&spoiled)
            }
            _ => write.answered(&spoiled),
        };
        let refused = matches!(answer, Answer::Refused { .. });
        if refused && verdict == Verdict::Unknown && self.is(Mutant::NeitherIsConflict) {
            verdict = Verdict::Conflict;
        }
        if verdict == Verdict::Again && then == Then::GivesUp {
            verdict = self.given_up(&write);
        }
        if let Answer::Refused { ids } = answer {
            self.note_refused(ids, &put, verdict, looking, doubtful);
            let told = ids.contains(&put.id)
                || put.base.writes.first().is_some_and(|base| ids.contains(base));
            if verdict == Verdict::Unknown && told {
                world.wrong = Some(Wrong::NeedlessDoubt);
            }
        }
        let state = &mut world.clients[client];
        match verdict {
            Verdict::Applied { .. } => {
                state.known = Some(Arc::new(self.after(&put)));
                if world.applied[usize::from(put.mark)].1.is_some_and(|id| id != put.id) {
                    world.wrong = Some(Wrong::Result);
                }
                self.end(world, client, Outcome::Done);
            }
            Verdict::Conflict => {
                // The refusal, or the look, brought what is there.
                state.known = Some(Arc::new(world.item.clone()));
                match then {
                    Then::GoesOn => world.begin(client),
                    Then::GivesUp => self.end(world, client, Outcome::Failed),
                }
            }
            Verdict::Again if self.is(Mutant::FreshIdOnResend) => world.begin(client),
            Verdict::Again => state.phase = Phase::Flying(write, put),
            Verdict::Look => state.phase = Phase::Looking(write, put),
            Verdict::Failed => self.end(world, client, Outcome::Failed),
            Verdict::Unknown => {
                if matches!(answer, Answer::Lost) {
                    self.note(Event::GivenUpInDoubt);
                }
                self.end(world, client, Outcome::Unknown);
            }
        }
    }

    pub(super) fn given_up(&self, write: &Write) -> Verdict {
        if self.is(Mutant::GivenUpIsFailure) { Verdict::Failed } else { write.given_up() }
    }

    /// The answer as a spoiled protocol takes it.
    fn spoiled(&self, put: &Put, answer: &Answer) -> Answer {
        let without = |ids: &[Id], id: Option<&Id>| Answer::Refused {
            ids: ids.iter().filter(|listed| Some(*listed) != id).copied().collect(),
        };
        match (answer, self.mutant) {
            (Answer::Refused { ids }, Some(Mutant::OwnIdUnseen)) => without(ids, Some(&put.id)),
            (Answer::Refused { ids }, Some(Mutant::BaseUnseen)) => {
                without(ids, put.base.writes.first())
            }
            (Answer::Lost, Some(Mutant::LostIsNotApplied)) => Answer::NotApplied,
            (answer, _) => answer.clone(),
        }
    }

    fn note_refused(&self, ids: &[Id], put: &Put, verdict: Verdict, looking: bool, doubt: bool) {
        let creation = put.base.writes.is_empty();
        match verdict {
            Verdict::Applied { .. } if creation => self.note(Event::CreationRecovered),
            Verdict::Applied { .. } if looking => self.note(Event::RecoveredByLooking),
            Verdict::Applied { .. } => self.note(Event::RecoveredByRefusal),
            Verdict::Conflict if doubt => self.note(Event::ConflictInDoubt),
            Verdict::Unknown if creation => self.note(Event::CreationUnknown),
            Verdict::Unknown if ids.len() == self.memory => self.note(Event::ForgottenUnknown),
            _ => {}
        }
    }

    pub(super) fn is_healthy(action: Action) -> bool {
        matches!(
            action,
            Action::Read(_)
                | Action::Answered(_, Then::GoesOn)
                | Action::Untold(_)
                | Action::Looks(_, Then::GoesOn)
        )
    }
}
