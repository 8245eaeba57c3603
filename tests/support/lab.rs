//! The laboratory of one test: a folder of its own, a loopback address of its own for the daemon, a receiver of
//! webhooks, and a record of everything that n720d said. At its end that record is searched for every planted secret.

use std::cell::{Cell, RefCell};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use n720_sim::{Device, DeviceBuilder, Fault, Timing};
use serde_json::Value;
use tempfile::TempDir;

use super::binary::{self, Daemon, Ran};
use super::{Answer, BOUND, Receiver, Settings, Site, alert, eventually, request, secrets};

/// A manager as a test needs it: quick, settled after a second, with the planted password.
pub(crate) fn manager(mac: &str) -> DeviceBuilder {
    let builder = DeviceBuilder::new(mac).unwrap().timing(quick()).password(secrets::WEB);
    builder.mac_id_tail(secrets::TAIL.to_owned())
}

/// Makes it forget every session soon, for a daemon that is killed: its last login may be on its way when the manager is
/// told that it has gone. Too soon, and a daemon that lives would lose its session on a busy machine.
pub(crate) fn forgetful(manager: DeviceBuilder) -> DeviceBuilder {
    manager.timing(Timing { idle_timeout: Duration::from_secs(10), ..quick() })
}

/// Waits until nobody is logged in: what people do then is hardly ever seen in part; see [`while_logged_in`]. On a busy machine
/// a reading takes seconds, as on the real device.
pub(crate) async fn between_readings(manager: &Device) {
    manager.wait_until("the end of a reading", BOUND, |seen| seen.session.is_none()).await.unwrap();
}

/// Somebody logs in, changes something and logs out when it has come into effect: no reading shows it in part.
pub(crate) async fn while_logged_in<T>(manager: &Device, change: impl FnOnce() -> T) -> T {
    between_readings(manager).await;
    let person = manager.set_fault(Fault::PersonLoggedIn);
    let done = change();
    manager.wait_until("the changes", BOUND, |seen| seen.unsettled.is_empty()).await.unwrap();
    manager.clear_fault(person);
    done
}

fn quick() -> Timing {
    Timing { settle: Duration::from_secs(1), ..Timing::brisk() }
}

/// The laboratory.
pub(crate) struct Lab {
    dir: TempDir,
    pub(crate) provisioning: SocketAddr,
    pub(crate) api: SocketAddr,
    pub(crate) hook: Receiver,
    settings: Settings,
    /// What commands and the API said, each with what was asked.
    said: RefCell<Vec<(String, String)>>,
    /// Secrets that came up on the way.
    more_secrets: RefCell<Vec<String>>,
    daemons: Cell<u32>,
}

impl Lab {
    /// With these settings and no site yet.
    pub(crate) async fn with(settings: Settings) -> Self {
        let dir = tempfile::Builder::new().prefix("story").tempdir().unwrap();
        let (provisioning, api) = addresses();
        let lab = Self {
            dir,
            provisioning,
            api,
            hook: Receiver::start().await,
            settings,
            said: RefCell::default(),
            more_secrets: RefCell::default(),
            daemons: Cell::new(0),
        };
        std::fs::create_dir(lab.path("sites")).unwrap();
        lab.write_config(&lab.settings.clone());
        lab.write_secret("web.secret", secrets::WEB);
        lab
    }

    /// With the usual settings.
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    /// A file or folder in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Its `n720d.toml`.
    pub(crate) fn config(&self) -> PathBuf {
        self.path("n720d.toml")
    }

    /// Writes `n720d.toml` anew.
    pub(crate) fn write_config(&self, settings: &Settings) {
        let text = settings.text(&self.path("state"), self.provisioning, self.api, &self.hook.url());
        std::fs::write(self.config(), text).unwrap();
    }

    /// Writes a site file.
    pub(crate) fn site(&self, name: &str, site: &Site) {
        self.site_text(name, &site.text());
    }

    /// Writes whatever as a site file.
    pub(crate) fn site_text(&self, name: &str, text: &str) {
        std::fs::write(self.path(&format!("sites/{name}.toml")), text).unwrap();
    }

    /// Takes a site file away.
    pub(crate) fn no_site(&self, name: &str) {
        std::fs::remove_file(self.path(&format!("sites/{name}.toml"))).unwrap();
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn write_secret(&self, name: &str, secret: &str) {
        let path = self.path(name);
        std::fs::write(&path, secret).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        self.never(secret);
    }

    /// From now on this text may be in no output either.
    pub(crate) fn never(&self, secret: &str) {
        self.more_secrets.borrow_mut().push(secret.to_owned());
    }

    /// Starts the daemon and waits until it is ready.
    pub(crate) async fn start(&self) -> Daemon {
        let mut daemon = self.start_with(&[]);
        let ready = eventually("the daemon", async || match request(self.api, "GET", "/readyz", &[]).await {
            Ok(answer) if answer.status == 200 => Some(true),
            Ok(_) => None,
            Err(_) => daemon.is_gone().then_some(false),
        });
        assert!(ready.await, "the daemon ended: {}", daemon.log());
        daemon
    }

    /// Starts the daemon, whatever becomes of it.
    pub(crate) fn start_with(&self, environment: &[(&str, &str)]) -> Daemon {
        self.begin(&["run"], environment)
    }

    /// Starts a command that is not waited for.
    pub(crate) fn begin(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Daemon {
        self.daemons.set(self.daemons.get() + 1);
        let log = self.path(&format!("daemon-{}.log", self.daemons.get()));
        binary::begin(&self.config(), arguments, &log, environment)
    }

    /// Runs a command.
    pub(crate) async fn n720d(&self, arguments: &[&str]) -> Ran {
        let ran = binary::run(&self.config(), arguments).await;
        let shows = ["--reveal-secrets", "--show"].iter().any(|option| arguments.contains(option));
        if !shows && arguments.first() != Some(&"url") {
            self.note(format!("n720d {}", arguments.join(" ")), format!("{}{}", ran.out, ran.err));
        }
        ran
    }

    /// Asks the API.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let answer = request(self.api, "GET", path, &[]).await.unwrap();
        self.note(format!("GET {path}"), answer.body.clone());
        answer
    }

    /// The status of a site at this moment, by the API.
    pub(crate) async fn status(&self, site: &str) -> Value {
        let answer = self.get(&format!("/api/v1/sites/{site}")).await;
        if answer.status == 200 { answer.json() } else { Value::Null }
    }

    /// Waits until the status of a site is as wanted.
    pub(crate) async fn until(&self, site: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || Some(self.status(site).await).filter(&wanted)).await
    }

