//! Numbers as Terraform has them: decimal text of any length on the wire, 512 bits of precision inside core.
//!
//! A [`Number`] keeps the decimal. Up to [`EXACT_DIGITS`] digits that is the same thing as core's binary form; longer
//! ones are brought to the shortest decimal that core's 512 bits tell apart, so that two numbers are equal here
//! exactly when they are equal in core.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use num_bigint::{BigInt, BigUint, Sign};
use num_traits::{ToPrimitive, Zero};

/// Significant digits that text may have. Core writes at most 157; a 64-bit float in full has 767.
pub const MAX_DIGITS: usize = 1024;

/// The largest power of ten, up or down, of any digit of a number. A 64-bit float needs 1074; the limit keeps
/// `1e999999999` from becoming a gigabyte of zeros.
pub const MAX_EXPONENT: i64 = 4096;

/// The precision of core's numbers, in bits.
const PRECISION: u64 = 512;

/// Digits up to which every decimal has a 512-bit binary of its own: the largest n with 10^n < 2^511.
const EXACT_DIGITS: usize = 153;

/// Digits that are always enough to tell one 512-bit binary from the next.
const ENOUGH_DIGITS: usize = 157;

/// A decimal number, without loss.
///
/// Two numbers are equal, and hash alike, when their values are equal: `1`, `1.0` and `1e0` are one number.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(Form);

/// One form per value: what fits `i64` is `Integer`, the rest is `Decimal` with digits that do not end in zero.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    Integer(i64),
    Decimal(Box<Decimal>),
}

/// `digits` times ten to the power of `exponent`.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Decimal {
    digits: BigInt,
    exponent: i64,
}

/// Why something is no number, or a number not of the wanted kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NumberError {
    /// Text that is no decimal number.
    #[error("a number is required")]
    NotANumber,
    /// Infinity or not-a-number.
    #[error("a finite number is required")]
    NotFinite,
    /// Beyond [`MAX_DIGITS`] or [`MAX_EXPONENT`].
    #[error("the number has more than {MAX_DIGITS} digits or an exponent beyond {MAX_EXPONENT}")]
    TooLong,
    /// The wanted type has no such value.
    #[error("the number has no exact value as {0}")]
    Inexact(&'static str),
}

impl Number {
    /// Zero.
    pub const ZERO: Self = Self(Form::Integer(0));

