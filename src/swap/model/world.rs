//! The modelled world: an item, the clients' view of it, and what the network holds.

use std::sync::Arc;

use super::{EACH, MOST};
use crate::swap::protocol::{Base, Write};
use crate::write_id::Id;

/// There are never so many ids at once.
const IDS: usize = 64;

/// Ids are small numbers here.
fn number(id: &Id) -> usize {
    id.to_bytes()[0].into()
}

/// The marks of the writes that made a value, oldest first; `None` when nothing is held.
pub(super) type Marks = Option<Vec<u8>>;

/// The item as it is, or as it was seen. Without ids: no item.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Item {
    pub(super) marks: Marks,
    pub(super) writes: Vec<Id>,
}

/// A conditional put: replaces exactly `base`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Put {
    /// Which of the six writes it is for.
    pub(super) mark: u8,
    pub(super) id: Id,
    pub(super) base: Arc<Item>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// Nothing is known of the item.
    Reading,
    /// The put is under way.
    Flying(Write, Put),
    /// It was refused by a server that does not say what was there.
    Looking(Write, Put),
    /// Both writes have ended.
    Over,
}

/// What the caller of a write is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    Done,
    /// Any clean failure: nothing was applied, nor ever will be.
    Failed,
    Unknown,
    /// One of them, and nothing can change about it any more.
    Past,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Client {
    /// How many it makes.
    pub(super) writes: usize,
    pub(super) outcomes: Vec<Outcome>,
    /// The last state that it saw or left.
    pub(super) known: Option<Arc<Item>>,
    pub(super) phase: Phase,
}

/// What must never be, seen in passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wrong {
    /// A put replaced another value than the one it was built on.
    Chain,
    /// A client was told of success with another value than the one that it stored.
    Result,
    /// A client was told of success, and nothing was applied.
    Phantom,
    /// A client was told of a failure, and it was applied, then or later.
    Ghost,
    /// A write was applied twice.
    Twice,
    /// "Unknown", though the item told.
    NeedlessDoubt,
    /// A step without any fault that led nowhere.
    Backwards,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) item: Item,
    pub(super) clients: Vec<Client>,
    /// Puts that may arrive, or arrive again, with nobody waiting for the answer. Sorted.
    pub(super) network: Vec<Put>,
    /// How often each write was applied, and the id of the last time.
    pub(super) applied: [(u8, Option<Id>); MOST],
    pub(super) wrong: Option<Wrong>,
}

impl World {
    /// The client begins, or begins anew, what it has to do next.
    pub(super) fn begin(&mut self, client: usize) {
        let state = &self.clients[client];
        let ended = state.outcomes.len();
        self.clients[client].phase = match state.known.clone() {
            _ if ended == state.writes => Phase::Over,
            None => Phase::Reading,
            Some(base) => {
                let mark = u8::try_from(client * EACH + ended).unwrap();
                let id = self.fresh();
                Phase::Flying(Write::new(id, Base::of(&base.writes)), Put { mark, id, base })
            }
        };
    }

    /// An id that is nowhere to be found.
    fn fresh(&self) -> Id {
        let mut used = [false; IDS];
        self.each_id(|id| used[number(id)] = true);
        Self::id(used.iter().position(|used| !used).unwrap())
    }

    /// A put that may arrive, or arrive again, from now on.
    pub(super) fn loosen(&mut self, put: &Put) {
        if let Err(place) = self.network.binary_search(put) {
            self.network.insert(place, put.clone());
        }
    }

    /// What the callers were told must be so.
    pub(super) fn judge(&mut self) {
        for (mark, (times, _)) in self.applied.iter().enumerate() {
            let wrong =
                match self.clients.get(mark / EACH).and_then(|by| by.outcomes.get(mark % EACH)) {
                    _ if *times > 1 => Wrong::Twice,
                    Some(Outcome::Done) if *times == 0 => Wrong::Phantom,
                    Some(Outcome::Failed) if *times > 0 => Wrong::Ghost,
                    _ => continue,
                };
            self.wrong.get_or_insert(wrong);
        }
    }

