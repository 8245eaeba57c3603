//! What the web interface answers: sessions first, then the page or the action of the path.
//!
//! Facts: n720.md, section 4. Pages are drawn in [`crate::pages`], bytes are written in [`crate::server`].

use crate::access::{Attempt, code};
use crate::clock::Moment;
use crate::fault::{Fault, Strike};
use crate::forms::{self, FORMS, QUIET_ACTION};
use crate::http::{Request, Response};
use crate::journal::{Author, Event, SessionEnd, Trigger};
use crate::language;
use crate::pages::{self, login, mobile_devices, status};
use crate::profile;
use crate::state::{Power, State};
use std::net::{IpAddr, SocketAddr};

/// An answer, or none at all, and what faults do to its delivery.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Option<Response>,
    pub(crate) strike: Strike,
}

/// Answers one request and notes it in the journal.
pub(crate) fn answer(state: &mut State, request: &Request, peer: SocketAddr, at: Moment) -> Answer {
    let silent = state.refusing() || !is_welcome(state, peer.ip());
    let strike = if silent { Strike::default() } else { state.faults.strike(&request.path) };
    let with_session = !silent && state.access.touch(request.cookie("key"), at);
    let response = (!silent).then(|| {
        let mut response =
            replacement(&strike).unwrap_or_else(|| route(state, request, with_session, &strike, at));
        if response.status == 200 {
            response.headers.push(("ETag", request.path.clone()));
        }
        spoil(&mut response, &strike);
        response
    });
    state.journal.write(
        at,
        Event::Request {
            method: request.method.clone(),
            path: request.path.clone(),
            status: response.as_ref().map_or(0, |response| response.status),
            with_session,
        },
    );
    Answer { response, strike }
}

/// `foreign_sub` 0: only the device's own subnet is answered.
fn is_welcome(state: &State, peer: IpAddr) -> bool {
    let bits = state.config.own_subnet_bits;
    match (state.config.web.ip(), peer) {
        _ if state.settings.get("foreign_sub") == "1" => true,
        (IpAddr::V4(own), IpAddr::V4(peer)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            own.to_bits() & mask == peer.to_bits() & mask
        }
        (own, peer) => own == peer,
    }
}

/// What faults answer instead of the device.
fn replacement(strike: &Strike) -> Option<Response> {
    if let Some((status, retry_after_s)) = strike.status {
        let mut response = Response::new(status);
        response.set("Retry-After", retry_after_s.map(|seconds| seconds.to_string()));
        return Some(response);
    }
    if let Some(to) = &strike.redirect {
        return Some(Response::new(303).with("Location", to.clone()));
    }
    strike.empty.then(|| Response::page(""))
}

/// What faults do to a finished answer.
fn spoil(response: &mut Response, strike: &Strike) {
    if let Some(path) = &strike.etag {
        response.set("ETag", Some(path.clone()));
    }
    if let Some(one_in) = strike.garbled {
        for byte in response.body.iter_mut().step_by(one_in) {
            *byte = byte.wrapping_mul(31).wrapping_add(0x9F);
        }
    }
}

fn route(state: &mut State, request: &Request, with_session: bool, strike: &Strike, at: Moment) -> Response {
    let (method, path) = (request.method.as_str(), request.path.as_str());
    match (method, path) {
        ("GET" | "POST", "/") => redirect(request, "/login.html"),
        ("GET", "/login.html") => Response::page(login::page(state, 0)),
        ("POST", "/login.html") => log_in(state, request, strike, at),
        ("POST", "/login_ajax.js") => {
            let code = login_code(state, request, strike, true, at);
            Response::text(code.to_string())
        }
        ("GET" | "POST", _) if with_session => inside(state, request, strike, at),
        ("GET" | "POST", _) => redirect(request, "/login.html"),
        _ => Response::new(405),
    }
}

/// `Location` is absolute; without a `Host` header there is none.
fn redirect(request: &Request, path: &str) -> Response {
    let mut response = Response::new(303);
    response.set("Location", request.header("host").map(|host| format!("http://{host}{path}")));
    response
}

fn log_in(state: &mut State, request: &Request, strike: &Strike, at: Moment) -> Response {
    let form = request.form();
    let wanted = form.get("language").and_then(|value| value.parse::<u8>().ok());
    if let Some(to) = wanted.filter(|wanted| *wanted != state.language) {
        // The language trap: switched, not logged in, and no error either.
        if language::is_installed(to) {
            let from = std::mem::replace(&mut state.language, to);
            state.journal.write(at, Event::LanguageSwitched { from, to });
        }
        return Response::page(login::page(state, code::OK));
    }
    let code = login_code(state, request, strike, false, at);
    if code != code::OK {
        return Response::page(login::page(state, code));
    }
    let password = form.get("password").unwrap_or_default();
    let take_over = form.get("loginajax") == Some("2");
    if take_over && state.access.person() {
        state.evict_person(at);
    }
    let attempt = Attempt { password, take_over, key: request.cookie("key") };
    let key = state.access.open(attempt, &mut state.lot, at, &mut state.journal);
    let to = if state.config.advice_page { "/backup_advice.html" } else { "/settings_lan.html" };
    redirect(request, to).with("Set-Cookie", format!("key={key}; path=/"))
}

