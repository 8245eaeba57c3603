//! `/status_device.html`: who the manager is, its clock, its base stations, and the handsets that are still pending.
//!
//! The pending list is three-valued: a list, clear with proof, or unreadable with a reason. Its rows are the very last
//! of the page's one table, behind the clock; with nobody pending there are none, so *clear* is said only of a page
//! that is whole, shows MAC and clock in one table, and has no row behind the clock that was not understood.

use chrono::{NaiveDate, NaiveDateTime};
use scraper::ElementRef;

use super::{Page, dom};
use crate::domain::ids::{Firmware, Ipui, Mac};
use crate::domain::observed::{BaseStation, Reading};

/// Rows of modules on one page: 30 base stations with two each. More are not of an N720.
const MOST_MODULES: usize = 60;
/// Pending handsets on one page: a slot each.
const MOST_PENDING: usize = 100;
/// Characters of a name that are kept; the device itself takes fewer.
const MOST_CHARACTERS: usize = 64;

/// What the status page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The manager's MAC.
    pub mac: Reading<Mac>,
    /// The manager's firmware.
    pub firmware: Reading<Firmware>,
    /// The manager's local time, in whole minutes.
    pub clock: Reading<NaiveDateTime>,
    /// The pending IPUIs, in the order shown. `Known` of an empty list is *clear*, with proof.
    pub pending: Reading<Vec<Ipui>>,
    /// Base stations, a row per module.
    pub base_stations: Vec<BaseStation>,
    /// What was odd.
    pub notes: Vec<String>,
}

impl Status {
    /// A page of which nothing could be read.
    pub fn unreadable(reason: &str) -> Self {
        Self {
            mac: Reading::Unreadable(reason.to_owned()),
            firmware: Reading::Unreadable(reason.to_owned()),
            clock: Reading::Unreadable(reason.to_owned()),
            pending: Reading::Unreadable(reason.to_owned()),
            base_stations: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// Reads the status page.
pub fn read(text: &str) -> Status {
    let page = match Page::read(text) {
        Ok(page) => page,
        Err(refusal) => return Status::unreadable(&refusal.to_string()),
    };
    if page.has_field("password") {
        return Status::unreadable("a form that asks for a password came in its place: the session is lost");
    }
    let rows = dom::rows(&page.html);
    let Some(layout) = Layout::find(&page, &rows) else {
        return Status::unreadable(
            "the page is not the status page as known: span#hour, span#minute and span#date are not in it",
        );
    };
    let base_stations = match base_stations(&page) {
        Ok(base_stations) => base_stations,
        Err(reason) => return Status::unreadable(&reason),
    };
    let mac = mac(layout.before);
    let mut notes = Vec::new();
    let pending = match &mac {
        Ok((_, row)) => pending(&page, &layout, *row, &mut notes),
        Err(reason) => Err(format!("the page is not proven to be the status page: {reason}")),
    };
    Status {
        mac: reading(mac.map(|(mac, _)| mac)),
        firmware: reading(firmware(layout.before)),
        clock: reading(clock(&layout)),
        pending: reading(pending),
        base_stations,
        notes,
    }
}

fn reading<T>(result: Result<T, String>) -> Reading<T> {
    result.map_or_else(Reading::Unreadable, Reading::Known)
}

/// Where the fixed parts of the page are.
struct Layout<'a, 'r> {
    hour: ElementRef<'a>,
    minute: ElementRef<'a>,
    date: ElementRef<'a>,
    /// The rows before the first one of the clock.
    before: &'r [ElementRef<'a>],
    /// The rows behind the last one of the clock.
    behind: &'r [ElementRef<'a>],
}

impl<'a, 'r> Layout<'a, 'r> {
    fn find(page: &'a Page, rows: &'r [ElementRef<'a>]) -> Option<Self> {
        let span = |id| dom::by_id(&page.html, id);
        let (hour, minute, date) = (span("hour")?, span("minute")?, span("date")?);
        let place = |span: ElementRef<'a>| {
            let row = dom::around(span, "tr")?;
            rows.iter().position(|found| found.id() == row.id())
        };
        let places = [place(hour)?, place(minute)?, place(date)?];
        let (first, last) = (places.iter().min()?, places.iter().max()?);
        Some(Self { hour, minute, date, before: rows.get(..*first)?, behind: rows.get(last + 1..)? })
    }
}

/// The MAC, and the row it stands in: the first cell behind a label that is 12 hex digits. The MAC-ID (MAC, dash, four
/// characters) is no MAC, but must agree with it.
fn mac<'a>(rows: &[ElementRef<'a>]) -> Result<(Mac, ElementRef<'a>), String> {
    let values =
        |row: &ElementRef<'a>| dom::cells(*row).into_iter().skip(1).map(dom::text).collect::<Vec<_>>();
    let found = rows
        .iter()
        .take_while(|row| !values(row).iter().any(|value| firmware_in(value).is_some()))
        .find_map(|row| values(row).iter().find_map(|value| Some((value.parse::<Mac>().ok()?, *row))));
    let Some((mac, row)) = found else {
        return Err("no row before the firmware shows a MAC address".to_owned());
    };
    let named = rows.iter().flat_map(values).find_map(|value| mac_of_id(&value));
    match named {
        Some(other) if other != mac => Err(format!("the MAC {mac} and the MAC-ID of {other} disagree")),
        Some(_) | None => Ok((mac, row)),
    }
}