    /// How far it is to the end without faults, at most.
    pub(super) fn way_to_go(&self) -> usize {
        let of_client = |client: &Client| {
            let phase = match &client.phase {
                Phase::Reading => 3,
                Phase::Flying(..) => 2,
                Phase::Looking(..) => 1,
                Phase::Over => 0,
            };
            let stale = client.known.as_ref().is_some_and(|known| known.writes != self.item.writes);
            // One write can make two other clients' states stale.
            100 * (client.writes - client.outcomes.len()) + 10 * usize::from(stale) + phase
        };
        self.clients.iter().map(of_client).sum()
    }

    /// Leaves out what can have no consequences any more: see the top of this file.
    pub(super) fn settle(&mut self) {
        if self.wrong.is_some() {
            return;
        }
        let World { item, network, clients, applied, .. } = self;
        network.retain(|put| put.base.writes == item.writes);
        for (mark, applied) in applied.iter_mut().enumerate() {
            if let Some(outcome) =
                clients.get_mut(mark / EACH).and_then(|by| by.outcomes.get_mut(mark % EACH))
                && network.iter().all(|put| usize::from(put.mark) != mark)
            {
                *outcome = Outcome::Past;
                *applied = (0, None);
            }
        }
        for client in clients.iter_mut() {
            let own = match &client.phase {
                Phase::Flying(_, put) | Phase::Looking(_, put) => Some(put.id),
                Phase::Reading | Phase::Over => None,
            };
            let Some(known) = &mut client.known else { continue };
            let newest = item.writes.first().copied();
            if known.writes != item.writes && (own.is_none() || newest != own) {
                *known = Arc::new(Item {
                    marks: None,
                    writes: known.writes.first().copied().into_iter().collect(),
                });
                if let Phase::Flying(_, put) | Phase::Looking(_, put) = &mut client.phase {
                    put.base = known.clone();
                }
            }
        }
        self.rename();
    }

    /// Ids mean nothing but themselves: gives them names in the order in which they appear.
    fn rename(&mut self) {
        let mut names = [IDS; IDS];
        let mut named = 0;
        let mut in_order = true;
        self.each_id(|id| {
            let id = number(id);
            if names[id] == IDS {
                names[id] = named;
                in_order &= id == named;
                named += 1;
            }
        });
        if in_order {
            return;
        }
        let name = |id: &Id| Self::id(names[number(id)]);
        let of_item = |item: &Item| Item {
            marks: item.marks.clone(),
            writes: item.writes.iter().map(name).collect(),
        };
        self.item = of_item(&self.item);
        for client in &mut self.clients {
            client.known = client.known.as_ref().map(|known| Arc::new(of_item(known)));
            if let Phase::Flying(write, put) | Phase::Looking(write, put) = &mut client.phase {
                *write = write.renamed(|id| name(&id));
                *put = Put { mark: put.mark, id: name(&put.id), base: of_item(&put.base).into() };
            }
        }
        for put in &mut self.network {
            *put = Put { mark: put.mark, id: name(&put.id), base: of_item(&put.base).into() };
        }
        self.network.sort_unstable();
        for (_, id) in &mut self.applied {
            *id = id.as_ref().map(name);
        }
    }

    /// Visits every id, some of them several times.
    fn each_id(&self, mut visit: impl FnMut(&Id)) {
        self.item.writes.iter().for_each(&mut visit);
        for client in &self.clients {
            if let Some(known) = &client.known {
                known.writes.iter().for_each(&mut visit);
            }
            if let Phase::Flying(_, put) | Phase::Looking(_, put) = &client.phase {
                visit(&put.id);
                put.base.writes.iter().for_each(&mut visit);
            }
        }
        for put in &self.network {
            visit(&put.id);
            put.base.writes.iter().for_each(&mut visit);
        }
        self.applied.iter().filter_map(|(_, id)| id.as_ref()).for_each(&mut visit);
    }

    fn id(number: usize) -> Id {
        Id::from_bytes([u8::try_from(number).unwrap(), 0, 0, 0, 0, 0, 0, 0])
    }
}
