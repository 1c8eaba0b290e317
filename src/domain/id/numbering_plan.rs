//! Numbers that have two spellings: WhatsApp names an account by its number as it was when it registered, and some
//! countries have lengthened their numbers since.
//!
//! Brazil writes a 9 before mobile numbers since 2012 to 2016, Mexico dropped the 1 after its country code in 2019,
//! Benin put 01 before all numbers in 2024: there the two are one line by the numbering plan. In Argentina 9 marks a
//! mobile number beside a fixed line of the same digits, and in Côte d'Ivoire three prefixes came before numbers that may
//! share their tails: there they may be one line, and may be two.

use super::PhoneNumber;

/// Whether two numbers are one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    Different,
    /// The numbering plan allows both to be lines of their own.
    Maybe,
    Same,
}

/// A national number: digits after a country code, of a known count.
fn national(number: u64, country: u64, digits: u32) -> Option<u64> {
    let scale = 10_u64.pow(digits);
    (number / scale == country).then_some(number % scale)
}

/// The first of so many digits.
fn first(number: u64, digits: u32) -> u64 {
    number / 10_u64.pow(digits - 1)
}

const BRAZIL: u64 = 55;
const MEXICO: u64 = 52;
const MEXICO_AND_1: u64 = 521;
const BENIN: u64 = 229;
const BENIN_AND_01: u64 = 22_901;
const ARGENTINA: u64 = 54;
const ARGENTINA_AND_9: u64 = 549;
const COTE_D_IVOIRE: u64 = 225;
/// Of its three operators, since 2021.
const COTE_D_IVOIRE_PREFIXES: [u64; 3] = [1, 5, 7];
/// The area codes of Brazil of which all accounts are said to have the 9 (WAHA adds it there without asking).
const BRAZIL_ALWAYS_LONG: std::ops::RangeInclusive<u64> = 11..=30;

impl PhoneNumber {
    pub fn likeness(self, other: Self) -> Likeness {
        if self.shortest() == other.shortest() {
            return Likeness::Same;
        }
        let may_be = |one: Self, other: Self| {
            let one = one.get();
            national(one, ARGENTINA_AND_9, 10)
                .is_some_and(|line| national(other.get(), ARGENTINA, 10) == Some(line))
                || national(one, COTE_D_IVOIRE, 10).is_some_and(|line| {
                    national(other.get(), COTE_D_IVOIRE, 8) == Some(line % 100_000_000)
                })
        };
        if may_be(self, other) || may_be(other, self) {
            Likeness::Maybe
        } else {
            Likeness::Different
        }
    }

    /// The one spelling of all that are certainly the same line.
    fn shortest(self) -> u64 {
        let number = self.get();
        if let Some(line) = national(number, BRAZIL, 11) {
            let (area, nine, rest) =
                (line / 1_000_000_000, line / 100_000_000 % 10, line % 100_000_000);
            // Before 2 to 5 the 9 is a part of a newer mobile number; without it there is a fixed line.
            if nine == 9 && first(rest, 8) >= 6 {
                return (BRAZIL * 100 + area) * 100_000_000 + rest;
            }
        }
        if let Some(line) = national(number, MEXICO_AND_1, 10) {
            return MEXICO * 10_000_000_000 + line;
        }
        if let Some(line) = national(number, BENIN_AND_01, 8) {
            return BENIN * 100_000_000 + line;
        }
        number
    }

    /// Whether WhatsApp has to be asked by which spelling it knows the account.
    pub fn has_to_be_asked_for(self) -> bool {
        let is_always_so = national(self.get(), BRAZIL, 11)
            .is_some_and(|line| BRAZIL_ALWAYS_LONG.contains(&(line / 1_000_000_000)));
        !is_always_so && self.has_other_spellings()
    }

    /// Whether the account may be known by another spelling.
    pub fn has_other_spellings(self) -> bool {
        !self.other_spellings().is_empty()
    }