    /// The exact binary value of a float: `0.1_f64` is `0.1000000000000000055…`. This is how core reads a float on
    /// the wire; for a float that stands for a decimal use [`Number::from_f64`].
    ///
    /// # Errors
    /// If it is infinite or not a number.
    pub fn from_f64_exact(value: f64) -> Result<Self, NumberError> {
        if !value.is_finite() {
            return Err(NumberError::NotFinite);
        }
        // Integers that a float counts one by one.
        if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
            return Ok(Self(Form::Integer(value as i64)));
        }
        let bits = value.to_bits();
        let (fraction, raw_exponent) = (bits & ((1 << 52) - 1), (bits >> 52) & 0x7ff);
        let (mantissa, exponent) = match raw_exponent {
            0 => (fraction, -1074),
            raw => (fraction | (1 << 52), i64::try_from(raw).unwrap_or_default() - 1075),
        };
        let binary = Binary::new(BigUint::from(mantissa), exponent);
        Ok(Self::from_binary(value.is_sign_negative(), &binary))
    }

    /// The decimal that a float is written as: `0.1_f64` is `0.1`; integers are exact.
    ///
    /// # Errors
    /// If it is infinite or not a number.
    pub fn from_f64(value: f64) -> Result<Self, NumberError> {
        if value.is_finite() && value.fract() != 0.0 {
            format!("{value:e}").parse()
        } else {
            Self::from_f64_exact(value)
        }
    }

    /// The nearest float; infinite beyond the largest.
    pub fn to_f64(&self) -> f64 {
        // What is written here always parses, to infinity if need be.
        self.scientific().parse().unwrap_or(f64::NAN)
    }

    /// Whether it has no fraction.
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Form::Integer(_) => true,
            Form::Decimal(decimal) => decimal.exponent >= 0,
        }
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Form::Integer(value) => *value < 0,
            Form::Decimal(decimal) => decimal.digits.sign() == Sign::Minus,
        }
    }

    /// As a signed integer, if it is one of 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Form::Integer(value) => Some(*value),
            Form::Decimal(_) => None,
        }
    }

    /// The float of exactly this value, if there is one.
    pub fn as_exact_f64(&self) -> Option<f64> {
        let nearest = self.to_f64();
        (Self::from_f64_exact(nearest).as_ref() == Ok(self)).then_some(nearest)
    }

    /// Digits and exponent, short where plain text would be mostly zeros.
    fn scientific(&self) -> String {
        match &self.0 {
            Form::Integer(value) => value.to_string(),
            Form::Decimal(decimal) => format!("{}e{}", decimal.digits, decimal.exponent),
        }
    }

    /// The one form of `digits × 10^exponent`, at core's precision.
    fn of(negative: bool, digits: BigUint, exponent: i64) -> Self {
        let text = digits.to_str_radix(10);
        let significant = text.trim_end_matches('0');
        if significant.is_empty() {
            return Self::ZERO;
        }
        if significant.len() > EXACT_DIGITS {
            return Self::from_binary(negative, &Binary::nearest(&digits, exponent));
        }
        Self::short(negative, &text, exponent)
    }

    /// The one form of decimal text that needs no rounding.
    fn short(negative: bool, text: &str, exponent: i64) -> Self {
        let significant = text.trim_end_matches('0');
        let zeros = i64::try_from(text.len() - significant.len()).unwrap_or(i64::MAX);
        let exponent = exponent.saturating_add(zeros);
        let digits = BigUint::parse_bytes(significant.as_bytes(), 10).unwrap_or_default();
        if digits.is_zero() {
            return Self::ZERO;
        }
        let digits = BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, digits);
        // 10^18 is the largest power of ten below 2^63.
        let as_integer =
            (0..=18).contains(&exponent).then(|| digits.clone() * pow10(exponent)).and_then(|n| n.to_i64());
        match as_integer {
            Some(value) => Self(Form::Integer(value)),
            None => Self(Form::Decimal(Box::new(Decimal { digits, exponent }))),
        }
    }

    /// The shortest decimal that stands for this binary number and no other of 512 bits.
    fn from_binary(negative: bool, binary: &Binary) -> Self {
        let (digits, exponent) = binary.to_decimal();
        let text = digits.to_str_radix(10);
        for wanted in EXACT_DIGITS..=ENOUGH_DIGITS {
            let (rounded, rounded_exponent) = round_decimal(&text, exponent, wanted);
            let done = rounded == digits && rounded_exponent == exponent;
            if done || Binary::nearest(&rounded, rounded_exponent) == *binary {
                return Self::short(negative, &rounded.to_str_radix(10), rounded_exponent);
            }
        }
        Self::short(negative, &text, exponent)
    }

    /// The sign, and the power of ten above the first digit: the order of numbers before digits are compared.
    fn magnitude(digits: &BigInt, exponent: i64) -> i64 {
        exponent.saturating_add(i64::try_from(digits.magnitude().to_str_radix(10).len()).unwrap_or(i64::MAX))
    }
}

/// An odd `mantissa` times two to the power of `exponent`; zero is 0 × 2^0.
#[derive(PartialEq, Eq)]
struct Binary {
    mantissa: BigUint,
    exponent: i64,
}

impl Binary {
    fn new(mantissa: BigUint, exponent: i64) -> Self {
        let Some(zeros) = mantissa.trailing_zeros() else { return Self { mantissa, exponent: 0 } };
        Self { mantissa: mantissa >> zeros, exponent: exponent + i64::try_from(zeros).unwrap_or_default() }
    }

    /// `digits × 10^exponent` rounded to [`PRECISION`], half to even.
    fn nearest(digits: &BigUint, exponent: i64) -> Self {
        if exponent >= 0 {
            return Self::rounded(digits * pow10_unsigned(exponent), 0, false);
        }
        let divisor = pow10_unsigned(-exponent);
        // Two bits more than wanted, so that the rest decides a tie.
        let shift = (PRECISION + 2 + divisor.bits()).saturating_sub(digits.bits());
        let dividend = digits << shift;
        let (quotient, rest) = (&dividend / &divisor, &dividend % &divisor);
        Self::rounded(quotient, -i64::try_from(shift).unwrap_or_default(), !rest.is_zero())
    }

