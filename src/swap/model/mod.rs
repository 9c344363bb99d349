//! The protocol in every order of events: a model checker drives the code that the engine drives.
//!
//! Three clients make two writes each to one item: four swaps, one reset, one remove. At every
//! moment any of them may read, be answered, lose a reply, be throttled or give up, and any put
//! that is under way may arrive. [`Write`], [`Base`] and the memory of ids are the engine's own;
//! the item, the network and the callers are modelled here.
//!
//! **Lost, late, repeated.** A put whose sender heard nothing, and a put that was carried out,
//! stay in the network and may arrive at any later moment, any number of times: after the sender
//! has sent it again, has given up, or has gone on to its next write. Nothing bounds how often a
//! message is lost, how late it is or how often it comes: one that is sent again and lost again
//! leads back to the same state.
//!
//! **What is bounded**: three clients, two writes each, one item, and how many ids it remembers:
//! two in the place of sixteen, so that it forgets. It begins missing and is never
//! deleted for good; a remove leaves a tombstone.
//!
//! **What is assumed** of server and network, each with a test that shows the assumption to be
//! needed: an answer "throttled" speaks for every copy of that request; and the answer that a
//! client reads is that of the first copy of its request to be carried out. Both hold over one
//! TCP connection that no proxy stands in which sends requests again.
//!
//! **What is left out without loss.** Pauses and the way of an answer are no moments of their own,
//! for nobody else can see them. A put that would be refused with nobody waiting for the answer
//! need not arrive. Ids are renamed in the order in which they appear. What has no consequences
//! any more is forgotten ([`World::settle`]): a put whose base has been replaced can never be
//! applied, because every write leaves a fresh id in front, so that no state comes back; then the
//! outcome that its caller was told cannot turn out wrong any more, and of the stale state that a
//! client holds only the newest id matters. `what_is_left_out_hides_nothing` checks that on two
//! clients against everything kept.

mod tests;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stateright::{Model, Property};

use self::world::{Client, Item, Outcome, Phase, Put, World, Wrong};
use super::protocol::{Answer, Base, Verdict, Write};
use crate::codec::envelope::remember;
use crate::write_id::Id;

/// What a write does to the list of marks that the item holds.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// Adds the write's own mark.
    Swap,
    /// Leaves the write's own mark and no other.
    Reset,
    /// Leaves a tombstone.
    Remove,
}

/// How one row of the protocol's table is spoiled, or one assumption dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    /// Condition failed, my id is listed: not recognised.
    OwnIdUnseen,
    /// Condition failed, my base is listed: not recognised.
    BaseUnseen,
    /// Condition failed, neither id is there, a reply was lost: taken for a conflict.
    NeitherIsConflict,
    /// A lost reply is taken for "not applied".
    LostIsNotApplied,
    /// A lost reply is taken for a failure, at once.
    LostIsFailure,
    /// "Not applied" is believed of earlier sends too.
    ThrottledClearsDoubt,
    /// A refusal for good is believed of earlier sends too.
    HopelessClearsDoubt,
    /// What is sent again has a fresh id.
    FreshIdOnResend,
    /// Giving up in doubt is reported as a clean failure.
    GivenUpIsFailure,
    /// A tombstone begins the memory of ids anew.
    TombstoneForgets,
    /// Puts carry no condition.
    NoFence,
    /// Dropped assumption: a copy of a throttled request may still be carried out.
    ThrottledCopy,
    /// Dropped assumption: a copy may be carried out first, and the client reads the answer of
    /// the second.
    SecondCopyAnswers,
}

/// How many writes each client makes at most.
const EACH: usize = 2;
/// How many writes there are at most.
const MOST: usize = 3 * EACH;

/// What the client does when this does not end its write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    GoesOn,
    GivesUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// A client reads the item.
    Read(usize),
    /// Its put arrives, and so does the answer.
    Answered(usize, Then),
    /// Its put arrives, and is refused without a word of what is there.
    Untold(usize),
    /// It reads what refused its put.
    Looks(usize, Then),
    /// It cannot read what refused its put.
    LooksInVain(usize),
    /// It hears nothing of its put. Whether that arrives is another matter.
    Lost(usize, Then),
    Throttled(usize, Then),
    /// Refused for good, for a reason that has nothing to do with the item.
    Hopeless(usize),
    /// A put out of the network arrives.
    Arrives(usize),
    /// Its put becomes two, of which it knows nothing.
    Doubles(usize),
}

