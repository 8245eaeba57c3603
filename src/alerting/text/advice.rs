//! What to do about each kind of alert, in steps for somebody who has never seen a DECT manager, and when to do nothing.
//! An alert's summary says what happened and, in a few words, what mends it; here stands how one goes about it. Facts
//! about the device are those that the conditions rest on.

use super::clean::shell_word;
use super::headline::subject;
use crate::domain::alert::{Alert, AlertKind};

/// That can wait: said where no phone has stopped working.
const NO_HURRY: &str = "No phone has stopped working because of this: it can wait until working hours.";

/// How a changed configuration gets in force.
const RELOAD: &str = "`n720d check`, then `n720d reload`";

/// The steps for one alert at the site of this name.
pub(super) fn steps(alert: &Alert, site: &str) -> Vec<String> {
    let site = &shell_word(site);
    match alert.kind {
        AlertKind::WindowClosing => window_closing(),
        AlertKind::WindowExpiredUnfilled => window_expired(alert, site),
        AlertKind::HandsetLost => handset_lost(site),
        AlertKind::Drift => drift(alert, site),
        AlertKind::PlanNeedsApproval => approval(site),
        AlertKind::PushIneffective => ineffective(),
        AlertKind::PushFailed => push_failed(alert, site),
        AlertKind::Unreachable => unreachable(site),
        AlertKind::LoginRefused => login_refused(alert),
        AlertKind::SessionBusy => session_busy(),
        AlertKind::PageNotUnderstood => not_understood(alert, site),
        AlertKind::FirmwareTooOld => firmware(),
        AlertKind::WrongDevice => wrong_device(),
        AlertKind::ClockSkew => clock(),
        AlertKind::ForeignReservation => foreign(),
        AlertKind::WindowExposed => exposed(site),
        AlertKind::SiteFileInvalid => invalid(),
        AlertKind::SecretMissing => secret(),
        AlertKind::ObservationStale => stale(site),
        AlertKind::PauseForgotten => pause(),
        AlertKind::RolloutStopped => rollout(),
        AlertKind::PasswordNotStored => not_stored(site),
        AlertKind::SinkFailing => sink(),
        AlertKind::Test => said(["Nothing. Whoever reads this gets n720d's alerts here."]),
    }
}

/// What to do first when several sites have this at once: it has one cause more often than many.
pub(super) fn at_several_sites(kind: AlertKind) -> Option<&'static str> {
    Some(match kind {
        AlertKind::WindowClosing => {
            "Begin with the site whose window closes first: the times are in the lists."
        }
        AlertKind::WindowExpiredUnfilled => {
            "Begin with the sites where most handsets are missing; one person per site is enough to call."
        }
        AlertKind::HandsetLost => {
            "Handsets lost at several sites at once usually have one cause. If n720d may be it (new site files today?), stop it from \
             changing anything more: `n720d pause --all --reason \"handsets lost\"`."
        }
        AlertKind::Drift => {
            "Find out whether somebody, or another program, changes several DECT managers at once; it may be meant."
        }
        AlertKind::PlanNeedsApproval => {
            "Was one change of the site files meant to hit all of these? If not, take it back before anybody approves it."
        }
        AlertKind::PushIneffective => {
            "Look at what these managers share: firmware, or the same change in their site files."
        }
        AlertKind::PushFailed => {
            "Look first whether n720d can be reached from where these managers are: its machine, firewall, VPN, and \
             provisioning.public_url in n720d.toml."
        }
        AlertKind::Unreachable => {
            "So many at once are rarely so many broken managers. Look first at what they share: the network of the machine \
             that n720d runs on, the VPN, a provider, the power of a place. Do not call every site: ask at one or two \
             whether the phones there work."
        }
        AlertKind::LoginRefused => {
            "Were the web passwords of these managers changed together, or the place where n720d finds them? Mend that \
             one place before anything else."
        }
        AlertKind::SessionBusy => {
            "Somebody, or another program (inventory, backup, monitoring), is probably working through these managers: let \
             it finish."
        }
        AlertKind::PageNotUnderstood => {
            "Were these managers updated to another firmware? Then n720d does not know its pages yet: tell whoever looks \
             after n720d."
        }
        AlertKind::FirmwareTooOld => "Plan one firmware update for all of them.",
        AlertKind::WrongDevice => {
            "Addresses have probably moved (DHCP, routing, a VPN): ask whoever looks after the network."
        }
        AlertKind::ClockSkew => {
            "So many clocks are rarely wrong at once: look at the time server that they share, and at the clock of the machine \
             that n720d runs on."
        }
        AlertKind::ForeignReservation => {
            "Ask who registers handsets at several sites without the site files."
        }
        AlertKind::WindowExposed => "Was one change of the site files meant to leave these windows open?",
        AlertKind::SecretMissing => {
            "The place where the secrets are kept is probably gone as a whole: the kernel's keyring forgets at a restart of the \
             machine, credentials come from systemd at the start."
        }
        AlertKind::ObservationStale => {
            "n720d itself is probably held up: look at its machine (load, disk, network) and at `journalctl -u n720d`."
        }
        AlertKind::PasswordNotStored => {
            "Put the new passwords into the site files one after the other; none is lost meanwhile."
        }
        AlertKind::SiteFileInvalid
        | AlertKind::PauseForgotten
        | AlertKind::RolloutStopped
        | AlertKind::SinkFailing
        | AlertKind::Test => return None,
    })
}

