//! What a provisioning file does to the device: MAC, VERSION, then symbol by symbol.
//!
//! Facts: n720.md, section 2. A symbol that is unknown, or whose value is not of its kind, is passed over; only
//! the journal tells.

use super::parse::{self, File};
use crate::clock::Moment;
use crate::fault::Fault;
use crate::ids::{Ipui, Mac};
use crate::journal::{Author, Event, Ignored};
use crate::state::{Account, Provider, State};
use std::ops::Range;

/// Lets a file take effect; false if it is corrupt. A file that is silently ignored is none the less "done".
pub(super) fn apply(state: &mut State, bytes: &[u8], at: Moment) -> bool {
    let file = parse::parse(bytes);
    let version = file.as_ref().and_then(|file| number(file.version.as_deref()?).ok());
    let why = match &file {
        None => Some(Ignored::Corrupt),
        Some(_) if state.faults.has(&Fault::IgnoreFiles) => Some(Ignored::ToldToIgnore),
        Some(file) if !is_for(file, state.config.mac) => Some(Ignored::WrongMac),
        Some(_) if version.is_some() && version == state.version => Some(Ignored::SameVersion),
        Some(_) => None,
    };
    match (file, why) {
        (Some(file), None) => take(state, &file, version, at),
        (_, why) => {
            let why = why.unwrap_or(Ignored::Corrupt);
            state.journal.write(at, Event::FileIgnored { version, why });
            return why != Ignored::Corrupt;
        }
    }
    true
}

/// A file that names no MAC is for everybody.
fn is_for(file: &File, mac: Mac) -> bool {
    file.mac.as_ref().is_none_or(|text| text.parse::<Mac>().is_ok_and(|named| named == mac))
}

fn take(state: &mut State, file: &File, version: Option<u64>, at: Moment) {
    let mut ignored = Vec::new();
    let pin = state.registry.pin.clone();
    for (symbol, value) in &file.items {
        let taken = if is_passed_over(state, symbol) {
            Err("told to ignore it")
        } else {
            take_symbol(state, symbol, value, at)
        };
        if let Err(why) = taken {
            ignored.push(format!("{symbol}: {why}"));
        }
    }
    if state.registry.pin != pin {
        let random = state.registry.pin.random;
        state.journal.write(at, Event::PinChanged { random, by: Author::File });
    }
    if let Some(name) = &file.profile_name {
        name.clone_into(&mut state.profile_name);
    }
    state.version = version.or(state.version);
    let symbols = file.items.len() - ignored.len();
    state.journal.write(at, Event::FileApplied { version, symbols, ignored });
}

fn is_passed_over(state: &State, symbol: &str) -> bool {
    let ignores =
        |fault: &Fault| matches!(fault, Fault::IgnoreSymbols { containing } if symbol.contains(containing));
    state.faults.find(|fault| ignores(fault).then_some(())).is_some()
}

/// Why a symbol was passed over.
type Passed = &'static str;

const UNKNOWN: Passed = "unknown symbol";

fn take_symbol(state: &mut State, symbol: &str, value: &str, at: Moment) -> Result<(), Passed> {
    if let Some((range, field)) = element(symbol, "BS_VOIP_Data.astVoipAccounts[", state.accounts.len())? {
        return range.into_iter().try_for_each(|index| account(&mut state.accounts[index], &field, value));
    }
    if let Some((range, field)) = element(symbol, "BS_VOIP_Data.astVoipProviders[", state.providers.len())? {
        return range.into_iter().try_for_each(|index| provider(&mut state.providers[index], &field, value));
    }
    if let Some((range, field)) = element(symbol, "BS_Accounts.astAccounts[", state.accounts.len())? {
        if field != "aucHandsetCode[0]" {
            return Err(UNKNOWN);
        }
        let ipui = Ipui::new(bytes(value)?);
        let wanted = Some(ipui).filter(|ipui| !ipui.is_zero());
        for index in range {
            state.registry.reserve(index, wanted, Author::File, at, &mut state.journal);
        }
        return Ok(());
    }
    scalar(state, symbol, value, at)
}

fn scalar(state: &mut State, symbol: &str, value: &str, at: Moment) -> Result<(), Passed> {
    let registry = &mut state.registry;
    match symbol {
        "BS_AE_Subscriber.acIPUIRegistrationTimestamp[0]" => {
            registry.window.timestamp = Some(string(value, 10)?);
        }
        "BS_AE_Subscriber.ulIPUIRegistrationDuration" => {
            let seconds = u32::try_from(number(value)?).map_err(|_| "number too large")?;
            registry.window.duration_s = Some(seconds);
        }
        "BS_CUSTOM.bit.UseRandomRegistrationPIN" => registry.pin.random = flag(value)?,
        "BS_CUSTOM.aucKdsPin[0]" => {
            let [high, low]: [u8; 2] = bytes(value)?;
            let digits = format!("{high:02X}{low:02X}");
            if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return Err("no decimal digits");
            }
            registry.pin.defined_pin = digits;
        }
        "S_CONFIGFILE_URL" => state.settings.set("configfile_url", &string(value, 255)?),
        "BS_IP_Data.ucB_DO_CHECK_FOR_PROFILE_UPDATES" => {
            state.settings.set("profile_update_auto", if flag(value)? { "1" } else { "0" });
        }
        "BS_CUSTOM.WebUIPassword" => {
            let password = string(value, 20)?;
            state
                .set_web_password(&password, Author::File, at)
                .map_err(|_| "no web password of 1 to 20 letters and digits")?;
        }
        "BS_IP_Data.ucB_ACCEPT_FOREIGN_SUBNET" => {
            state.settings.set("foreign_sub", if flag(value)? { "1" } else { "0" });
        }
        _ => return Err(UNKNOWN),
    }
    Ok(())
}

