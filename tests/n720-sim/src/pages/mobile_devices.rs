//! The list of mobile devices, two rows for each active account, and the editor page of one of them.

use super::{Frame, escape, escape_value};
use crate::clock::Moment;
use crate::handset::PinRule;
use crate::language::{Words, words};
use crate::registration::Slot;
use crate::state::{Account, State};
use std::fmt::Write as _;

const DASH: &str = "—";

/// The list; with no active account a sentence stands in its place. `pin` is what the page tells of the PIN.
pub(crate) fn list(state: &State, pin: &PinRule) -> String {
    let words = words(state.language);
    let mut body = String::new();
    let active: Vec<usize> =
        (0..state.accounts.len()).filter(|index| state.accounts[*index].active).collect();
    if active.is_empty() {
        let _ = write!(body, "<p class=\"hint\">{}<p>\r\n", escape(words.no_accounts));
    } else {
        body += &headings(state, words);
        for index in &active {
            body += &two_rows(state, *index, words);
        }
        body += "</table>\r\n";
    }
    body += &pin_rows(pin, words);
    body += "<input type=\"hidden\" name=\"action\" value=\"0\">\r\n\
             <input type=\"hidden\" name=\"used_account\" value=\"0\">\r\n";
    let size = 70_000 + active.len() * 1200;
    Frame { path: "/mobile_devices.html", title: words.handsets, size, script: "", body: &body }.draw(state)
}

fn headings(state: &State, words: &Words) -> String {
    let email = if state.config.email_column { format!("<th>{}</th>", words.email) } else { String::new() };
    let mailbox =
        if state.config.mailbox_column { format!("<th>{}</th>", words.mailbox) } else { String::new() };
    format!(
        "<table class=\"mobile_devices\" cellspacing=0>\r\n<tr><th>&nbsp;</th><th>{}</th><th>SIP</th><th>DECT</th>{email}{mailbox}<th>{}</th>\r\n",
        words.user, words.edit
    )
}

fn two_rows(state: &State, index: usize, words: &Words) -> String {
    let (account, slot) = (&state.accounts[index], &state.registry.slots[index]);
    let cell = |html: &str| format!("<td class=\"td_mobile_devices_status\" rowspan=\"2\">{html}</td>\r\n");
    let mut row = format!(
        "<tr>\r\n<td class=\"td_mobile_devices_number\" rowspan=\"2\">{}.</td>\r\n\
         <td class=\"td_mobile_devices_user\"><div id=\"un{index}\">{}</div></td>\r\n\
         <script type=\"text/javascript\">fitText('un{index}', 120); registerRow({index}, '<td>');</script>\r\n",
        index + 1,
        escape(&account.user_id),
    );
    row += &sip_cell(state, account, index);
    row += &dect_cell(slot, index);
    if state.config.email_column {
        row += &cell(DASH);
    }
    if state.config.mailbox_column {
        let on = account.mailbox_on && !account.mailbox.is_empty();
        row += &cell(if on { "<div class=\"green_netam\">&nbsp;</div>" } else { DASH });
    }
    let _ = write!(
        row,
        "<td rowspan=2><a href=\"javascript:editAccount({index})\"><img src=/edit.gif alt=\"{}\"></a></td>\r\n</tr>\r\n",
        words.edit
    );
    let software = slot.registered.as_ref().map_or(String::new(), |handset| {
        format!(
            "<td class=\"td_mobile_devices_status\"><div id=\"dssv{index}\">{}</div></td>",
            escape(&handset.software)
        )
    });
    let _ = write!(
        row,
        "<tr><td><div id=\"dn{index}\">{}</div></td>{software}</tr>\r\n",
        escape(&account.display_name)
    );
    row
}

fn sip_cell(state: &State, account: &Account, index: usize) -> String {
    let provider = account.provider.and_then(|index| state.providers.get(index));
    let mark = match provider {
        None => DASH.to_owned(),
        Some(provider) if provider.server.is_empty() && provider.domain.is_empty() => {
            "<div class=\"red_sip\">&nbsp;</div>".to_owned()
        }
        Some(_) => "<div class=\"green_sip\">&nbsp;</div>".to_owned(),
    };
    let name = provider.map_or("", |provider| provider.name.as_str());
    format!(
        "<td class=\"td_mobile_devices_status\" rowspan=\"2\">{mark}<div id=\"pn{index}\">{}</div></td>\r\n",
        escape(name)
    )
}