    /// Rounds to [`PRECISION`] bits; `more` says that something not zero follows the last bit.
    fn rounded(value: BigUint, exponent: i64, more: bool) -> Self {
        let Some(surplus) = value.bits().checked_sub(PRECISION).filter(|surplus| *surplus > 0) else {
            return Self::new(value, exponent);
        };
        let half = value.bit(surplus - 1);
        let beyond = more || value.trailing_zeros().is_some_and(|zeros| zeros < surplus - 1);
        let mut kept = &value >> surplus;
        if half && (beyond || kept.bit(0)) {
            kept += 1u8;
        }
        Self::new(kept, exponent + i64::try_from(surplus).unwrap_or_default())
    }

    /// The same value as `digits × 10^exponent`.
    fn to_decimal(&self) -> (BigUint, i64) {
        if self.exponent >= 0 {
            return (&self.mantissa << self.exponent.unsigned_abs(), 0);
        }
        let places = u32::try_from(-self.exponent).unwrap_or(u32::MAX);
        (&self.mantissa * BigUint::from(5u8).pow(places), self.exponent)
    }
}

/// The nearest decimal of at most `wanted` digits; half rounds to even, as core rounds.
fn round_decimal(text: &str, exponent: i64, wanted: usize) -> (BigUint, i64) {
    let parse = |digits: &str| BigUint::parse_bytes(digits.as_bytes(), 10).unwrap_or_default();
    if text.len() <= wanted {
        return (parse(text), exponent);
    }
    let (kept, dropped) = text.split_at(wanted);
    let mut digits = parse(kept);
    let is_half = dropped.starts_with('5') && dropped.trim_end_matches('0').len() == 1;
    let is_up = if is_half { digits.bit(0) } else { dropped.as_bytes().first().is_some_and(|first| *first >= b'5') };
    if is_up {
        digits += 1u8;
    }
    (digits, exponent.saturating_add(i64::try_from(dropped.len()).unwrap_or(i64::MAX)))
}

fn pow10(exponent: i64) -> BigInt {
    BigInt::from(pow10_unsigned(exponent))
}

/// Callers keep the exponent within [`MAX_EXPONENT`] and what the digits add to it.
fn pow10_unsigned(exponent: i64) -> BigUint {
    BigUint::from(10u8).pow(u32::try_from(exponent).unwrap_or_default())
}

impl FromStr for Number {
    type Err = NumberError;

    /// Reads `-12`, `.5`, `1.25e-3`; no infinities, no other bases.
    fn from_str(text: &str) -> Result<Self, NumberError> {
        if let Some(small) = small_integer(text) {
            return Ok(Self(Form::Integer(small)));
        }
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
            return Err(NumberError::NotANumber);
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        if whole.len().max(fraction.len()) > 2 * MAX_DIGITS.max(MAX_EXPONENT.unsigned_abs() as usize) {
            return Err(NumberError::TooLong);
        }
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_matches('0');
        if significant.is_empty() {
            return Ok(Self::ZERO);
        }
        let places = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let lowest = exponent.saturating_sub(places(fraction.len()));
        let highest = lowest.saturating_add(places(digits.trim_start_matches('0').len()));
        if significant.len() > MAX_DIGITS || lowest < -MAX_EXPONENT || highest > MAX_EXPONENT {
            return Err(NumberError::TooLong);
        }
        let digits = BigUint::parse_bytes(digits.as_bytes(), 10).ok_or(NumberError::NotANumber)?;
        Ok(Self::of(negative, digits, lowest))
    }
}

/// Most numbers are short integers: these need no big arithmetic. `None` says only that the long way is needed.
fn small_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let short = (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if short { text.parse().ok() } else { None }
}

fn parse_exponent(text: &str) -> Result<i64, NumberError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NumberError::NotANumber);
    }
    // All digits, so the only failure is a number far too large, as zero times ten to it would not be.
    Ok(text.parse().unwrap_or(if text.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 }))
}