/// What the run has seen, to know that it did not pass the interesting places by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    RecoveredByRefusal,
    RecoveredByLooking,
    CreationRecovered,
    ConflictInDoubt,
    ForgottenUnknown,
    CreationUnknown,
    GivenUpInDoubt,
    FailedCleanly,
    LandedAfterTheEnd,
    BuiltOnTombstone,
}

const EVENTS: [Event; 10] = [
    Event::RecoveredByRefusal,
    Event::RecoveredByLooking,
    Event::CreationRecovered,
    Event::ConflictInDoubt,
    Event::ForgottenUnknown,
    Event::CreationUnknown,
    Event::GivenUpInDoubt,
    Event::FailedCleanly,
    Event::LandedAfterTheEnd,
    Event::BuiltOnTombstone,
];

struct Protocol {
    plan: Plan,
    memory: usize,
    mutant: Option<Mutant>,
    /// Leaves nothing out.
    everything: bool,
    events: [AtomicUsize; EVENTS.len()],
}

/// What the clients do, in this order each.
type Plan = &'static [&'static [Op]];

const THREE: Plan = &[&[Op::Swap, Op::Swap], &[Op::Swap, Op::Remove], &[Op::Reset, Op::Swap]];
const TWO: Plan = &[&[Op::Swap, Op::Remove], &[Op::Swap]];

