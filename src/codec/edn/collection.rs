//! [`Map`] and [`Set`]: collections without duplicates that keep the order in
//! which they were filled.

use indexmap::map::Entry;
use indexmap::{IndexMap, IndexSet};

use super::value::Edn;

/// The entries of an EDN map, in the order in which they were put.
///
/// Two maps are equal if they have equal entries, in whatever order.
///
/// ```
/// use faraday_atom::{Edn, edn::Map};
///
/// let mut map = Map::new();
/// map.insert(Edn::keyword("b"), 1.into());
/// map.insert(Edn::keyword("a"), 2.into());
/// assert_eq!(map.get(&Edn::keyword("a")), Some(&Edn::Int(2)));
/// assert_eq!(Edn::Map(map).to_string(), "{:b 1, :a 2}");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Map(IndexMap<Edn, Edn>);

impl Map {
    /// An empty map.
    #[must_use]
    pub fn new() -> Map {
        Map::default()
    }

    pub(super) fn with_capacity(entries: usize) -> Map {
        Map(IndexMap::with_capacity(entries))
    }

    /// Puts `value` under a key that must be new; otherwise gives the key back.
    pub(super) fn insert_new(&mut self, key: Edn, value: Edn) -> Result<(), Edn> {
        match self.0.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(value);
                Ok(())
            }
            Entry::Occupied(entry) => Err(entry.key().clone()),
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value under a key that equals `key`.
    #[must_use]
    pub fn get(&self, key: &Edn) -> Option<&Edn> {
        self.0.get(key)
    }

    /// The value under a key that equals `key`, to be changed.
    pub fn get_mut(&mut self, key: &Edn) -> Option<&mut Edn> {
        self.0.get_mut(key)
    }

    /// Whether a key equals `key`.
    #[must_use]
    pub fn contains_key(&self, key: &Edn) -> bool {
        self.0.contains_key(key)
    }

    /// Puts `value` under `key` and returns what was there. A key that equals
    /// it stays as it was written.
    pub fn insert(&mut self, key: Edn, value: Edn) -> Option<Edn> {
        self.0.insert(key, value)
    }

    /// Takes the entry of `key` out; the others keep their order.
    pub fn remove(&mut self, key: &Edn) -> Option<Edn> {
        self.0.shift_remove(key)
    }

    /// The entries, in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Edn, &Edn)> {
        self.0.iter()
    }

    /// The keys, in order.
    #[must_use]
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Edn> {
        self.0.keys()
    }

    /// The values, in order.
    #[must_use]
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Edn> {
        self.0.values()
    }
}

impl FromIterator<(Edn, Edn)> for Map {
    fn from_iter<I: IntoIterator<Item = (Edn, Edn)>>(entries: I) -> Map {
        Map(entries.into_iter().collect())
    }
}

impl Extend<(Edn, Edn)> for Map {
    fn extend<I: IntoIterator<Item = (Edn, Edn)>>(&mut self, entries: I) {
        self.0.extend(entries);
    }
}

impl IntoIterator for Map {
    type Item = (Edn, Edn);
    type IntoIter = std::vec::IntoIter<(Edn, Edn)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().collect::<Vec<_>>().into_iter()
    }
}

/// The elements of an EDN set, in the order in which they were put.
///
/// Two sets are equal if they have equal elements, in whatever order.
///
/// ```
/// use faraday_atom::{Edn, edn::Set};
///
/// let set: Set = [3, 1, 3].map(Edn::from).into_iter().collect();
/// assert!(set.contains(&1.into()));
/// assert_eq!(Edn::Set(set).to_string(), "#{3 1}");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Set(IndexSet<Edn>);

impl Set {
    /// An empty set.
    #[must_use]
    pub fn new() -> Set {
        Set::default()
    }

    /// Adds an element that must be new; otherwise gives back the one that
    /// equals it.
    pub(super) fn insert_new(&mut self, element: Edn) -> Result<(), Edn> {
        match self.0.insert_full(element) {
            (_, true) => Ok(()),
            (at, false) => Err(self.0.get_index(at).cloned().unwrap_or_default()),
        }
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an element equals `element`.
    #[must_use]
    pub fn contains(&self, element: &Edn) -> bool {
        self.0.contains(element)
    }

    /// Adds `element`, and says whether it was new.
    pub fn insert(&mut self, element: Edn) -> bool {
        self.0.insert(element)
    }

    /// Takes `element` out, and says whether it was there; the others keep
    /// their order.
    pub fn remove(&mut self, element: &Edn) -> bool {
        self.0.shift_remove(element)
    }

    /// The elements, in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Edn> {
        self.0.iter()
    }
}

impl FromIterator<Edn> for Set {
    fn from_iter<I: IntoIterator<Item = Edn>>(elements: I) -> Set {
        Set(elements.into_iter().collect())
    }
}

impl Extend<Edn> for Set {
    fn extend<I: IntoIterator<Item = Edn>>(&mut self, elements: I) {
        self.0.extend(elements);
    }
}

impl IntoIterator for Set {
    type Item = Edn;
    type IntoIter = std::vec::IntoIter<Edn>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().collect::<Vec<_>>().into_iter()
    }
}