impl fmt::Display for Number {
    /// Plain decimal text without exponent, as core writes numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = match &self.0 {
            Form::Integer(value) => return write!(f, "{value}"),
            Form::Decimal(decimal) => decimal,
        };
        if self.is_negative() {
            f.write_str("-")?;
        }
        let digits = decimal.digits.magnitude().to_str_radix(10);
        let places = usize::try_from(decimal.exponent.unsigned_abs()).unwrap_or(usize::MAX);
        if decimal.exponent >= 0 {
            write!(f, "{digits}{:0<places$}", "")
        } else if digits.len() > places {
            let (whole, fraction) = digits.split_at(digits.len() - places);
            write!(f, "{whole}.{fraction}")
        } else {
            write!(f, "0.{digits:0>places$}")
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Form::Integer(left), Form::Integer(right)) = (&self.0, &other.0) {
            return left.cmp(right);
        }
        let parts = |number: &Self| match &number.0 {
            Form::Integer(value) => (BigInt::from(*value), 0),
            Form::Decimal(decimal) => (decimal.digits.clone(), decimal.exponent),
        };
        let ((left, left_exponent), (right, right_exponent)) = (parts(self), parts(other));
        if left.sign() != right.sign() {
            return left.sign().cmp(&right.sign());
        }
        let by_magnitude = Self::magnitude(&left, left_exponent).cmp(&Self::magnitude(&right, right_exponent));
        if by_magnitude != Ordering::Equal {
            return if left.sign() == Sign::Minus { by_magnitude.reverse() } else { by_magnitude };
        }
        // Alike in size, so that the exponents differ by no more than the digits do.
        let lowest = left_exponent.min(right_exponent);
        (left * pow10(left_exponent - lowest)).cmp(&(right * pow10(right_exponent - lowest)))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(Form::Integer(value))
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        match i64::try_from(value) {
            Ok(value) => Self(Form::Integer(value)),
            Err(_) => Self::of(false, BigUint::from(value), 0),
        }
    }
}

impl From<i32> for Number {
    fn from(value: i32) -> Self {
        Self::from(i64::from(value))
    }
}

impl From<u32> for Number {
    fn from(value: u32) -> Self {
        Self::from(i64::from(value))
    }
}

impl TryFrom<&Number> for i64 {
    type Error = NumberError;

    fn try_from(number: &Number) -> Result<Self, NumberError> {
        number.as_i64().ok_or(NumberError::Inexact("a 64-bit integer"))
    }
}

impl TryFrom<&Number> for u64 {
    type Error = NumberError;

    fn try_from(number: &Number) -> Result<Self, NumberError> {
        let inexact = NumberError::Inexact("an unsigned 64-bit integer");
        match &number.0 {
            Form::Integer(value) => Self::try_from(*value).map_err(|_| inexact),
            // 10^19 is the largest power of ten below 2^64.
            Form::Decimal(decimal) if (0..=19).contains(&decimal.exponent) => {
                (&decimal.digits * pow10(decimal.exponent)).to_u64().ok_or(inexact)
            }
            Form::Decimal(_) => Err(inexact),
        }
    }
}

impl TryFrom<&Number> for i32 {
    type Error = NumberError;

    fn try_from(number: &Number) -> Result<Self, NumberError> {
        let value = number.as_i64().and_then(|value| Self::try_from(value).ok());
        value.ok_or(NumberError::Inexact("a 32-bit integer"))
    }
}

impl TryFrom<&Number> for u32 {
    type Error = NumberError;

    fn try_from(number: &Number) -> Result<Self, NumberError> {
        let value = number.as_i64().and_then(|value| Self::try_from(value).ok());
        value.ok_or(NumberError::Inexact("an unsigned 32-bit integer"))
    }
}

impl TryFrom<&Number> for f64 {
    type Error = NumberError;

