//! What is known about an unknown value: not null, a prefix, bounds.
//!
//! A refinement is a promise. Core holds the provider to it at apply, and a promise that contradicts itself stops
//! core, so none can be made.

use unicode_normalization::UnicodeNormalization;

use super::Number;

/// Bytes of a prefix that core takes.
pub const MAX_PREFIX: usize = 256;

/// What is known about a value that is not known. Costs one pointer when nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Refinement(Option<Box<Known>>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Known {
    not_null: bool,
    prefix: String,
    lower: Option<Bound>,
    upper: Option<Bound>,
    min_length: u64,
    max_length: Option<u64>,
}

/// The end of a range of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bound {
    /// The number at the end.
    pub number: Number,
    /// Whether the number itself is in the range.
    pub inclusive: bool,
}

/// Why nothing can be both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefinementError {
    /// No number lies between the bounds.
    #[error("the lower bound of the number is above its upper bound")]
    Numbers,
    /// No length lies between the bounds.
    #[error("the least length is above the largest")]
    Lengths,
    /// The prefixes differ.
    #[error("the value cannot begin with both prefixes")]
    Prefixes,
}

impl Refinement {
    /// Nothing is known.
    pub const fn none() -> Self {
        Self(None)
    }

    /// The value will not be null.
    pub fn not_null() -> Self {
        Self::none().with_not_null()
    }

    /// Whether nothing is known.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Whether the value will not be null.
    pub fn is_not_null(&self) -> bool {
        self.0.as_ref().is_some_and(|known| known.not_null)
    }

    /// What the string begins with; empty if that is not known.
    pub fn prefix(&self) -> &str {
        self.0.as_ref().map_or("", |known| &known.prefix)
    }

    /// The least number.
    pub fn lower(&self) -> Option<&Bound> {
        self.0.as_ref()?.lower.as_ref()
    }

    /// The largest number.
    pub fn upper(&self) -> Option<&Bound> {
        self.0.as_ref()?.upper.as_ref()
    }

    /// The least length of a collection.
    pub fn min_length(&self) -> u64 {
        self.0.as_ref().map_or(0, |known| known.min_length)
    }

    /// The largest length of a collection.
    pub fn max_length(&self) -> Option<u64> {
        self.0.as_ref()?.max_length
    }

    /// And not null.
    #[must_use]
    pub fn with_not_null(mut self) -> Self {
        self.known().not_null = true;
        self
    }

    /// And beginning with `prefix`.
    ///
    /// What follows must not begin with a combining character, which would change the prefix's last one.
    /// Prefixes above [`MAX_PREFIX`] are cut, which promises less.
    ///
    /// # Errors
    /// If a prefix is known already and neither begins with the other.
    pub fn with_prefix(mut self, prefix: &str) -> Result<Self, RefinementError> {
        let mut prefix: String = prefix.nfc().collect();
        if prefix.len() > MAX_PREFIX {
            // The last character goes too: what was cut off might have combined with it.
            let end = (0..MAX_PREFIX).rev().find(|end| prefix.is_char_boundary(*end)).unwrap_or(0);
            prefix.truncate(end);
            prefix.pop();
        }
        let have = self.prefix();
        if have.starts_with(&prefix) {
            return Ok(self);
        }
        if !prefix.starts_with(have) {
            return Err(RefinementError::Prefixes);
        }
        self.known().prefix = prefix;
        Ok(self)
    }

    /// And at least `number`, or above it.
    ///
    /// # Errors
    /// If no number is left.
    pub fn with_lower(mut self, number: Number, inclusive: bool) -> Result<Self, RefinementError> {
        let tighter = self
            .lower()
            .is_none_or(|have| number > have.number || (number == have.number && have.inclusive && !inclusive));
        if tighter {
            self.known().lower = Some(Bound { number, inclusive });
        }
        self.checked_numbers()
    }

    /// And at most `number`, or below it.
    ///
    /// # Errors
    /// If no number is left.
    pub fn with_upper(mut self, number: Number, inclusive: bool) -> Result<Self, RefinementError> {
        let tighter = self
            .upper()
            .is_none_or(|have| number < have.number || (number == have.number && have.inclusive && !inclusive));
        if tighter {
            self.known().upper = Some(Bound { number, inclusive });
        }
        self.checked_numbers()
    }

