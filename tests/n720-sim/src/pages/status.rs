//! The status page: identity, firmware, base stations, clock, and the handsets still pending.

use super::{Frame, escape};
use crate::clock::Moment;
use crate::ids::Mac;
use crate::language::{Words, words};
use crate::state::State;
use chrono::{Duration as Span, Timelike as _};
use std::fmt::Write as _;
use std::net::IpAddr;

/// What the page says about who the device is; faults may have changed it.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) mac: Mac,
    pub(crate) firmware: String,
    /// Leaves the pending rows out although handsets are pending.
    pub(crate) hide_pending: bool,
}

/// Draws the page, in the order of rows n720.md gives.
pub(crate) fn page(state: &State, identity: &Identity, at: Moment) -> String {
    let words = words(state.language);
    let mut rows = Rows::default();
    device(&mut rows, state, identity, words, at);
    firmware(&mut rows, identity, words);
    base_stations(&mut rows, state, words, at);
    clock(&mut rows, state, words, at);
    let pending = state.registry.pending();
    if !pending.is_empty() && !identity.hide_pending {
        rows.heading(words.handsets);
        for ipui in pending {
            rows.wide(&ipui.to_string());
        }
    }
    let body =
        format!("<div id=content><table cellspacing=\"0\" border=0 class=\"status\">\r\n{}</table>", rows.0);
    let size = 250_000 + state.config.base_stations.len() * 400;
    Frame { path: "/status_device.html", title: words.status, size, script: "", body: &body }.draw(state)
}

#[derive(Default)]
struct Rows(String);

impl Rows {
    fn heading(&mut self, text: &str) {
        let heading = format!("<h4 class=\"first\">{}</h4>", escape(text));
        self.wide(&heading);
    }

    fn wide(&mut self, html: &str) {
        let _ = write!(self.0, "<tr><td colspan=\"2\" class=\"colspan\">{html}</td></tr>\r\n");
    }

    fn pair(&mut self, label: &str, html: &str) {
        let _ =
            write!(self.0, "<tr>\r\n<td>{}</td>\r\n<td>\r\n\t{html}\r\n</td>\r\n</tr>\r\n", escape(label));
    }
}

fn device(rows: &mut Rows, state: &State, identity: &Identity, words: &Words, at: Moment) {
    rows.heading(words.device);
    rows.pair(words.ip_address, &padded(state.config.web.ip()));
    rows.pair(words.mac_address, &identity.mac.with_colons());
    rows.pair(words.mac_id, &format!("{}-{}", identity.mac, state.config.mac_id_tail));
    let rfpi = format!("{:010X}", identity.mac.seed() & 0xFF_FFFF_FFF8);
    rows.pair("RFPI", &rfpi);
    rows.pair(words.device_name, &escape(state.settings.get("device_name")));
    rows.pair(words.operating_days, &format!("<span id=\"IWU_operating_days\">{}</span>", days(at)));
}

fn firmware(rows: &mut Rows, identity: &Identity, words: &Words) {
    rows.heading(words.software);
    rows.pair(words.current_version, &escape(&identity.firmware));
    rows.pair(words.available_version, "<span id=\"dect_manager_available_firmware\">&nbsp;</span>");
    rows.pair(words.patch, "0");
    let number = identity.firmware.split('.').nth(1).unwrap_or("111");
    rows.pair(words.preferred_base, &escape(&format!("**.{number}.**.***.**")));
}

fn base_stations(rows: &mut Rows, state: &State, words: &Words, at: Moment) {
    rows.heading(words.base_stations);
    let mut table = String::from("<table cellpadding=0>\r\n");
    for (i, name) in state.config.base_stations.iter().enumerate() {
        for j in 0..2 {
            let _ = write!(
                table,
                "<tr><td><div class=\"cell_name\" id=\"cn{i}{j}\"><a href=\"javascript:goBase({i})\">{name}</a></div></td>\
                 <td>{module}</td><td><span id=\"cell_current_firmware{i}{j}\">71.111.00.000.00</span></td>\
                 <td><span id=\"cell_operating_days{i}{j}\">{days}</span></td>\
                 <td><span id=\"cell_download_status{i}{j}\">&nbsp;</span></td></tr>\r\n",
                name = escape(name),
                module = j + 1,
                days = days(at),
            );
        }
    }
    table += "</table>";
    let _ =
        write!(rows.0, "<tr><td colspan=\"2\" class=\"colspan\" id=\"td_cell_status\">{table}</td></tr>\r\n");
    let _ = write!(
        rows.0,
        "<tr>\r\n<td><a id=\"vis-link-cluster1\" class=\"vis-link-cluster1\" href=\"javascript:vis(1)\">{} 1</a></td>\r\n\
         <td>\r\n\t{}\r\n</td>\r\n</tr>\r\n",
        words.cluster,
        state.config.base_stations.len()
    );
}