fn said<const N: usize>(steps: [&str; N]) -> Vec<String> {
    steps.map(str::to_owned).to_vec()
}

/// The two belong together; who calls on which phone is said before.
const CALL: &str = "Call, and read out what the user of each handset has to do.";

/// (The first line: n720.md section 3.)
const IS_IT_THE_RIGHT_ONE: &str =
    "To be sure that it is the right handset: menu, then *#06#, shows its IPUI in the first line.";

fn window_closing() -> Vec<String> {
    said([
        CALL,
        IS_IT_THE_RIGHT_ONE,
        "If a handset is not at hand in time, do nothing about it: n720d tells when the window has closed, and opens another as \
         often as registration.reopen in the site file allows.",
    ])
}

fn window_expired(alert: &Alert, site: &str) -> Vec<String> {
    let reopen = format!(
        "If n720d does not open a window by itself (it is said above if it does): raise registration.reopen in the site file of \
         {site} by one, {RELOAD}."
    );
    match alert.phase.split(' ').next() {
        Some("reopened") => said([CALL, IS_IT_THE_RIGHT_ONE]),
        Some("overdue") => vec![
            "Have the DECT manager's clock set first, on its web page for date and time. Before that no call helps.".to_owned(),
            reopen,
            CALL.to_owned(),
            IS_IT_THE_RIGHT_ONE.to_owned(),
        ],
        Some("unfetched") => vec![
            format!(
                "The DECT manager has to fetch its file first: `n720d status {site}` shows what keeps it from that. Before that no \
                 call helps."
            ),
            CALL.to_owned(),
            IS_IT_THE_RIGHT_ONE.to_owned(),
        ],
        Some(_) | None => vec![
            "Do not call before a window is open: whatever is pressed before is in vain.".to_owned(),
            reopen,
            CALL.to_owned(),
            IS_IT_THE_RIGHT_ONE.to_owned(),
        ],
    }
}

fn handset_lost(site: &str) -> Vec<String> {
    vec![
        "Call on another phone than the lost one: that one does not ring.".to_owned(),
        "Read out what the user of each handset has to do.".to_owned(),
        IS_IT_THE_RIGHT_ONE.to_owned(),
        format!("If it works again by then, have n720d look: `n720d poll {site}`."),
        "If it was taken out of service on purpose, do nothing now; in working hours its slot is taken out of the site file."
            .to_owned(),
    ]
}

