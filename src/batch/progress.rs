//! How far a batch or a scan has come, told while it goes on.

/// How far a call about many items has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many items there are in all; `None` when the iterator does not say.
    pub total: Option<usize>,
    /// Items done: written, or found, or known to be missing.
    pub done: usize,
    /// Items not done yet, of the total where it is known, else of those taken from the iterator.
    pub left: usize,
    /// How often an item was left unprocessed, or its request failed, and it was sent again.
    pub retried: usize,
    /// Requests answered, or given up.
    pub requests: usize,
    /// Bytes of the items done, as they were sent or received.
    pub bytes: u64,
}

type Callback<'a> = Box<dyn FnMut(&Progress) + 'a>;

/// Who is told of the progress.
pub(super) struct Told<'a> {
    pub(super) progress: Progress,
    told: Option<Callback<'a>>,
}

impl<'a> Told<'a> {
    pub(super) fn nobody() -> Self {
        Self { progress: Progress::default(), told: None }
    }

    pub(super) fn by(told: impl FnMut(&Progress) + 'a) -> Self {
        Self { progress: Progress::default(), told: Some(Box::new(told)) }
    }

    /// Tells how far it has come, when `taken` items were taken from the iterator.
    pub(super) fn tell(&mut self, taken: usize) {
        self.progress.left =
            self.progress.total.unwrap_or(taken).saturating_sub(self.progress.done);
        if let Some(told) = &mut self.told {
            told(&self.progress);
        }
    }
}