fn clock(rows: &mut Rows, state: &State, words: &Words, at: Moment) {
    let shown = state.clock.shown(at);
    rows.heading(words.date_and_time);
    rows.pair(
        words.time,
        &format!(
            "<span id=\"hour\">{}</span><span id=\"colon\">:</span><span id=\"minute\">{}</span>",
            shown.format("%H"),
            shown.format("%M")
        ),
    );
    rows.pair(words.date, &format!("<span id=\"date\">{}</span>", shown.format("%d.%m.%Y")));
    // The device asks its time server every hour, at the seventeenth minute.
    let synchronised = shown - Span::minutes(i64::from((shown.minute() + 43) % 60));
    rows.pair(words.last_synchronisation, &synchronised.format("%d.%m.%Y %H:%M").to_string());
}

/// Every part of the address with three digits.
fn padded(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.octets().map(|part| format!("{part:03}")).join("."),
        IpAddr::V6(ip) => ip.to_string(),
    }
}

/// A device that is some time in service already.
fn days(at: Moment) -> u64 {
    412 + at.up.as_secs() / 86_400
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::moment;
    use crate::config::DeviceBuilder;
    use crate::ids::Ipui;
    use tokio::sync::mpsc;

    fn drawn(change: impl FnOnce(&mut State), hide_pending: bool) -> String {
        let at = moment(86_400, "2026-03-01T23:05:40Z");
        let (jobs, _orders) = mpsc::unbounded_channel();
        let config = DeviceBuilder::new("7C2F80CA21E4").unwrap().web("192.168.1.5:80".parse().unwrap());
        let mut state = State::new(config.into_config(), at, jobs).unwrap();
        change(&mut state);
        let identity =
            Identity { mac: state.config.mac, firmware: state.config.firmware.clone(), hide_pending };
        page(&state, &identity, at)
    }

    #[test]
    fn numbers_are_written_as_the_device_writes_them() {
        let page = drawn(|_| {}, false);
        for part in [
            "\t192.168.001.005\r\n",
            "<span id=\"hour\">00</span><span id=\"colon\">:</span><span id=\"minute\">05</span>",
            "<span id=\"date\">02.03.2026</span>",
            "\t01.03.2026 23:17\r\n",
            "<span id=\"IWU_operating_days\">413</span>",
        ] {
            assert!(page.contains(part), "{part:?}");
        }
    }

    #[test]
    fn pending_rows_are_the_last_ones_and_only_there_if_any() {
        let ipui = Ipui::new([2, 0xB6, 0xEC, 0x8A, 0xA5]);
        let reserve = |state: &mut State| state.registry.slots[4].reserved = Some(ipui);
        let last = "<td colspan=\"2\" class=\"colspan\">02 B6 EC 8A A5</td></tr>\r\n</table>\r\n</form>";
        assert!(drawn(reserve, false).contains(last));
        for page in [drawn(|_| {}, false), drawn(reserve, true)] {
            let body = page.split_once("<body").unwrap().1;
            assert!(!body.contains("Handsets") && body.contains("</html>"));
        }
    }

    #[test]
    fn the_size_is_that_of_the_real_page() {
        assert!((240_000..=270_000).contains(&drawn(|_| {}, false).len()));
        let thirty = |state: &mut State| state.config.base_stations = vec!["Base".to_owned(); 30];
        assert!((240_000..=270_000).contains(&drawn(thirty, false).len()));
    }
}