/// The MAC in a MAC-ID like `7C2F80CA21E4-AB12`.
fn mac_of_id(text: &str) -> Option<Mac> {
    let (mac, tail) = text.rsplit_once('-')?;
    let tail = tail.trim();
    let plain = tail.len() == 4 && tail.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then(|| mac.trim().parse().ok()).flatten()
}

/// The running firmware: the first version of product 70; not the one that is available, not a pattern with asterisks.
fn firmware(rows: &[ElementRef<'_>]) -> Result<Firmware, String> {
    let available = |element: ElementRef<'_>| {
        element.value().id().is_some_and(|id| id.contains("available") || id.starts_with("cell_"))
    };
    rows.iter()
        .flat_map(|row| dom::cells(*row).into_iter().skip(1))
        .filter(|cell| !available(*cell))
        .find_map(|cell| firmware_in(&dom::text_without(cell, available)))
        .ok_or_else(|| "no row before the clock shows a firmware like 70.111.00.000.00".to_owned())
}

fn firmware_in(text: &str) -> Option<Firmware> {
    let word = text.split(' ').find(|word| {
        let mut parts = word.split('.');
        parts.next() == Some("70")
            && parts.next().is_some_and(|release| release.len() == 3)
            && parts.next().is_some()
    })?;
    word.parse().ok()
}

fn clock(layout: &Layout<'_, '_>) -> Result<NaiveDateTime, String> {
    let (hour, minute, date) = (dom::text(layout.hour), dom::text(layout.minute), dom::text(layout.date));
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        (digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse::<u32>().ok())
            .flatten()
    };
    let parsed = || {
        let mut parts = date.split('.');
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        let year = i32::try_from(number(year, 4..=4)?).ok().filter(|year| (1970..2100).contains(year))?;
        let day = NaiveDate::from_ymd_opt(year, number(month, 1..=2)?, number(day, 1..=2)?)?;
        let time = day.and_hms_opt(number(&hour, 1..=2)?, number(&minute, 1..=2)?, 0)?;
        parts.next().is_none().then_some(time)
    };
    parsed().ok_or_else(|| format!("the clock shows {date:?} {hour:?}:{minute:?}, which is no time"))
}

/// What a row behind the clock is.
enum Row {
    Heading,
    LabelAndValue,
    Spacer,
    Pending(Ipui),
}

