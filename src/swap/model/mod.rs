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

mod checker;
mod steps;
mod tests;
mod world;

use std::sync::atomic::AtomicUsize;

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
