//! Sets, kept sorted: comparing and looking up cost a sort, never every pair.

use super::Value;

/// A set of values: sorted, and of equal elements that are known all the way down one is kept.
///
/// Elements that are not wholly known stay apart even where they look alike: they may turn out different.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueSet(Vec<Value>);

impl ValueSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In order.
    pub fn iter(&self) -> std::slice::Iter<'_, Value> {
        self.0.iter()
    }

    /// In order.
    pub fn as_slice(&self) -> &[Value] {
        &self.0
    }

    /// Whether an element is exactly `value`.
    pub fn contains(&self, value: &Value) -> bool {
        self.get(value).is_some()
    }

    /// The element that is exactly `value`.
    pub fn get(&self, value: &Value) -> Option<&Value> {
        let position = self.0.binary_search(value).ok()?;
        self.0.get(position)
    }
}

impl FromIterator<Value> for ValueSet {
    fn from_iter<I: IntoIterator<Item = Value>>(elements: I) -> Self {
        let mut elements: Vec<Value> = elements.into_iter().collect();
        elements.sort_unstable();
        elements.dedup_by(|next, kept| next == kept && kept.is_wholly_known());
        Self(elements)
    }
}

impl IntoIterator for ValueSet {
    type Item = Value;
    type IntoIter = std::vec::IntoIter<Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a ValueSet {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repetition_do_not_count() {
        let left: ValueSet = ["b", "a", "b"].into_iter().map(Value::from).collect();
        let right: ValueSet = ["a", "b"].into_iter().map(Value::from).collect();
        assert_eq!(left, right);
        assert_eq!(left.len(), 2);
        assert!(left.contains(&Value::from("a")));
        assert!(!left.contains(&Value::from("c")));
    }

    #[test]
    fn unknown_elements_stay_apart() {
        let set: ValueSet = [Value::unknown(), Value::Null, Value::unknown(), Value::Null].into_iter().collect();
        assert_eq!(set.len(), 3);
    }
}