/// The pending list: rows behind the clock, in the table that also holds the MAC.
fn pending(
    page: &Page,
    layout: &Layout<'_, '_>,
    mac_row: ElementRef<'_>,
    notes: &mut Vec<String>,
) -> Result<Vec<Ipui>, String> {
    let table = shared_table(layout.date, mac_row)
        .ok_or("MAC and clock are not rows of one table, as they are on the status page")?;
    let behind: Vec<_> =
        layout.behind.iter().filter(|row| row.ancestors().any(|outer| outer.id() == table.id())).collect();
    let mut listed = Vec::new();
    let (mut announced, mut handsets) = (false, 0);
    for row in behind {
        let row = classify(*row, announced)?;
        handsets += usize::from(matches!(row, Row::Pending(_)));
        if handsets > MOST_PENDING {
            return Err(format!("more than {MOST_PENDING} handsets are listed as pending"));
        }
        if !listed.is_empty() && !matches!(row, Row::Pending(_) | Row::Spacer) {
            return Err(
                "behind the list of pending handsets a row follows that was not understood".to_owned()
            );
        }
        match row {
            Row::Heading => announced = true,
            Row::LabelAndValue => announced = false,
            Row::Spacer => {}
            Row::Pending(ipui) if listed.contains(&ipui) => {
                notes.push(format!("{ipui} is listed as pending twice"))
            }
            Row::Pending(ipui) => listed.push(ipui),
        }
    }
    if announced && listed.is_empty() {
        return Err("a heading behind the clock announces rows that are not there".to_owned());
    }
    strays(page, layout.date, &listed)?;
    Ok(listed)
}

/// The innermost table around both.
fn shared_table<'a>(one: ElementRef<'a>, other: ElementRef<'_>) -> Option<ElementRef<'a>> {
    one.ancestors()
        .filter_map(ElementRef::wrap)
        .filter(|table| dom::is(*table, "table"))
        .find(|table| other.ancestors().any(|outer| outer.id() == table.id()))
}

