//! The world of the demo: three simulated N720s with the people and handsets around them, and the files an operator
//! would write for them.
//!
//! Times are scaled: a real device takes up to 180 s to act on a reservation, and windows last hours.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use n720_sim::{Arrival, Device, DeviceBuilder, Fault, Handset, Ipui, PinKnowledge, Timing};

use crate::failure::{Doing, Failure};

/// The web password of the simulated managers; the site files name the variable it comes in.
pub(crate) const WEB_PASSWORD: (&str, &str) = ("DEMO_WEB_PASSWORD", "Sesam0815");
/// The SIP password of all accounts.
pub(crate) const SIP_PASSWORD: (&str, &str) = ("DEMO_SIP_PASSWORD", "sip-0815");
/// What webhooks are signed with.
pub(crate) const HOOK_SECRET: (&str, &str) = ("DEMO_HOOK_SECRET", "whsec_bjcyMGQgZGVtbyBzZWNyZXQ=");

/// The site that simply fills.
pub(crate) const DENTIST: &str = "dentist";
/// The site whose window closes with two handsets missing.
pub(crate) const HOTEL: &str = "hotel";
/// The site where a person is logged in.
pub(crate) const SCHOOL: &str = "school";

/// A slot of a site: number, user, name, IPUI, and when the handset comes.
struct Slot(u8, &'static str, &'static str, &'static str, Comes);

/// When somebody switches a handset on, after which opening of the window.
enum Comes {
    /// It is registered from the start.
    Already,
    /// So many seconds after the nth opening.
    Opening(u32, u64),
    /// The same, but it was used elsewhere before: somebody has to type the PIN.
    OpeningUsed(u32, u64),
}

use Comes::{Already, Opening, OpeningUsed};

const DENTIST_SLOTS: &[Slot] = &[
    Slot(1, "11", "Reception", "02 B6 EC 8A A5", Opening(1, 10)),
    Slot(2, "12", "Surgery", "02 9E 74 A5 99", Opening(1, 20)),
    Slot(3, "13", "Laboratory", "02 9E 74 A6 01", Opening(1, 30)),
];

const HOTEL_SLOTS: &[Slot] = &[
    Slot(1, "100", "Front desk", "02 A1 00 10 01", Already),
    Slot(2, "101", "Bar", "02 A1 00 10 02", Opening(1, 13)),
    Slot(3, "102", "Kitchen", "02 A1 00 10 03", Opening(1, 21)),
    Slot(4, "103", "Housekeeping", "02 A1 00 10 04", Opening(2, 12)),
    Slot(5, "104", "Night porter", "02 A1 00 10 05", OpeningUsed(2, 22)),
];

const SCHOOL_SLOTS: &[Slot] = &[
    Slot(1, "20", "Office", "02 C3 00 00 01", Already),
    Slot(2, "21", "Caretaker", "02 C3 00 00 02", Already),
    Slot(3, "22", "Gym", "02 C3 00 00 03", Opening(1, 8)),
];

/// The world.
pub(crate) struct Scene {
    /// By site.
    pub(crate) managers: BTreeMap<&'static str, Device>,
    /// Where `n720d.toml` is.
    pub(crate) config: PathBuf,
    /// The daemon's API.
    pub(crate) api: String,
    /// Names of handsets by IPUI.
    names: BTreeMap<Ipui, &'static str>,
}

impl Scene {
    /// Starts the managers and writes the files into `folder`; notifications go to `hook`.
    pub(crate) async fn set(folder: &Path, hook: &str) -> Result<Self, Failure> {
        let plans = [
            (DENTIST, "7C2F80CA21E4", 2, DENTIST_SLOTS, "a dentist's new installation", "90s", 0),
            (HOTEL, "7C2F80D00001", 1, HOTEL_SLOTS, "a hotel that gets four more handsets", "40s", 1),
            (SCHOOL, "7C2F80D00002", 9, SCHOOL_SLOTS, "a school that gets one more", "90s", 0),
        ];
        let sites = folder.join("sites");
        std::fs::create_dir(&sites).doing("create a folder")?;
        let (mut managers, mut names) = (BTreeMap::new(), BTreeMap::new());
        for (site, mac, language, slots, description, window, reopen) in plans {
            let device = manager(site, mac, language, slots).await?;
            let text = site_file(&device, slots, description, window, reopen);
            std::fs::write(sites.join(format!("{site}.toml")), text).doing("write a site file")?;
            for slot in slots {
                names.insert(ipui(slot)?, slot.2);
            }
            managers.insert(site, device);
        }
        // Somebody at the school's web interface: busy until the story says that they go.
        managers[SCHOOL].set_fault(Fault::PersonLoggedIn);
        let config = folder.join("n720d.toml");
        let (files, api) = (free_port()?, free_port()?);
        std::fs::write(&config, daemon_file(files, api, hook)).doing("write n720d.toml")?;
        Ok(Self { managers, config, api: format!("http://127.0.0.1:{api}"), names })
    }

    /// What the handset is called in the site files.
    pub(crate) fn name(&self, ipui: Ipui) -> &'static str {
        self.names.get(&ipui).copied().unwrap_or("a handset")
    }
}