    /// And at least `length` elements.
    ///
    /// # Errors
    /// If no length is left.
    pub fn with_min_length(mut self, length: u64) -> Result<Self, RefinementError> {
        if length > self.min_length() {
            self.known().min_length = length;
        }
        self.checked_lengths()
    }

    /// And at most `length` elements.
    ///
    /// # Errors
    /// If no length is left.
    pub fn with_max_length(mut self, length: u64) -> Result<Self, RefinementError> {
        if self.max_length().is_none_or(|have| length < have) {
            self.known().max_length = Some(length);
        }
        self.checked_lengths()
    }

    /// Whether `number` is between the bounds.
    pub fn admits_number(&self, number: &Number) -> bool {
        let above = |bound: &Bound| *number > bound.number || (bound.inclusive && *number == bound.number);
        let below = |bound: &Bound| *number < bound.number || (bound.inclusive && *number == bound.number);
        self.lower().is_none_or(above) && self.upper().is_none_or(below)
    }

    /// Whether a collection of `length` elements is between the bounds.
    pub fn admits_length(&self, length: u64) -> bool {
        length >= self.min_length() && self.max_length().is_none_or(|max| length <= max)
    }

    /// The one number that it can be, if it is known not to be null and its bounds meet.
    pub fn only_number(&self) -> Option<&Number> {
        let (lower, upper) = (self.lower()?, self.upper()?);
        (self.is_not_null() && lower.inclusive && upper.inclusive && lower.number == upper.number)
            .then_some(&lower.number)
    }

    fn known(&mut self) -> &mut Known {
        self.0.get_or_insert_default()
    }

    fn checked_numbers(self) -> Result<Self, RefinementError> {
        match (self.lower(), self.upper()) {
            (Some(lower), Some(upper)) => {
                let both = lower.inclusive && upper.inclusive;
                let possible = lower.number < upper.number || (both && lower.number == upper.number);
                if possible { Ok(self) } else { Err(RefinementError::Numbers) }
            }
            (None, _) | (_, None) => Ok(self),
        }
    }

    fn checked_lengths(self) -> Result<Self, RefinementError> {
        let possible = self.max_length().is_none_or(|max| self.min_length() <= max);
        if possible { Ok(self) } else { Err(RefinementError::Lengths) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_known_costs_a_pointer() {
        assert_eq!(size_of::<Refinement>(), size_of::<usize>());
        assert!(Refinement::none().is_none());
        assert!(Refinement::not_null().is_not_null());
    }

    #[test]
    fn contradictions_cannot_be_made() {
        let one = || Number::from(1_i64);
        let at_least_one = Refinement::none().with_lower(one(), true).unwrap();
        assert_eq!(at_least_one.clone().with_upper(Number::ZERO, true), Err(RefinementError::Numbers));
        assert_eq!(at_least_one.clone().with_upper(one(), false), Err(RefinementError::Numbers));
        let exactly = at_least_one.with_upper(one(), true).unwrap();
        assert_eq!(exactly.only_number(), None);
        assert_eq!(exactly.with_not_null().only_number(), Some(&one()));
        let long = Refinement::none().with_min_length(3).unwrap();
        assert_eq!(long.with_max_length(2), Err(RefinementError::Lengths));
        let begun = Refinement::none().with_prefix("i-").unwrap();
        assert_eq!(begun.clone().with_prefix("j-"), Err(RefinementError::Prefixes));
        assert_eq!(begun.with_prefix("i-0").unwrap().prefix(), "i-0");
    }

    #[test]
    fn the_tighter_bound_stays() {
        let bounds = Refinement::none().with_lower(Number::from(2_i64), true).unwrap();
        let bounds = bounds.with_lower(Number::from(1_i64), true).unwrap();
        assert!(!bounds.admits_number(&Number::from(1_i64)));
        let bounds = bounds.with_lower(Number::from(2_i64), false).unwrap();
        assert!(!bounds.admits_number(&Number::from(2_i64)));
        assert!(bounds.admits_number(&Number::from(3_i64)));
    }

    #[test]
    fn long_prefixes_promise_less() {
        let long = "ä".repeat(MAX_PREFIX);
        let prefix = Refinement::none().with_prefix(&long).unwrap().prefix().to_owned();
        assert!(prefix.len() <= MAX_PREFIX && long.starts_with(&prefix) && !prefix.is_empty());
    }
}