/// Registered: name and a cell of one row; reserved: the word IPUI; nothing: a dash.
fn dect_cell(slot: &Slot, index: usize) -> String {
    match (&slot.registered, slot.reserved) {
        (Some(handset), _) => format!(
            "<td class=\"td_mobile_devices_status\"><div id=\"dssn{index}\" class=\"green_dect\">{}</div></td>\r\n",
            escape(&handset.model)
        ),
        (None, Some(_)) => {
            "<td class=\"td_mobile_devices_status\" rowspan=\"2\"><p>IPUI</p></td>\r\n".to_owned()
        }
        (None, None) => format!("<td class=\"td_mobile_devices_status\" rowspan=\"2\">{DASH}</td>\r\n"),
    }
}

fn pin_rows(pin: &PinRule, words: &Words) -> String {
    let checked = |wanted: bool| if pin.random == wanted { " checked" } else { "" };
    format!(
        "<p><input type=\"radio\" name=\"radio_regist_pin\" value=\"1\"{}>{}\r\n\
         <input type=\"radio\" name=\"radio_regist_pin\" value=\"0\"{}>{}\r\n\
         <script type=\"text/javascript\">writeEditfield('<input type=\"text\" maxlength=\"4\" class=\"edit_60\" \
         value=\"{}\" name=\"user_defined_pin\" id=\"user_defined_pin\">', 'edit_60');</script>\r\n",
        checked(true),
        words.random_pin,
        checked(false),
        words.defined_pin,
        escape_value(&pin.defined_pin),
    )
}

