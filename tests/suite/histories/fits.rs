//! What may be called, what may be told, and when that fits one order of events.

use serde::{Deserialize, Serialize};
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

/// The tokens of the writes that made the value; `None` when nothing is held.
pub(super) type Value = Option<Vec<u32>>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Call {
    Get,
    /// Adds the token.
    Swap(u32),
    /// Adds the token, removes, or aborts: as the value's length says.
    TrySwap(u32),
    /// Leaves the token and nothing else.
    Reset(u32),
    /// Adds the token to exactly this value.
    CompareAndSet(Value, u32),
    Remove,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Told {
    Got(Value),
    /// The old value and the new one.
    Swapped(Value, Value),
    /// It was aborted, on this value.
    Aborted(Value),
    Done,
    Set(bool),
    /// Indeterminate.
    Unknown,
    /// A clean failure.
    Failed,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Event {
    Call(Call),
    Return(Told),
}

pub(super) fn with(value: &Value, token: u32) -> Value {
    Some(value.iter().flatten().copied().chain([token]).collect())
}

/// What the closure of a `try_swap` decides: `None` to abort.
pub(super) fn tried(value: &Value, token: u32) -> Option<Value> {
    match value.iter().flatten().count() % 4 {
        1 => None,
        3 => Some(None),
        _ => Some(with(value, token)),
    }
}

pub(super) struct OneValue;

impl Specification for OneValue {
    type State = Value;
    type Operation = (Call, Told);

    fn init() -> Value {
        None
    }

    fn apply((call, told): &(Call, Told), state: &Value) -> (bool, Value) {
        let after = match call {
            Call::Get => state.clone(),
            Call::Swap(token) => with(state, *token),
            Call::TrySwap(token) => tried(state, *token).unwrap_or_else(|| state.clone()),
            Call::Reset(token) => Some(vec![*token]),
            Call::CompareAndSet(expected, token) if state == expected => with(state, *token),
            Call::CompareAndSet(..) => state.clone(),
            Call::Remove => None,
        };
        let fits = match (call, told) {
            (_, Told::Unknown) => true,
            (_, Told::Failed) => false,
            (Call::Get, Told::Got(value)) => value == state,
            (Call::Swap(_), Told::Swapped(old, new)) => old == state && *new == after,
            (Call::TrySwap(token), Told::Swapped(old, new)) => {
                old == state && *new == after && tried(state, *token).is_some()
            }
            (Call::TrySwap(token), Told::Aborted(seen)) => {
                seen == state && tried(state, *token).is_none()
            }
            (Call::CompareAndSet(expected, _), Told::Set(set)) => *set == (state == expected),
            (Call::Reset(_) | Call::Remove, Told::Done) => true,
            (call, told) => panic!("{call:?} cannot be told {told:?}"),
        };
        (fits, after)
    }
}

/// Whether some order of the calls explains all that was told.
pub(super) fn is_linearizable(events: &[(usize, Event)]) -> bool {
    let told_of = |place: usize, thread: usize| {
        events[place..].iter().find_map(|(by, event)| match event {
            Event::Return(told) if *by == thread => Some(told.clone()),
            _ => None,
        })
    };
    let mut actions = Vec::new();
    let mut unknown = Vec::new();
    // A call whose outcome is unknown never returns, and its thread goes on as another.
    let mut names: Vec<usize> = (0..=events.iter().map(|(by, _)| *by).max().unwrap()).collect();
    let mut next = names.len();
    let mut open: Vec<Option<(Call, Told)>> = vec![None; names.len()];
    for (place, (thread, event)) in events.iter().enumerate() {
        match event {
            Event::Call(call) => {
                let told = told_of(place, *thread).expect("every call returns");
                if told != Told::Failed {
                    let operation = (call.clone(), told);
                    actions.push((names[*thread], Action::Call(operation.clone())));
                    open[*thread] = Some(operation);
                }
            }
            Event::Return(Told::Failed) => {}
            Event::Return(told) => {
                let operation = open[*thread].take().expect("it was called");
                let response = (names[*thread], Action::Response(operation));
                if *told == Told::Unknown {
                    unknown.push(response);
                    names[*thread] = next;
                    next += 1;
                } else {
                    actions.push(response);
                }
            }
        }
    }
    actions.extend(unknown);
    actions.is_empty() || WGLChecker::<OneValue>::is_linearizable(History::from_actions(actions))
}