/// The number both login paths answer with.
fn login_code(state: &mut State, request: &Request, strike: &Strike, test: bool, at: Moment) -> u16 {
    let form = request.form();
    let take_over = form.get("loginajax") == Some("2");
    let attempt =
        Attempt { password: form.get("password").unwrap_or_default(), take_over, key: request.cookie("key") };
    let code = if let Some(forced) = strike.login_code {
        forced
    } else if state.power != Power::Up {
        code::REBOOTING
    } else if state.faults.has(&Fault::UpdateRunning) {
        code::FIRMWARE_DOWNLOAD
    } else {
        state.access.check(attempt, at, &mut state.journal)
    };
    state.journal.write(at, Event::LoginTried { code, test, take_over });
    code
}

/// Everything that needs the session.
fn inside(state: &mut State, request: &Request, strike: &Strike, at: Moment) -> Response {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/logout.html") => {
            state.access.close(SessionEnd::LoggedOut, at, &mut state.journal);
            Response::page(login::goodbye(state))
        }
        ("GET", "/status_device.html") => Response::page(status::page(state, &shown(state, strike), at)),
        ("GET", "/mobile_devices.html") => {
            let registry = &state.registry;
            let pin = if strike.hide_file_pin { &registry.pin_by_hand } else { &registry.pin };
            Response::page(mobile_devices::list(state, pin))
        }
        ("POST", "/mobile_devices.html") => open_editor(state, request),
        ("GET", "/mobile_devices_editor.html") => match state.editor {
            Some(index) => Response::page(mobile_devices::editor(state, index, at)),
            None => redirect(request, "/mobile_devices.html"),
        },
        ("GET", "/profile_update.html") => Response::page(pages::waiting(state, "/profile_update.html")),
        ("POST", "/profile_update.html") => {
            if request.form().get("profile_update_status") == Some("2") {
                state.update.end();
            }
            redirect(request, "/settings_management_miscellaneous.html")
        }
        ("GET", "/profile_update_ajax.js") => {
            let (shown, http) = strike.profile_state.unwrap_or_else(|| profile::shown(state));
            Response::text(format!("{shown};{http}"))
        }
        ("GET", "/upl_downl_status.html") => Response::page(pages::waiting(state, "/upl_downl_status.html")),
        ("GET", "/settings.cfg") => Response {
            body: pages::backup(state),
            ..Response::new(200).with("Content-Type", "application/octet-stream")
        },
        ("GET", path) => match FORMS.iter().find(|form| form.path == path) {
            Some(form) => Response::page(pages::form(state, form)),
            None => Response::new(404),
        },
        _post => settings_post(state, request, at),
    }
}

/// What the pages show of the device's identity, faults applied.
fn shown(state: &State, strike: &Strike) -> status::Identity {
    status::Identity {
        mac: strike.mac.unwrap_or(state.config.mac),
        firmware: strike.firmware.clone().unwrap_or_else(|| state.config.firmware.clone()),
        hide_pending: strike.hide_pending,
    }
}

/// `action=1`, `used_account=<i>` leads to the editor of slot index i.
fn open_editor(state: &mut State, request: &Request) -> Response {
    let form = request.form();
    let index = form.get("used_account").and_then(|value| value.parse::<usize>().ok());
    match index.filter(|index| form.get("action") == Some("1") && *index < state.accounts.len()) {
        Some(index) => {
            state.editor = Some(index);
            redirect(request, "/mobile_devices_editor.html")
        }
        None => redirect(request, "/mobile_devices.html"),
    }
}

/// A form comes back: each field that is in the post takes effect, then what the form is for happens.
fn settings_post(state: &mut State, request: &Request, at: Moment) -> Response {
    let Some(form) = FORMS.iter().find(|form| form.path == request.path) else { return Response::new(404) };
    let posted = request.form();
    for (field, value) in forms::changes(form, &state.settings, &posted) {
        if field == "web_password" {
            // What the page would not have sent changes nothing.
            if state.set_web_password(&value, Author::ByHand, at).is_err() {
                continue;
            }
        } else {
            state.settings.set(field, &value);
        }
        let value = if field.ends_with("password") { "***".to_owned() } else { value };
        let event = Event::SettingChanged { form: form.path.to_owned(), field: field.to_owned(), value };
        state.journal.write(at, event);
    }
    let said = |field, value| posted.get(field) == Some(value);
    match form.path {
        "/firmware_update.html" => {
            if let Some(action) = posted.get("action").filter(|action| *action != QUIET_ACTION) {
                let action = action.to_owned();
                state.journal.write(at, Event::FirmwareUpdateStarted { action });
            }
        }
        "/settings_management_miscellaneous.html" if said("profile_update_manual", "1") => {
            let outcome = state.order_fetch(Trigger::Web, at);
            state.update.begin(outcome);
            return redirect(request, "/profile_update.html");
        }
        "/settings_management_save_and_restore.html" if said("save_restore_function", "1") => {
            return redirect(request, "/upl_downl_status.html");
        }
        "/reboot.html" if said("do_reboot", "1") => state.reboot(at),
        "/backup_advice.html" => return redirect(request, "/settings_lan.html"),
        _ => {}
    }
    redirect(request, form.path)
}