fn classify(row: ElementRef<'_>, announced: bool) -> Result<Row, String> {
    let text = dom::text(row);
    let not_understood = || Err(format!("a row behind the clock was not understood: {:?}", excerpt(&text)));
    let cells = dom::cells(row);
    let heading = dom::inside(row)
        .any(|inner| matches!(inner.value().name(), "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "th"));
    let has_five = cells.iter().any(|cell| !dom::hex_fives(&dom::text(*cell)).is_empty());
    match cells.as_slice() {
        [cell] => match text.parse::<Ipui>() {
            Ok(_) if heading => not_understood(),
            Ok(ipui) => Ok(Row::Pending(ipui)),
            Err(_) if heading && !has_five && !text.is_empty() => Ok(Row::Heading),
            // An empty cell where a list is announced may be a row that lost its text.
            Err(_) if text.is_empty() && !(announced && dom::has_class(*cell, "colspan")) => Ok(Row::Spacer),
            Err(_) => not_understood(),
        },
        [] if text.is_empty() => Ok(Row::Spacer),
        [] => not_understood(),
        _ if has_five => not_understood(),
        _ if text.is_empty() => Ok(Row::Spacer),
        _ => Ok(Row::LabelAndValue),
    }
}

/// Refuses a page where an IPUI stands behind the clock, or in no row at all, that is not in the list: a table that came
/// apart, or a list in another shape.
fn strays(page: &Page, date: ElementRef<'_>, listed: &[Ipui]) -> Result<(), String> {
    let mut behind = false;
    for node in page.html.tree.root().descendants() {
        behind |= node.id() == date.id();
        let in_row = node.ancestors().filter_map(ElementRef::wrap).any(|outer| dom::is(outer, "tr"));
        if !behind && in_row {
            continue;
        }
        let text = node.value().as_text().map(|text| &**text);
        // A tag whose quote was lost takes in what follows it.
        let attributes = node.value().as_element().into_iter().flat_map(|element| element.attrs());
        for stray in text.into_iter().chain(attributes.map(|(_, value)| value)).flat_map(dom::hex_fives) {
            if !stray.parse().is_ok_and(|ipui| listed.contains(&ipui)) {
                return Err(format!("{stray} stands where no list of pending handsets is expected"));
            }
        }
    }
    Ok(())
}

fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}

/// A row per module of each base station; what a row lacks is left empty.
fn base_stations(page: &Page) -> Result<Vec<BaseStation>, String> {
    let names: Vec<(&str, ElementRef<'_>)> =
        dom::elements(&page.html).filter_map(module_name).take(MOST_MODULES + 1).collect();
    if names.len() > MOST_MODULES {
        return Err(format!("the page shows more than {MOST_MODULES} modules of base stations"));
    }
    let ids = dom::by_ids(&page.html);
    let station = |(suffix, name): &(&str, ElementRef<'_>)| {
        let row = dom::around(*name, "tr")?;
        let numbers = dom::cells(row).into_iter().map(dom::text).find_map(|text| match text.as_str() {
            "1" => Some(1),
            "2" => Some(2),
            _ => None,
        });
        let module = numbers.or_else(|| suffix.get(suffix.len() - 1..)?.parse().ok())?;
        let firmware = ids.get(format!("cell_current_firmware{suffix}").as_str());
        Some(BaseStation {
            name: shortened(dom::text(*name)),
            module,
            firmware: firmware.map(|cell| shortened(dom::text(*cell))).unwrap_or_default(),
        })
    };
    Ok(names.iter().filter_map(station).collect())
}

/// The element with the name of a base station, with the digits in its id: station and module.
fn module_name(element: ElementRef<'_>) -> Option<(&str, ElementRef<'_>)> {
    let suffix = element.value().id()?.strip_prefix("cn")?;
    let known = dom::has_class(element, "cell_name") && suffix.bytes().all(|b| b.is_ascii_digit());
    (known && suffix.len() >= 2).then_some((suffix, element))
}

fn shortened(text: String) -> String {
    if text.chars().nth(MOST_CHARACTERS).is_none() {
        text
    } else {
        text.chars().take(MOST_CHARACTERS).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../../tests/fixtures/pages/status-two-pending/page.html");

    /// The page with this many more rows of that kind, at its end.
    fn with(count: usize, row: impl Fn(usize) -> String) -> Status {
        let more: String = (0..count).map(row).collect();
        let (before, after) = PAGE.rsplit_once("</table>").unwrap();
        read(&format!("{before}{more}</table>{after}"))
    }

    fn pending(ipui: usize) -> String {
        format!("<tr><td colspan=2 class=colspan>02 00 00 {:02X} {:02X}</td></tr>", ipui >> 8, ipui & 255)
    }

    #[test]
    fn a_full_list_is_read_and_a_longer_one_is_no_list() {
        let listed = |count| with(count, pending).pending;
        assert_eq!(listed(98).known().map(Vec::len), Some(100));
        for count in [99, 15_000] {
            assert!(listed(count).why_not().unwrap().contains("more than 100"), "{count}");
        }
        let again = with(99, |_| pending(7)).pending;
        assert!(again.why_not().unwrap().contains("more than 100"), "{again:?}");
    }

    #[test]
    fn a_tag_that_lost_a_quote_hides_nobody() {
        let lost = PAGE.replacen("class=\"colspan\">02 B6", "class=\"colspan0>02 B6", 1);
        assert_ne!(lost, PAGE);
        let why = read(&lost).pending;
        assert!(why.why_not().unwrap().contains("02 B6 EC 8A A5 stands where no list"), "{why:?}");
    }

    #[test]
    fn more_base_stations_than_there_can_be_are_no_status_page() {
        let already = read(PAGE).base_stations.len();
        let more = |count| {
            let row = |n| format!("<tr><td><p id=cn{}1 class=cell_name>B</p></td><td>1</td></tr>", n + 50);
            let (before, after) = PAGE.split_once("<tr").unwrap();
            let rows: String = (0..count).map(row).collect();
            read(&format!("{before}{rows}<tr{after}"))
        };
        let full = more(MOST_MODULES - already);
        assert_eq!(full.base_stations.len(), MOST_MODULES);
        assert!(full.mac.known().is_some());
        // A body of 900 kB, which took minutes when each name was looked up by itself.
        for count in [MOST_MODULES + 1 - already, 15_000] {
            let seen = more(count);
            for why in [seen.mac.why_not(), seen.pending.why_not()] {
                assert!(why.unwrap().contains("more than 60 modules"), "{count}: {why:?}");
            }
            assert!(seen.base_stations.is_empty());
        }
    }

    #[test]
    fn a_name_without_an_end_is_cut() {
        assert_eq!(shortened("\u{e4}".repeat(64)), "\u{e4}".repeat(64));
        assert_eq!(shortened("\u{e4}".repeat(65)), "\u{e4}".repeat(64));
    }
}