    /// A float of exactly this value, or one that is written like this number (`0.1`).
    fn try_from(number: &Number) -> Result<Self, NumberError> {
        let inexact = NumberError::Inexact("a 64-bit float");
        let nearest = number.to_f64();
        let same = |candidate: Result<Number, NumberError>| candidate.as_ref() == Ok(number);
        let holds = same(Number::from_f64(nearest)) || same(Number::from_f64_exact(nearest));
        if holds { Ok(nearest) } else { Err(inexact) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn displays_as_core_writes() {
        for (text, expect) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.1", "0.1"),
            ("1.50", "1.5"),
            ("-.5", "-0.5"),
            ("1e3", "1000"),
            ("1.25e-3", "0.00125"),
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "9223372036854775808"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("123.456e1", "1234.56"),
            ("100000000000000000000", "100000000000000000000"),
            ("0e99999999999999999999", "0"),
        ] {
            assert_eq!(number(text).to_string(), expect, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in ["", "-", ".", "e1", "1e", "1e+", "0x10", "1_000", "Inf", "NaN", " 1", "1 ", "１"] {
            assert_eq!(text.parse::<Number>(), Err(NumberError::NotANumber), "{text}");
        }
        for text in ["1e4097", "1e-4097", "1e99999999999999999999", &"9".repeat(MAX_DIGITS + 1)] {
            assert_eq!(text.parse::<Number>(), Err(NumberError::TooLong), "{text}");
        }
    }

    #[test]
    fn equal_values_are_one_number() {
        assert_eq!(number("1.0"), Number::from(1_i64));
        assert_eq!(number("1e2"), number("100.00"));
        assert_eq!(number("18446744073709551615"), Number::from(u64::MAX));
    }

    #[test]
    fn orders_by_value() {
        let sorted = ["-1e30", "-100.5", "-100", "-0.1", "0", "1e-30", "0.1", "0.25", "1", "99.9", "100", "1e30"];
        for pair in sorted.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn floats_are_exact_or_as_written() {
        let exact = Number::from_f64_exact(0.1).unwrap();
        assert_eq!(exact.to_string(), "0.1000000000000000055511151231257827021181583404541015625");
        assert_eq!(Number::from_f64(0.1), Ok(number("0.1")));
        assert_eq!(f64::try_from(&exact), Ok(0.1));
        assert_eq!(f64::try_from(&number("0.1")), Ok(0.1));
        assert_eq!(number("0.1").as_exact_f64(), None);
        assert_eq!(number("0.5").as_exact_f64(), Some(0.5));
        assert!(f64::try_from(&number("0.10000000000000000001")).is_err());
        assert!(f64::try_from(&number("9007199254740993")).is_err());
        for value in [f64::MIN_POSITIVE, 5e-324, f64::MAX, -f64::MAX, 1.0 / 3.0] {
            assert_eq!(Number::from_f64_exact(value).unwrap().as_exact_f64(), Some(value), "{value}");
        }
        assert_eq!(Number::from_f64_exact(f64::NAN), Err(NumberError::NotFinite));
        assert_eq!(Number::from_f64_exact(f64::INFINITY), Err(NumberError::NotFinite));
    }

    #[test]
    fn converts_exactly_or_not_at_all() {
        assert_eq!(u64::try_from(&number("18446744073709551615")), Ok(u64::MAX));
        assert_eq!(u64::try_from(&number("10000000000000000000")), Ok(10_000_000_000_000_000_000));
        assert!(u64::try_from(&number("18446744073709551616")).is_err());
        assert!(u64::try_from(&number("-1")).is_err());
        assert!(i64::try_from(&number("9223372036854775808")).is_err());
        assert!(i64::try_from(&number("1.5")).is_err());
        assert_eq!(i32::try_from(&number("-2147483648")), Ok(i32::MIN));
        assert!(u32::try_from(&number("4294967296")).is_err());
    }

    #[test]
    fn more_digits_than_core_keeps_are_the_number_that_core_sees() {
        // Beyond 512 bits after 0.1: core reads both as one number and writes the shorter.
        let long = format!("0.1{}1", "0".repeat(200));
        assert_eq!(number(&long), number("0.1"));
        // The difference that `1 - 0.99` leaves in core, which core writes in 156 digits.
        let text = "0.010000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000003";
        assert_eq!(number(text).to_string(), text);
        // Integers are exact up to 2^512.
        let large = (BigUint::from(1u8) << 512u32) - 1u8;
        assert_eq!(number(&large.to_string()).to_string(), large.to_string());
    }
}