impl Protocol {
    fn new(plan: Plan, memory: usize, mutant: Option<Mutant>) -> Self {
        // With these, a state can come back.
        let everything = matches!(mutant, Some(Mutant::TombstoneForgets | Mutant::NoFence));
        Self { plan, memory, mutant, everything, events: Default::default() }
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn note(&self, event: Event) {
        let place = EVENTS.iter().position(|known| *known == event).unwrap();
        self.events[place].fetch_add(1, Ordering::Relaxed);
    }

    fn noted(&self, event: Event) -> usize {
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

    fn would_apply(&self, world: &World, put: &Put) -> bool {
        self.is(Mutant::NoFence) || world.item.writes == put.base.writes
    }

    /// The put arrives at the server; whether it was applied.
    fn carry_out(&self, world: &mut World, put: &Put) -> bool {
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

    fn end(&self, world: &mut World, client: usize, outcome: Outcome) {
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
    fn hears(
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

    fn given_up(&self, write: &Write) -> Verdict {
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

    fn is_healthy(action: Action) -> bool {
        matches!(
            action,
            Action::Read(_)
                | Action::Answered(_, Then::GoesOn)
                | Action::Untold(_)
                | Action::Looks(_, Then::GoesOn)
        )
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let client = |plan: &&[Op]| Client {
            writes: plan.len(),
            outcomes: Vec::new(),
            known: None,
            phase: Phase::Reading,
        };
        vec![World {
            item: Item { marks: None, writes: Vec::new() },
            clients: self.plan.iter().map(client).collect(),
            network: Vec::new(),
            applied: [(0, None); MOST],
            wrong: None,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        use Then::{GivesUp, GoesOn};
        for (number, client) in world.clients.iter().enumerate() {
            match &client.phase {
                Phase::Reading => actions.push(Action::Read(number)),
                Phase::Flying(_, put) => {
                    actions.push(Action::Answered(number, GoesOn));
                    if !self.would_apply(world, put) {
                        actions.push(Action::Answered(number, GivesUp));
                        actions.push(Action::Untold(number));
                    }
                    actions.extend([
                        Action::Lost(number, GoesOn),
                        Action::Lost(number, GivesUp),
                        Action::Throttled(number, GoesOn),
                        Action::Throttled(number, GivesUp),
                        Action::Hopeless(number),
                    ]);
                    if self.is(Mutant::SecondCopyAnswers) {
                        actions.push(Action::Doubles(number));
                    }
                }
                Phase::Looking(..) => actions.extend([
                    Action::Looks(number, GoesOn),
                    Action::Looks(number, GivesUp),
                    Action::LooksInVain(number),
                ]),
                Phase::Over => {}
            }
        }
        let arriving = |place: &usize| self.would_apply(world, &world.network[*place]);
        actions.extend((0..world.network.len()).filter(arriving).map(Action::Arrives));
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        // What went wrong is reported; what comes after it is of no interest.
        if last.wrong.is_some() {
            return None;
        }
        let mut world = last.clone();
        let flight = |client: usize| match &last.clients[client].phase {
            Phase::Flying(write, put) | Phase::Looking(write, put) => (write.clone(), put.clone()),
            Phase::Reading | Phase::Over => unreachable!("nothing flies"),
        };
        let told = |world: &World| Answer::Refused { ids: world.item.writes.clone() };
        match action {
            Action::Read(number) => {
                world.clients[number].known = Some(Arc::new(last.item.clone()));
                world.begin(number);
            }
            Action::Answered(number, then) => {
                let (write, put) = flight(number);
                let answer =
                    if self.carry_out(&mut world, &put) { Answer::Applied } else { told(&world) };
                world.loosen(&put);
                self.hears(&mut world, number, (write, put), &answer, then);
            }
            Action::Untold(number) => {
                let (write, put) = flight(number);
                world.loosen(&put);
                let (answer, then) = (Answer::RefusedUntold, Then::GoesOn);
                self.hears(&mut world, number, (write, put), &answer, then);
            }
            Action::Looks(number, then) => {
                let answer = told(&world);
                self.hears(&mut world, number, flight(number), &answer, then);
            }
            Action::LooksInVain(number) => {
                let outcome = match self.given_up(&flight(number).0) {
                    Verdict::Unknown => Outcome::Unknown,
                    _ => Outcome::Failed,
                };
                world.clients[number].known = None;
                self.end(&mut world, number, outcome);
            }
            Action::Lost(number, then) => {
                let (write, put) = flight(number);
                world.loosen(&put);
                self.hears(&mut world, number, (write, put), &Answer::Lost, then);
            }
            Action::Throttled(number, then) => {
                let (write, put) = flight(number);
                if self.is(Mutant::ThrottledCopy) {
                    world.loosen(&put);
                }
                self.hears(&mut world, number, (write, put), &Answer::NotApplied, then);
            }
            Action::Hopeless(number) => {
                let (write, put) = flight(number);
                let (answer, then) = (Answer::Hopeless, Then::GoesOn);
                self.hears(&mut world, number, (write, put), &answer, then);
            }
            Action::Doubles(number) => world.loosen(&flight(number).1),
            Action::Arrives(place) => {
                let put = last.network[place].clone();
                let over = usize::from(put.mark) % EACH
                    < last.clients[usize::from(put.mark) / EACH].outcomes.len();
                if over {
                    self.note(Event::LandedAfterTheEnd);
                }
                self.carry_out(&mut world, &put);
            }
        }
        let nearer = world.way_to_go() < last.way_to_go();
        if Self::is_healthy(action) && !nearer && world.wrong.is_none() {
            world.wrong = Some(Wrong::Backwards);
        }
        world.judge();
        if !self.everything {
            world.settle();
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! never {
            ($name:literal, $wrong:expr) => {
                Property::always($name, |_, world: &World| world.wrong != Some($wrong))
            };
        }
        vec![
            never!("what is acknowledged was applied", Wrong::Phantom),
            never!("what failed is not applied, nor later", Wrong::Ghost),
            never!("nothing is applied twice", Wrong::Twice),
            never!("every write is built on what it replaces", Wrong::Chain),
            never!("the result told is the result stored", Wrong::Result),
            never!("unknown only when the item has forgotten", Wrong::NeedlessDoubt),
            never!("without faults, every step leads to the end", Wrong::Backwards),
            Property::always("nobody is stuck", |model: &Self, world: &World| {
                let mut actions = Vec::new();
                model.actions(world, &mut actions);
                let healthy =
                    actions.into_iter().filter(|action| Self::is_healthy(*action)).count();
                let going = world.clients.iter().filter(|client| client.phase != Phase::Over);
                healthy >= going.count()
            }),
        ]
    }
}