    /// Waits until a site is converged.
    pub(crate) async fn converged(&self, site: &str) -> Value {
        self.until(site, &format!("{site} to converge"), |status| status["health"] == "converged").await
    }

    /// Waits until a site was read so many times more.
    pub(crate) async fn readings(&self, site: &str, count: usize) -> Value {
        let mut last = self.status(site).await;
        for _ in 0..count {
            let before = last["observed_at"].clone();
            last = self.until(site, "another reading", |status| status["observed_at"] != before).await;
        }
        last
    }

    /// Waits until an alert of this kind fires at a site; the status with it.
    pub(crate) async fn fires(&self, site: &str, kind: &str) -> Value {
        self.until(site, &format!("the alert {kind}"), |status| alert(status, kind).is_some()).await
    }

    /// Keeps what was said for the search at the end. What was said before in the same words is kept once.
    pub(crate) fn note(&self, asked: String, answer: String) {
        let mut said = self.said.borrow_mut();
        if said.last().is_none_or(|(_, last)| *last != answer) {
            said.push((asked, answer));
        }
    }

    /// Forgets what was said so far.
    pub(crate) fn forget(&self) {
        self.said.borrow_mut().clear();
    }

    /// Every planted secret that is somewhere in what was said, and where.
    pub(crate) fn leaks(&self) -> Vec<String> {
        let mut outputs = self.said.borrow().clone();
        outputs.extend(self.hook.told().into_iter().map(|told| (told.id, told.body.to_string())));
        for file in text_files(self.dir.path(), &["sites", "state"]) {
            let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap_or_default()).into_owned();
            outputs.push((file.display().to_string(), text));
        }
        let planted = [secrets::WEB, secrets::SIP, secrets::WEBHOOK, secrets::TAIL].map(str::to_owned);
        let more = self.more_secrets.borrow();
        let all = planted.iter().chain(more.iter());
        all.flat_map(|secret| {
            outputs
                .iter()
                .filter(move |(_, text)| text.contains(secret))
                .map(move |(asked, _)| format!("{secret} in {asked}"))
        })
        .collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show();
            return;
        }
        let leaks = self.leaks();
        assert!(leaks.is_empty(), "secrets were shown: {leaks:#?}");
    }
}

impl Lab {
    /// Shows, beside a failure, what the daemons said last.
    #[expect(clippy::print_stderr, reason = "it belongs to the report of a failed test")]
    fn show(&self) {
        for number in 1..=self.daemons.get() {
            let log = std::fs::read_to_string(self.path(&format!("daemon-{number}.log"))).unwrap_or_default();
            // With many sites, cycles in which nothing happens would leave room for nothing else.
            let lines: Vec<&str> = log.lines().filter(|line| !line.contains(" DEBUG cycle ")).collect();
            let tail = lines.iter().skip(lines.len().saturating_sub(60)).copied();
            eprintln!("--- daemon {number}\n{}", tail.collect::<Vec<_>>().join("\n"));
        }
        if let Some((asked, answer)) = self.said.borrow().last() {
            eprintln!("--- {asked}\n{answer}");
        }
    }
}

/// Files below `dir`, those with configuration, secrets and the database left out: they are there to hold secrets.
fn text_files(dir: &Path, without: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    entries
        .flat_map(|entry| {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() && !without.contains(&name.as_str()) {
                text_files(&path, without)
            } else if path.is_file() && !name.ends_with(".secret") && !name.ends_with(".toml") {
                vec![path]
            } else {
                Vec::new()
            }
        })
        .collect()
}

/// Two addresses that nobody else uses: on a loopback address of this laboratory's own, so that a port that was free
/// a moment ago stays free.
fn addresses() -> (SocketAddr, SocketAddr) {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let id = std::process::id();
    let octet = |shift: u32| u8::try_from((id >> shift) & 0x7f).unwrap();
    let host = Ipv4Addr::new(127, 64 + octet(0) / 2, 2 * octet(7) + 1, NEXT.fetch_add(1, Ordering::Relaxed));
    let listeners = [(); 2].map(|()| TcpListener::bind((host, 0)).unwrap());
    let [one, other] = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
    (one, other)
}
