//! Which VERSION a release gets. It follows content, not time: the device writes its flash for every new one, and two
//! contents under one VERSION are one to it.

use std::collections::BTreeSet;

use super::release::{Generation, Version};

const MINUTES: u64 = 60;
const HOURS: u64 = 24;
/// Days 1 to 28 exist in every month.
const DAYS: u64 = 28;
const MONTHS: u64 = 12;
const YEARS: u64 = 100;
/// How many VERSIONs there are to choose from: about 48 million.
const COUNT: u64 = MINUTES * HOURS * DAYS * MONTHS * YEARS;

/// The VERSION for this content: derived from its identity, and counted on by a minute while this site has `used` it.
/// What repairs the same content therefore gets the next one. Always a valid date; the last one is followed by the
/// first.
pub fn choose<'a>(content_id: &Generation, used: impl Iterator<Item = &'a Version>) -> Version {
    first_free(spread(content_id) % COUNT, &used.collect())
}

fn first_free(mut number: u64, used: &BTreeSet<&Version>) -> Version {
    // More steps than there are used ones cannot be needed, so this ends.
    for _ in 0..used.len() {
        if !used.contains(&at(number)) {
            break;
        }
        number = (number + 1) % COUNT;
    }
    at(number)
}

/// FNV-1a: the identity is a hash already, it only has to become a number.
fn spread(content_id: &Generation) -> u64 {
    content_id.0.bytes().fold(0xcbf2_9ce4_8422_2325, |number: u64, byte| {
        (number ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The VERSION with this number, counting minutes from the first of January of year 00.
fn at(number: u64) -> Version {
    let (rest, minute) = (number / MINUTES, number % MINUTES);
    let (rest, hour) = (rest / HOURS, rest % HOURS);
    let (rest, day) = (rest / DAYS, rest % DAYS + 1);
    let (rest, month) = (rest / MONTHS, rest % MONTHS + 1);
    Version::from_fields([day, month, rest % YEARS, hour, minute])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Generation {
        Generation(text.into())
    }

    #[test]
    fn every_number_is_a_valid_version() {
        for number in (0..COUNT).step_by(9_973).chain([0, COUNT - 1]) {
            let version = at(number);
            assert_eq!(version.as_str().parse::<Version>(), Ok(version.clone()));
        }
        assert_eq!(at(0).as_str(), "0101000000");
        assert_eq!(at(COUNT - 1).as_str(), "2812992359");
    }

    #[test]
    fn it_follows_the_content() {
        let (one, two) = (id("9f3c00000001"), id("9f3c00000002"));
        assert_eq!(choose(&one, [].iter()), choose(&one, [].iter()));
        assert_ne!(choose(&one, [].iter()), choose(&two, [].iter()));
    }

    #[test]
    fn a_used_one_is_counted_on_by_a_minute_until_it_is_free() {
        let content = id("9f3c00000001");
        let mut used = Vec::new();
        for _ in 0..90 {
            let version = choose(&content, used.iter());
            assert!(!used.contains(&version));
            used.push(version);
        }
        let first = spread(&content) % COUNT;
        assert_eq!(used.last(), Some(&at((first + 89) % COUNT)));
    }

    #[test]
    fn the_last_one_is_followed_by_the_first() {
        let last = at(COUNT - 1);
        assert_eq!(first_free(COUNT - 1, &BTreeSet::from([&last])), at(0));
        let first = at(0);
        assert_eq!(first_free(COUNT - 1, &BTreeSet::from([&last, &first])), at(1));
        assert_eq!(first_free(COUNT - 1, &BTreeSet::new()), last);
    }
}
