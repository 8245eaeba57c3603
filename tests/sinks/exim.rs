//! A real mail server for one test: exim, run once for every connection as inetd would, which needs no port of its own and
//! leaves nothing running. What it takes it puts into a file, once for every recipient.

use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, LazyLock};

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::{JoinHandle, JoinSet};

use crate::certificates::{Authority, Issued};
use crate::mailbox::Mail;
use crate::peers::{Program, peer};
use crate::wait::eventually;

/// The one user whom it knows.
pub(crate) const USER: &str = "n720d";
/// That user's password, which must show nowhere.
pub(crate) const PASSWORD: &str = "hunter2 & s3cret";
/// The name that it calls itself and that its certificate is for, as a rule.
pub(crate) const HOST: &str = "localhost";

/// Whom exim becomes where a test is run by root, whom it refuses to be.
const NOBODY: u32 = 65534;

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    No,
    Starttls,
    AtOnce,
}

/// How it is set up.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) tls: Tls,
    /// How users log in, once there is TLS.
    pub(crate) mechanism: &'static str,
    pub(crate) certificate: Issued,
}

impl Default for Setup {
    fn default() -> Self {
        Self { tls: Tls::Starttls, mechanism: "PLAIN", certificate: authority().issue(HOST) }
    }
}

/// Who issued the certificate, unless a test wants another.
pub(crate) fn authority() -> &'static Authority {
    static AUTHORITY: LazyLock<Authority> = LazyLock::new(Authority::new);
    &AUTHORITY
}

/// An exim that takes connections until it is dropped.
pub(crate) struct Exim {
    pub(crate) port: u16,
    home: Arc<TempDir>,
    server: JoinHandle<()>,
}

impl Exim {
    /// Starts one with a certificate for [`HOST`]; `None` where there is none to be had.
    pub(crate) async fn start(tls: Tls) -> Option<Self> {
        Self::set_up(&Setup { tls, ..Setup::default() }).await
    }

    /// The same, set up in another way.
    pub(crate) async fn set_up(setup: &Setup) -> Option<Self> {
        let program = peer("exim")?;
        let home = Arc::new(furnished(setup));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(serve(listener, program, setup.tls, Arc::clone(&home)));
        Some(Self { port, home, server })
    }

    /// What has come for a recipient, once there are so many.
    pub(crate) async fn mails(&self, recipient: &str, count: usize) -> Vec<Mail> {
        let what = format!("{count} mails for {recipient}; {}", self.log());
        eventually(&what, async || {
            // Else a mail lies there in part.
            let mails = if self.is_done() { self.arrived(recipient) } else { Vec::new() };
            (mails.len() >= count).then_some(mails)
        })
        .await
    }

    /// Whether all that it took lies in the mailboxes.
    fn is_done(&self) -> bool {
        let log = self.log();
        let lines = |end: fn(&str) -> bool| log.lines().filter(|line| end(line)).count();
        lines(|line| line.contains(" <= ")) == lines(|line| line.ends_with(" Completed"))
    }

    /// What has come for a recipient so far.
    pub(crate) fn arrived(&self, recipient: &str) -> Vec<Mail> {
        let file = self.home.path().join("mail").join("box");
        let mails = std::fs::read_to_string(file).map(|text| Mail::all_of(&text)).unwrap_or_default();
        mails.into_iter().filter(|mail| mail.header("Envelope-to") == recipient).collect()
    }

    /// What it wrote down of itself.
    pub(crate) fn log(&self) -> String {
        let read =
            |name| std::fs::read_to_string(self.home.path().join("log").join(name)).unwrap_or_default();
        ["main", "reject", "panic"].map(read).concat()
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, program: Program, tls: Tls, home: Arc<TempDir>) {
    // Dropped with this task, and with them what still runs.
    let mut conversations = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = stream.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        let socket = OwnedFd::from(stream);
        let mut command = Command::from(program.command());
        command.arg("-C").arg(home.path().join("exim.conf")).args(["-odi", "-bs"]);
        if tls == Tls::AtOnce {
            command.arg("-tls-on-connect");
        }
        command
            .env("NSS_WRAPPER_PASSWD", home.path().join("passwd"))
            .env("NSS_WRAPPER_GROUP", home.path().join("group"))
            .stdin(Stdio::from(socket.try_clone().unwrap()))
            .stdout(Stdio::from(socket))
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        drop(command);
        conversations.spawn(async move { child.wait().await });
    }
}

/// Its folder: settings, certificate, users, and room for mails.
fn furnished(setup: &Setup) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let owner = std::fs::metadata(home.path()).unwrap();
    let (uid, gid) = if owner.uid() == 0 { (NOBODY, NOBODY) } else { (owner.uid(), owner.gid()) };
    let write = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
    write("certificate.pem", &setup.certificate.certificate);
    write("key.pem", &setup.certificate.key);
    write("passwd", &format!("root:x:0:0::/:/bin/sh\nDebian-exim:x:{uid}:{gid}::/:/bin/false\n"));
    write("group", &format!("root:x:0:\nmail:x:8:\nDebian-exim:x:{gid}:\n"));
    write("exim.conf", &settings(setup, home.path()));
    for folder in ["spool", "log", "mail"] {
        std::fs::create_dir(home.path().join(folder)).unwrap();
    }
    if owner.uid() == 0 {
        // Settings and users stay root's, else they are not believed.
        for own in ["", "spool", "log", "mail", "certificate.pem", "key.pem"] {
            chown(home.path().join(own), Some(uid), Some(gid)).unwrap();
        }
    }
    for readable in ["passwd", "group", "exim.conf"] {
        let permissions = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(home.path().join(readable), permissions).unwrap();
    }
    home
}

fn settings(setup: &Setup, home: &Path) -> String {
    let home = home.display();
    let tls = match setup.tls {
        Tls::No => "tls_advertise_hosts =".to_owned(),
        Tls::Starttls | Tls::AtOnce => format!(
            "tls_advertise_hosts = *\ntls_certificate = {home}/certificate.pem\ntls_privatekey = {home}/key.pem"
        ),
    };
    let (user, password, asks) = match setup.mechanism {
        "LOGIN" => ("$auth1", "$auth2", "server_prompts = Username:: : Password::"),
        _ => ("$auth2", "$auth3", "server_prompts = :"),
    };
    format!(
        "\
primary_hostname = {HOST}
spool_directory = {home}/spool
log_file_path = {home}/log/%s
keep_environment = NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP : LD_PRELOAD : LD_LIBRARY_PATH
never_users =
deliver_drop_privilege
rfc1413_query_timeout = 0s
acl_smtp_rcpt = recipients
acl_smtp_data = content
{tls}

begin acl
recipients:
  deny local_parts = nobody
       message = no such user here
  defer local_parts = later
       message = greylisted, come back in five minutes
  defer local_parts = full
       message = no room left on this server
  deny local_parts = inner
       !authenticated = *
       message = relay not permitted
  accept
content:
  deny condition = ${{if match{{$recipients}}{{picky}}}}
       message = this looks like spam
  accept

begin routers
all:
  driver = accept
  transport = file

begin transports
file:
  driver = appendfile
  file = {home}/mail/box
  envelope_to_add
  user = Debian-exim

begin authenticators
the_one:
  driver = plaintext
  public_name = {mechanism}
  {asks}
  server_advertise_condition = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
  server_condition = ${{if and{{ {{eq{{{user}}}{{{USER}}}}} {{eq{{{password}}}{{{PASSWORD}}}}} }} }}
  server_set_id = {user}
",
        mechanism = setup.mechanism,
    )
}