async fn manager(site: &str, mac: &str, language: u8, slots: &[Slot]) -> Result<Device, Failure> {
    let timing =
        Timing { settle: Duration::from_secs(3), trigger: Duration::from_secs(1), ..Timing::default() };
    let mut builder = DeviceBuilder::new(mac)
        .doing("make a manager")?
        .name(site)
        .language(language)
        .password(WEB_PASSWORD.1)
        .timing(timing);
    for slot in slots {
        let Slot(number, user, name, _, comes) = slot;
        let handset = Handset::new(ipui(slot)?);
        let at = |nth: &u32, seconds: &u64| Arrival::AfterWindowOpens {
            nth: *nth,
            delay: Duration::from_secs(*seconds),
        };
        builder = match comes {
            Already => builder.account(*number, user, name).registered(*number, handset),
            Opening(nth, seconds) => builder.handset(handset.arriving(at(nth, seconds))),
            OpeningUsed(nth, seconds) => {
                builder.handset(handset.used(PinKnowledge::Right).arriving(at(nth, seconds)))
            }
        };
    }
    builder.start().await.doing("start a simulated N720")
}

fn ipui(slot: &Slot) -> Result<Ipui, Failure> {
    slot.3.parse().map_err(|error: n720_sim::SimError| error).doing("read an IPUI")
}

fn site_file(device: &Device, slots: &[Slot], description: &str, window: &str, reopen: u8) -> String {
    let mut text = format!(
        "[site]\ndescription = \"{description}\"\ntime_zone = \"Europe/Berlin\"\nmode = \"manage\"\n\n\
         [manager]\nurl = \"{}\"\nmac = \"{}\"\npassword = \"env:{}\"\ntrigger = \"web\"\nsip_port = {}\nenrol = true\n\n\
         [registration]\nduration = \"{window}\"\npin = \"0000\"\nreopen = {reopen}\n\n\
         [[provider]]\nindex = 0\nname = \"PBX\"\ndomain = \"pbx.example.net\"\nserver = \"pbx.example.net\"\nport = 5060\n",
        device.url(),
        device.mac(),
        WEB_PASSWORD.0,
        device.sip_addr().port(),
    );
    for Slot(number, user, name, ipui, _) in slots {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n[[slot]]\nnumber = {number}\nipui = \"{ipui}\"\ndisplay_name = \"{name}\"\n\
             sip = {{ user = \"{user}\", password = \"env:{}\" }}\n",
            SIP_PASSWORD.0
        );
    }
    text
}

fn daemon_file(files: u16, api: u16, hook: &str) -> String {
    format!(
        "sites_dir = \"sites\"\nstate_dir = \"state\"\n\n\
         [poll]\ninterval = \"4s\"\ninterval_open = \"2s\"\nsettle = \"5s\"\n\n\
         [provisioning]\nlisten = \"127.0.0.1:{files}\"\npublic_url = \"http://127.0.0.1:{files}\"\nallow = [\"127.0.0.0/8\"]\n\n\
         [api]\nlisten = \"127.0.0.1:{api}\"\n\n\
         [alerts]\nbefore_close = [\"10s\"]\n\n\
         [[alerts.sink]]\ntype = \"webhook\"\nurl = \"{hook}\"\nsecret = \"env:{}\"\n",
        HOOK_SECRET.0
    )
}

/// A port that was free a moment ago: the files have to name it before the daemon listens there.
fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").doing("find a free port")?;
    Ok(listener.local_addr().doing("find a free port")?.port())
}