    /// How else the account may be known.
    pub fn other_spellings(self) -> Vec<Self> {
        let number = self.get();
        let short = self.shortest();
        if let Some(line) = national(number, COTE_D_IVOIRE, 8) {
            let long =
                |prefix: &u64| Self::new((COTE_D_IVOIRE * 100 + prefix) * 100_000_000 + line);
            return COTE_D_IVOIRE_PREFIXES.iter().filter_map(long).collect();
        }
        let others = if let Some(line) = national(short, BRAZIL, 10)
            && first(line % 100_000_000, 8) >= 6
        {
            let (area, rest) = (line / 100_000_000, line % 100_000_000);
            [Some(short), Some(((BRAZIL * 100 + area) * 10 + 9) * 100_000_000 + rest)]
        } else if let Some(line) = national(short, MEXICO, 10) {
            [Some(short), Some(MEXICO_AND_1 * 10_000_000_000 + line)]
        } else if let Some(line) = national(short, BENIN, 8) {
            [Some(short), Some(BENIN_AND_01 * 100_000_000 + line)]
        } else if let Some(line) = national(number, ARGENTINA_AND_9, 10) {
            [Some(ARGENTINA * 10_000_000_000 + line), None]
        } else if let Some(line) = national(number, ARGENTINA, 10) {
            [Some(ARGENTINA_AND_9 * 10_000_000_000 + line), None]
        } else if let Some(line) = national(number, COTE_D_IVOIRE, 10) {
            [Some(COTE_D_IVOIRE * 100_000_000 + line % 100_000_000), None]
        } else {
            [None, None]
        };
        let others = others.into_iter().flatten().filter(|other| *other != number);
        others.filter_map(Self::new).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(number: u64) -> PhoneNumber {
        PhoneNumber::new(number).expect("a number")
    }

    fn likeness(one: u64, other: u64) -> Likeness {
        let (one, other) = (number(one), number(other));
        assert_eq!(one.likeness(other), other.likeness(one));
        one.likeness(other)
    }

    #[test]
    fn what_a_numbering_plan_makes_one_line_is_the_same() {
        for (one, other) in [
            (5_511_987_654_321, 551_187_654_321),
            (5_547_991_112_222, 554_791_112_222),
            (5_215_512_345_678, 525_512_345_678),
            (2_290_197_123_456, 22_997_123_456),
        ] {
            assert_eq!(likeness(one, other), Likeness::Same, "{one} {other}");
        }
    }

    #[test]
    fn what_may_be_two_lines_is_not_said_to_be_one() {
        for (one, other) in
            [(5_491_123_456_789, 541_123_456_789), (2_250_712_345_678, 22_512_345_678)]
        {
            assert_eq!(likeness(one, other), Likeness::Maybe, "{one} {other}");
        }
        for (one, other) in [
            // A newer mobile number, and a fixed line.
            (5_584_920_007_282, 558_420_007_282),
            (5_511_987_654_321, 5_511_987_654_322),
            (5_511_987_654_321, 552_187_654_321),
            // Two prefixes of one tail.
            (2_250_712_345_678, 2_250_512_345_678),
            // The 1 of another country's number, and a number that only looks like Italy's or Benin's.
            (391_234_567_890, 39_234_567_890),
            (22_901_123_456, 229_123_456),
            (15_550_100_001, 5_550_100_001),
        ] {
            assert_eq!(likeness(one, other), Likeness::Different, "{one} {other}");
        }
    }

    #[test]
    fn the_other_spellings_are_those_that_whatsapp_may_know() {
        let others = |of: u64| -> Vec<u64> {
            number(of).other_spellings().into_iter().map(PhoneNumber::get).collect()
        };
        assert_eq!(others(5_547_991_112_222), [554_791_112_222]);
        assert_eq!(others(554_791_112_222), [5_547_991_112_222]);
        assert_eq!(others(551_187_654_321), [5_511_987_654_321]);
        assert!(others(554_730_001_111).is_empty(), "a fixed line");
        assert_eq!(others(525_512_345_678), [5_215_512_345_678]);
        assert_eq!(others(5_215_512_345_678), [525_512_345_678]);
        assert_eq!(others(5_491_123_456_789), [541_123_456_789]);
        assert_eq!(others(541_123_456_789), [5_491_123_456_789]);
        assert_eq!(others(2_250_712_345_678), [22_512_345_678]);
        let long = [2_250_112_345_678, 2_250_512_345_678, 2_250_712_345_678];
        assert_eq!(others(22_512_345_678), long);
        assert_eq!(others(22_997_123_456), [2_290_197_123_456]);
        assert!(others(4_915_100_000_001).is_empty());
    }

    #[test]
    fn whatsapp_is_asked_where_the_spelling_is_not_certain() {
        for (number, asks) in [
            (5_547_991_112_222, true),
            (554_791_112_222, true),
            // Below 31 the 9 is always there.
            (5_511_987_654_321, false),
            (551_187_654_321, true),
            (525_512_345_678, true),
            (541_123_456_789, true),
            (2_250_712_345_678, true),
            (22_997_123_456, true),
            (4_915_100_000_001, false),
            (39_061_234_567, false),
        ] {
            assert_eq!(
                PhoneNumber::new(number).expect("a number").has_to_be_asked_for(),
                asks,
                "{number}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_other_spelling_is_like_the_number(
            country in prop::sample::select(vec![55_u64, 52, 521, 229, 22_901, 54, 549, 225, 49]),
            rest in 0_u64..100_000_000_000,
            digits in 8_u32..=11,
        ) {
            let scale = 10_u64.pow(digits);
            let Some(number) = PhoneNumber::new(country * scale + rest % scale) else {
                return Ok(());
            };
            prop_assert_eq!(number.likeness(number), Likeness::Same);
            for other in number.other_spellings() {
                prop_assert_ne!(other, number);
                prop_assert!(number.likeness(other) > Likeness::Different, "{} {}", number, other);
                prop_assert!(other.likeness(number) > Likeness::Different);
            }
        }
    }
}