/// The editor of one slot; its dangerous buttons are missing while registration by IPUI is on.
pub(crate) fn editor(state: &State, index: usize, at: Moment) -> String {
    let words = words(state.language);
    let account = &state.accounts[index];
    let handset = state.registry.slots[index].registered.as_ref();
    let shown = |text: Option<String>| text.map_or(DASH.to_owned(), |text| escape(&text));
    let mut body = format!(
        "<table>\r\n<tr><td>{}</td><td><div id=\"device_type\">{}</div></td></tr>\r\n\
         <tr><td>{}</td><td><div id=\"dect_user_id\">{}</div></td></tr>\r\n\
         <tr><td>{}</td><td><div id=\"device_software\">{}</div></td></tr>\r\n",
        words.device_type,
        shown(handset.map(|handset| handset.model.clone())),
        words.dect_user_id,
        shown(handset.map(|handset| handset.ipui.to_string())),
        words.software,
        shown(handset.map(|handset| handset.software.clone())),
    );
    for (name, value) in [
        ("sip_login_id", account.login_id.as_str()),
        ("sip_user_id", &account.user_id),
        ("sip_display_name", &account.display_name),
    ] {
        let _ = write!(
            body,
            "<tr><td>{name}<td><script type=\"text/javascript\">writeEditfield('<input type=\"text\" maxlength=\"74\" \
             class=\"edit_186\" value=\"{}\" name=\"{name}\" id=\"{name}\">', 'edit_186');</script></td></tr>\r\n",
            escape_value(value)
        );
    }
    let _ = write!(
        body,
        "</table>\r\n<input type=\"hidden\" name=\"used_account\" value=\"{index}\">\r\n\
         <input type=\"hidden\" name=\"sip_password_changed\" value=\"0\">\r\n\
         <input type=\"hidden\" name=\"action\" value=\"0\">\r\n"
    );
    if !state.registry.window_open(state.reading(), at) {
        for (name, label) in [("deregister", words.deregister), ("delete_account", words.delete_account)] {
            let _ = write!(
                body,
                "<input type=\"button\" name=\"{name}\" id=\"{name}\" value=\"{}\" onclick=\"ask('{name}')\">\r\n",
                escape_value(label)
            );
        }
    }
    let path = "/mobile_devices_editor.html";
    Frame { path, title: words.edit, size: 80_000, script: "", body: &body }.draw(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::moment;
    use crate::config::DeviceBuilder;
    use crate::handset::Handset;
    use crate::ids::Ipui;
    use crate::journal::Registration;
    use tokio::sync::mpsc;

    const A: Ipui = Ipui::new([2, 0xB6, 0xEC, 0x8A, 0xA5]);

    fn at() -> Moment {
        moment(0, "2026-03-01T23:05:40Z")
    }

    fn state(columns: bool) -> State {
        let (jobs, _orders) = mpsc::unbounded_channel();
        let builder = DeviceBuilder::new("7C2F80CA21E4")
            .unwrap()
            .account(1, "1013", "Front \"desk\"")
            .email_column(columns)
            .mailbox_column(columns);
        State::new(builder.into_config(), at(), jobs).unwrap()
    }

    fn drawn(state: &State) -> String {
        list(state, &state.registry.pin)
    }

    /// The cells of the first row of slot index 0, by what is in them.
    fn cells(state: &State) -> Vec<String> {
        let page = drawn(state);
        let body = page.split_once("<body").unwrap().1;
        let row = body
            .split_once("<td class=\"td_mobile_devices_number\"")
            .unwrap()
            .1
            .split_once("</tr>")
            .unwrap()
            .0;
        let cells = row.split("<td").skip(1).filter(|cell| cell.contains("td_mobile_devices_status"));
        cells.map(|cell| cell.split_once('>').unwrap().1.split("</td>").next().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_columns_that_are_optional_can_be_missing() {
        assert_eq!(cells(&state(false)).len(), 2, "SIP and DECT");
        assert_eq!(cells(&state(true))[2..], [DASH, DASH]);
    }

    #[test]
    fn the_sip_cell_tells_registered_not_registered_and_not_configured() {
        let mut state = state(false);
        assert!(cells(&state)[0].starts_with("<div class=\"red_sip\">"));
        state.providers[0].server = "sip.example.com".to_owned();
        state.providers[0].name = "Provider".to_owned();
        assert!(cells(&state)[0].starts_with("<div class=\"green_sip\">"));
        assert!(cells(&state)[0].ends_with("<div id=\"pn0\">Provider</div>"));
        state.accounts[0].provider = None;
        assert_eq!(cells(&state)[0], "—<div id=\"pn0\">&nbsp;</div>");
    }

    #[test]
    fn the_dect_cell_tells_nothing_reserved_and_registered() {
        let mut state = state(false);
        assert_eq!(cells(&state)[1], DASH);
        state.registry.slots[0].reserved = Some(A);
        assert_eq!(cells(&state)[1], "<p>IPUI</p>");
        assert!(!drawn(&state).contains("id=\"dssv0\""));
        let handset = Handset::new(A).model("SL750H PRO", "88");
        state.registry.place(0, &handset, Registration::ByHand, at(), &mut state.journal);
        assert_eq!(cells(&state)[1], "<div id=\"dssn0\" class=\"green_dect\">SL750H PRO</div>");
        assert!(drawn(&state).contains("<div id=\"dssv0\">88</div>"));
    }

    #[test]
    fn the_mailbox_shows_only_when_it_is_on() {
        let mut state = state(true);
        state.accounts[0].mailbox = "*2".to_owned();
        assert_eq!(cells(&state)[3], DASH);
        state.accounts[0].mailbox_on = true;
        assert!(cells(&state)[3].contains("green_netam"));
    }

    #[test]
    fn text_is_escaped() {
        assert!(drawn(&state(false)).contains("<div id=\"dn0\">Front &quot;desk&quot;</div>"));
    }

    #[test]
    fn the_editor_hides_its_buttons_while_registration_by_ipui_is_on() {
        let mut state = state(false);
        let buttons = |state: &State| editor(state, 0, at()).matches("<input type=\"button\"").count();
        assert_eq!(buttons(&state), 2);
        state.registry.window.duration_s = Some(0);
        assert_eq!(buttons(&state), 0);
        assert!(editor(&state, 0, at()).contains("<div id=\"dect_user_id\">—</div>"));
    }
}