fn drift(alert: &Alert, site: &str) -> Vec<String> {
    if subject(alert) == Some("unlisted") {
        return said([
            NO_HURRY,
            "Ask at the site who added them and what for: that decides between the two.",
        ]);
    }
    if alert.phase.starts_with("by hand") {
        return vec![
            "Ask at the site who changed it and what for.".to_owned(),
            "If it was a mistake, do nothing: n720d puts back what it may, and tells when that is done."
                .to_owned(),
            format!(
                "If it is meant, put it into the site file, {RELOAD}; `n720d plan {site}` shows what is left."
            ),
        ];
    }
    vec![
        NO_HURRY.to_owned(),
        format!("`n720d plan {site}` shows every difference, and why it is not mended."),
        format!(
            "Either the site file is changed to what is there, or what keeps n720d from mending it is; {RELOAD}."
        ),
    ]
}

fn approval(site: &str) -> Vec<String> {
    vec![
        "Nothing happens without an approval, and no phone is touched: this can wait until working hours."
            .to_owned(),
        format!(
            "`n720d plan {site}` shows whose phones would stop working, what they must do then, and the plan's hash."
        ),
        format!(
            "If it is meant: agree on a time with them, then `n720d approve {site} HASH --reason \"...\"`. If it is not: correct the \
             site file, {RELOAD}."
        ),
    ]
}

fn ineffective() -> Vec<String> {
    said([
        "Phones that work go on working. If nobody waits for a handset, this can wait until working hours.",
        "Go through the lines that begin with \"look at\", from the top: the likeliest cause comes first.",
    ])
}

fn push_failed(alert: &Alert, site: &str) -> Vec<String> {
    let first = "Phones work as they did; only what is new does not get there. n720d tries again by itself."
        .to_owned();
    if alert.phase.is_empty() {
        let look = "The trouble is n720d's own: look at its machine and at `journalctl -u n720d`.".to_owned();
        return vec![first, look];
    }
    vec![
        first,
        format!(
            "`n720d url {site}` prints the address that the manager has to fetch from. Its web page has to show the same as its \
             configuration file URL. Show it to nobody: it opens the file."
        ),
        "If it is the same: ask whoever looks after the network whether the manager gets through to that address.".to_owned(),
    ]
}

fn unreachable(site: &str) -> Vec<String> {
    vec![
        "Find out whether the phones at the site work: call one.".to_owned(),
        "If they work, the manager runs and only the way to it is broken: pass this on to whoever looks after the network or the \
         VPN. Nobody at the site has to do anything."
            .to_owned(),
        "If they do not: have somebody there look whether the manager has power and whether its network cable is in. If both \
         are, have its power cut for ten seconds; it needs some minutes to come back."
            .to_owned(),
        format!(
            "If it is switched off on purpose: `n720d silence --site {site} --for 2h --reason \"...\"`. n720d goes on trying by itself, \
             and tells when it answers."
        ),
    ]
}

fn login_refused(alert: &Alert) -> Vec<String> {
    if alert.phase == "locked" {
        return said([
            "Do nothing for an hour: the lock ends by itself, and n720d tries again by itself.",
            "If it comes back: ask at the site and among colleagues who logs in there with a wrong password, or which program does.",
        ]);
    }
    vec![
        NO_HURRY.to_owned(),
        "Do not try passwords at its web page: wrong ones lock the login for everybody, each time for longer.".to_owned(),
        "Ask who changed the web password, and put the right one where manager.password in the site file points.".to_owned(),
        "Then `n720d reload`: another password than the refused one is tried by itself.".to_owned(),
    ]
}

fn session_busy() -> Vec<String> {
    said([
        "Do nothing while somebody works there: n720d waits, and reads the manager as soon as they have logged out.",
        "If nobody admits to it: a session that was left open ends by itself after about ten minutes, unless a browser keeps it open. \
         Look for an open window among colleagues and at the site.",
        "Do not throw them out by logging in over them: what they have not saved would be lost.",
    ])
}