fn account(account: &mut Account, field: &str, value: &str) -> Result<(), Passed> {
    match field {
        "ucB_SIP_ACCOUNT_IS_ACTIVE_1" => account.active = flag(value)?,
        "aucS_SIP_LOGIN_ID[0]" => account.login_id = string(value, 74)?,
        "aucS_SIP_PASSWORD[0]" => account.password = string(value, 74)?,
        "aucS_SIP_USER_ID[0]" => account.user_id = string(value, 74)?,
        "aucS_SIP_DISPLAYNAME[0]" => account.display_name = string(value, 32)?,
        "aucS_SIP_ACCOUNT_NAME_1[0]" => account.name = string(value, 74)?,
        "ucVoipProviderIndex" => {
            let index = usize::try_from(number(value)?).map_err(|_| "number too large")?;
            account.provider = Some(index).filter(|index| *index < 10);
        }
        "aucS_VOIP_NET_AM_NUMBER_1" => account.mailbox = string(value, 32)?,
        "ucB_VOIP_NET_AM_ENABLED_1" => account.mailbox_on = flag(value)?,
        _ => return Err(UNKNOWN),
    }
    Ok(())
}

fn provider(provider: &mut Provider, field: &str, value: &str) -> Result<(), Passed> {
    let small = |value: &str| u32::try_from(number(value)?).map_err(|_| "number too large");
    match field {
        "aucSIP_PROVIDER_NAME[0]" => provider.name = string(value, 14)?,
        "aucSIP_DOMAIN[0]" => provider.domain = string(value, 74)?,
        "aucSIP_SERVER[0]" => provider.server = string(value, 74)?,
        "uiSIP_SERVER_PORT" => provider.server_port = small(value)?,
        "aucSIP_REGISTRAR[0]" => provider.registrar = string(value, 74)?,
        "uiSIP_REGISTRAR_PORT" => provider.registrar_port = small(value)?,
        "ucOUTBOUND_PROXY_MODE" => provider.proxy_mode = small(value)?,
        "aucOUTBOUND_PROXY[0]" => provider.proxy = string(value, 74)?,
        "uiOUTBOUND_PROXY_PORT" => provider.proxy_port = small(value)?,
        _ => return Err(UNKNOWN),
    }
    Ok(())
}

/// Of `prefix` + `n].field`: the elements meant and the field; `[%]` means all, and at the end the whole array.
fn element(symbol: &str, prefix: &str, count: usize) -> Result<Option<(Range<usize>, String)>, Passed> {
    let Some(rest) = symbol.strip_prefix(prefix) else { return Ok(None) };
    let (index, field) = rest.split_once("].").ok_or(UNKNOWN)?;
    let range = if index == "%" {
        0..count
    } else {
        let index: usize = index.parse().map_err(|_| UNKNOWN)?;
        index..index + 1
    };
    if range.end > count {
        return Err("index out of range");
    }
    let field = field.strip_suffix("[%]").map_or(field.to_owned(), |array| format!("{array}[0]"));
    Ok(Some((range, field)))
}

/// A string: inner double quotes, at most so many bytes of UTF-8.
fn string(value: &str, limit: usize) -> Result<String, Passed> {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or("no inner quotes")?;
    if inner.len() > limit { Err("string too long") } else { Ok(inner.to_owned()) }
}

/// Decimal or `0x…`.
fn number(value: &str) -> Result<u64, Passed> {
    let value = value.trim();
    let parsed = match value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => value.parse(),
    };
    parsed.map_err(|_| "no number")
}

fn flag(value: &str) -> Result<bool, Passed> {
    match number(value)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err("neither 0 nor 1"),
    }
}

/// `0x02,0xB6,…` with exactly so many bytes.
fn bytes<const N: usize>(value: &str) -> Result<[u8; N], Passed> {
    let all = value.split(',').map(|part| u8::try_from(number(part)?).map_err(|_| "no byte"));
    all.collect::<Result<Vec<u8>, _>>()?.try_into().map_err(|_| "wrong number of bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_need_inner_quotes_and_keep_their_limit() {
        assert_eq!(string("\"1013\"", 74).as_deref(), Ok("1013"));
        assert_eq!(string("\"\"", 74).as_deref(), Ok(""));
        assert!(string("1013", 74).is_err());
        assert!(string("\"", 74).is_err());
        assert!(string(&format!("\"{}\"", "ü".repeat(17)), 32).is_err(), "34 bytes of UTF-8");
    }

    #[test]
    fn numbers_are_decimal_or_hex() {
        assert_eq!(number("5060"), Ok(5060));
        assert_eq!(number("0x13c4"), Ok(5060));
        assert!(number("\"1\"").is_err());
        assert_eq!(flag("0x1"), Ok(true));
        assert!(flag("2").is_err());
    }

    #[test]
    fn byte_lists_have_their_length() {
        assert_eq!(bytes::<5>("0x02,0xB6,0xEC,0x8A,0xA5"), Ok([0x02, 0xB6, 0xEC, 0x8A, 0xA5]));
        assert!(bytes::<5>("0x02,0xB6,0xEC,0x8A").is_err());
        assert!(bytes::<2>("0x100,0x00").is_err());
    }

    #[test]
    fn an_index_names_one_element_all_or_none() {
        let element = |symbol| element(symbol, "A.x[", 100);
        assert_eq!(element("A.x[3].f[0]"), Ok(Some((3..4, "f[0]".to_owned()))));
        assert_eq!(element("A.x[%].f[%]"), Ok(Some((0..100, "f[0]".to_owned()))));
        assert_eq!(element("B.x[3].f"), Ok(None));
        assert!(element("A.x[100].f").is_err());
        assert!(element("A.x[-1].f").is_err());
    }
}
