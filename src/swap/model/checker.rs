//! The model as the checker drives it: where it begins, what can happen, and what must hold.

use std::sync::Arc;

use stateright::{Model, Property};

use super::world::{Client, Item, Outcome, Phase, World, Wrong};
use super::{Action, EACH, Event, MOST, Mutant, Op, Protocol, Then};
use crate::swap::protocol::{Answer, Verdict};

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