fn not_understood(alert: &Alert, site: &str) -> Vec<String> {
    if alert.phase == "login" {
        return said([
            NO_HURRY,
            "Log in at the manager's web page once, with the right password alone. Another page than usual (an update, a restart, a \
             notice) explains it: let that finish.",
            "If the login works, do nothing: n720d tries once more by itself.",
        ]);
    }
    vec![
        NO_HURRY.to_owned(),
        "Look at the manager's web page: while it updates or restarts this is normal, and ends with it."
            .to_owned(),
        format!(
            "If it stays: `n720d observe {site} --record pages` keeps what the manager shows, without passwords. Give that to whoever \
             looks after n720d."
        ),
    ]
}

fn firmware() -> Vec<String> {
    said([
        NO_HURRY,
        "The update is started on the manager's web page. It restarts then and phones do not work for a while: agree on a time with \
         the site.",
    ])
}

fn wrong_device() -> Vec<String> {
    said([
        "Find out whether the phones at the site work: call one. If they do, the rest can wait until working hours.",
        "Ask whether the manager was exchanged. If so, the MAC on the new one's label belongs into the site file.",
        "If not, another device has got its address: ask whoever looks after the network there.",
    ])
}

fn clock() -> Vec<String> {
    said([
        NO_HURRY,
        "Its time server is on the manager's web page for date and time, and has to be one that it gets through to.",
        "Do not set the clock while a registration window is open: it could close or open with it.",
    ])
}

fn foreign() -> Vec<String> {
    said([
        NO_HURRY,
        "Ask at the site and among colleagues who reserved it: that decides between the two. A handset that is listed at another \
         site was perhaps sent to the wrong one.",
    ])
}

fn exposed(site: &str) -> Vec<String> {
    vec![
        "If handsets are being registered there just now, do nothing until that is done.".to_owned(),
        format!("`n720d status {site}` shows who is registered: look for handsets that nobody knows."),
        "Then close the window, in one of the ways that are named above.".to_owned(),
    ]
}

fn invalid() -> Vec<String> {
    said([
        "No phone is disturbed. But a site that is not watched tells of no trouble: if some are not, do not leave it until morning.",
        "Whoever changed the files last mends them, or puts back what was there before; what is wrong stands below, with file and line.",
    ])
}

fn secret() -> Vec<String> {
    said([
        NO_HURRY,
        "The name in front of the colon says where it belongs: keyring (`n720d secret set NAME`; it forgets at a restart of the machine), \
         credential (from systemd, needs a restart of n720d), file, or env.",
        "Then `n720d reload`.",
    ])
}

fn stale(site: &str) -> Vec<String> {
    vec![
        "What n720d says of this site is old: it would not know of a handset that was lost since.".to_owned(),
        format!("`n720d poll {site}` reads it now and says what is in the way."),
        "If that does not help: `journalctl -u n720d`, and look whether its machine is overloaded."
            .to_owned(),
    ]
}

fn pause() -> Vec<String> {
    said([
        "Do not end it on your own at night: ask whoever paused it whether it is still needed.",
        "No phone stops working because of a pause; handsets that are waited for may not get in until it ends.",
    ])
}

fn rollout() -> Vec<String> {
    vec![
        "Nothing more is released at these sites, and no further phone is in danger: stopping was right.".to_owned(),
        "`n720d status` and `n720d history fleet` show what happened. If phones at a site were lost, see to those first.".to_owned(),
        "Leave the files to whoever made them. If it must go on tonight, the way is named above.".to_owned(),
    ]
}

fn not_stored(site: &str) -> Vec<String> {
    vec![
        "n720d logs in with it all the while: this can wait until working hours, but not until n720d's machine is exchanged.".to_owned(),
        format!("`n720d rotate-password {site} --show` is in the history under your name. Then `n720d reload`."),
    ]
}

fn sink() -> Vec<String> {
    said([
        "Until this is over, look at `n720d alerts` from time to time: whoever relies on that way hears nothing.",
        "Tell whoever looks after that receiver (mail server, chat, pager). What was missed is told in one go when it works.",
    ])
}
