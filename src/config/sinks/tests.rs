//! What the sinks of a file come to, and what is said about them.

use std::fs;
use std::path::Path;

use super::super::report::{Place, Report};
use super::super::source::Source;
use super::super::tree;
use super::*;
use crate::domain::secret::{Secret, SecretRef};

/// What the tables of a file in `folder` give, and what is said about them.
fn reading_in(folder: &Path, text: &str) -> (Vec<SinkConfig>, Vec<String>) {
    let source = Source::new(&folder.join("n720d.toml"), text.to_owned());
    let report = Report::new(&source);
    let tree = tree::parse(&report).unwrap().into_inner();
    let root = Section::root(&report, &tree);
    let sinks = read(&root).configs;
    root.finish();
    let strip =
        |line: String| line.strip_prefix(&format!("{}/n720d.toml:", folder.display())).unwrap().to_owned();
    (sinks, report.into_findings().iter().map(|finding| strip(finding.to_string())).collect())
}

fn reading(text: &str) -> (Vec<SinkConfig>, Vec<String>) {
    reading_in(Path::new("/etc/n720d"), text)
}

/// The one sink of a file in which nothing is wrong.
fn sink(text: &str) -> SinkConfig {
    let (mut sinks, findings) = reading(&format!("[[sink]]\n{text}"));
    assert_eq!(findings, [""; 0]);
    assert_eq!(sinks.len(), 1);
    sinks.remove(0)
}

/// What is said of a sink of this type with these further lines, without line and column.
fn said(kind: &str, rest: &str) -> Vec<String> {
    let (_, findings) = reading(&format!("[[sink]]\ntype = '{kind}'\n{rest}"));
    let text = |line: String| line.splitn(3, ':').nth(2).unwrap().trim_start().replace("sink[#1].", "");
    findings.into_iter().map(text).collect()
}

fn literal(text: &str) -> SecretRef {
    SecretRef::Literal(Secret::new(text))
}

fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.to_owned())
}

fn target(url: SecretRef) -> HttpConfig {
    HttpConfig { url, headers: Vec::new(), authorities: None }
}

#[test]
fn without_any_there_is_the_journal() {
    let (sinks, findings) = reading("");
    assert_eq!(sinks, [SinkConfig::of("journal".to_owned(), SinkKindConfig::Journal)]);
    assert!(findings.is_empty());
}

#[test]
fn sinks_are_named_by_kind_and_count_and_hide_their_urls() {
    let (sinks, findings) = reading(
        "[[sink]]\ntype = 'webhook'\nurl = 'https://h/hunter2'\nsecret = 'env:S'\n[[sink]]\ntype = 'journal'\n\
         [[sink]]\ntype = 'webhook'\nurl = 'http://h/'\ntimeout = '3s'\nrepeat_interval = '1d'\n",
    );
    assert_eq!(findings, [""; 0]);
    let names: Vec<&str> = sinks.iter().map(|sink| sink.name.as_str()).collect();
    assert_eq!(names, ["webhook-1", "journal-1", "webhook-2"]);
    let place = |key: &str, line, column| Place { key: format!("sink[#1].{key}"), line, column };
    let first = WebhookConfig {
        target: target(literal("https://h/hunter2")),
        secret: Some(env("S")),
        body: BodyConfig::Native,
        places: WebhookPlaces {
            secret: place("secret", 4, 10),
            template: place("template", 1, 1),
            url: place("url", 3, 7),
        },
    };
    assert_eq!(sinks[0].kind, SinkKindConfig::Webhook(first));
    let common = |sink: &SinkConfig| (sink.timeout.as_secs(), sink.repeat.map(|repeat| repeat.as_secs()));
    assert_eq!((common(&sinks[0]), common(&sinks[2])), ((10, None), (3, Some(86_400))));
    assert!(!format!("{sinks:?}").contains("hunter2"));
}

#[test]
fn a_sink_has_two_minutes_at_most() {
    let of = |timeout: &str| reading(&format!("[[sink]]\ntype = 'journal'\ntimeout = '{timeout}'\n"));
    let (sinks, findings) = of("2m");
    assert_eq!((sinks[0].timeout.as_secs(), findings.len()), (120, 0));
    for odd in ["121s", "0s", "soon"] {
        assert!(of(odd).1.iter().any(|line| line.contains("sink[#1].timeout: found")), "{odd}");
    }
}

#[test]
fn names_are_used_once_and_those_of_wrong_sinks_are_known() {
    let text = "[[sink]]\ntype = 'journal'\nname = 'a'\n[[sink]]\ntype = 'jurnal'\nname = 'b'\n[[sink]]\n\
                type = 'email'\nname = 'a'\n[[sink]]\nname = 'c d'\n";
    let source = Source::new(Path::new("x"), text.to_owned());
    let report = Report::new(&source);
    let tree = tree::parse(&report).unwrap().into_inner();
    let sinks = read(&Section::root(&report, &tree));
    let names: Vec<&str> = sinks.names.iter().map(|name| name.value.as_str()).collect();
    assert_eq!(names, ["a", "b", "a"]);
    assert_eq!(sinks.configs.len(), 1);
    let findings: Vec<String> = report.into_findings().iter().map(ToString::to_string).collect();
    for part in
        ["did you mean \"journal\"?", "\"a\", which another sink has too", "sink[#3].server: found nothing"]
    {
        assert!(findings.iter().any(|line| line.contains(part)), "{part}: {findings:#?}");
    }
    assert!(findings.iter().any(|line| line.contains("sink[#4].type: found nothing")), "{findings:#?}");
    assert!(findings.iter().any(|line| line.contains("sink[#4].name: found \"c d\"")), "{findings:#?}");
}

#[test]
fn a_webhook_has_headers_a_body_and_whom_to_trust() {
    let sink = sink(
        "type = 'webhook'\nurl = 'credential:hook'\nheaders = { X-Token = 'env:T', X-Team = 'noc' }\nformat = 'slack'\n",
    );
    let SinkKindConfig::Webhook(webhook) = sink.kind else { panic!("{sink:?}") };
    assert_eq!(webhook.target.url, SecretRef::Credential("hook".to_owned()));
    let headers = [("X-Team".to_owned(), literal("noc")), ("X-Token".to_owned(), env("T"))];
    assert_eq!(webhook.target.headers, headers);
    assert_eq!(webhook.body, BodyConfig::Slack);
}

#[test]
fn a_template_is_read_and_parsed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("page.j2"), "{{ title }}\n").unwrap();
    fs::write(folder.path().join("bad.j2"), "{\n{{ title }\n").unwrap();
    fs::write(folder.path().join("latin1.j2"), b"\xfc").unwrap();
    let with = |rest: &str| {
        let text = format!("[[sink]]\ntype = 'webhook'\nurl = 'https://h'\n{rest}");
        let (sinks, findings) = reading_in(folder.path(), &text);
        (sinks.into_iter().next().map(|sink| sink.kind), findings)
    };
    let (kind, findings) = with("template = 'page.j2'\n");
    assert_eq!(findings, [""; 0]);
    let Some(SinkKindConfig::Webhook(webhook)) = kind else { panic!("{kind:?}") };
    let expected = BodyConfig::Template {
        source: "{{ title }}\n".to_owned(),
        content_type: "application/json".to_owned(),
    };
    assert_eq!(webhook.body, expected);
    for (rest, expected) in [
        (
            "template = 'gone.j2'\n",
            "4:12: error: sink[#1].template: found \"gone.j2\", which is not there, expected a file with a template in UTF-8",
        ),
        (
            "template = '.'\n",
            "4:12: error: sink[#1].template: found \".\", which is no regular file, expected a file with a template in UTF-8",
        ),
        (
            "template = 'latin1.j2'\n",
            "4:12: error: sink[#1].template: found \"latin1.j2\", which is not UTF-8, expected a file with a template in UTF-8",
        ),
        (
            "template = 'bad.j2'\n",
            "4:12: error: sink[#1].template: found \"bad.j2\", wrong in line 2: unexpected `}`, expected end of variable block, expected a template that can be parsed",
        ),
        (
            "template = 'page.j2'\nformat = 'teams'\n",
            "4:12: error: sink[#1].template: found a template beside a format, expected either a format or a template of your own",
        ),
        (
            "content_type = 'text/plain'\n",
            "4:16: error: sink[#1].content_type: found a content_type without a template, expected a template too: what the formats are is known",
        ),
        (
            "template = 'page.j2'\ncontent_type = 'json'\n",
            "5:16: error: sink[#1].content_type: found \"json\", expected a media type, like application/json or text/plain; charset=utf-8",
        ),
    ] {
        assert_eq!(with(rest).1, [expected]);
    }
}

#[test]
fn certificates_are_read_and_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let pem = rcgen::generate_simple_self_signed(["mail.example.net".to_owned()]).unwrap().cert.pem();
    let files = [
        ("good.pem", format!("# ours\n{pem}{pem}")),
        ("empty.pem", "# nothing\n".to_owned()),
        ("cut.pem", pem.get(..pem.len() / 2).unwrap().to_owned()),
        ("odd.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned()),
        ("huge.pem", "#\n".repeat(600_000)),
    ];
    for (name, text) in &files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let with = |file: &str| {
        let text = format!("[[sink]]\ntype = 'alertmanager'\nurl = 'https://h'\nca_file = '{file}'\n");
        reading_in(folder.path(), &text)
    };
    let (sinks, findings) = with("good.pem");
    assert_eq!(findings, [""; 0]);
    let SinkKindConfig::Alertmanager(config) = &sinks[0].kind else { panic!("{sinks:?}") };
    assert_eq!(config.target.authorities.as_deref(), Some(files[0].1.as_bytes()));
    for (file, fault) in [
        ("gone.pem", "which is not there"),
        ("empty.pem", "which has no certificate"),
        ("cut.pem", "which has a section that is not PEM"),
        ("odd.pem", "whose certificate 1 cannot be read"),
        ("huge.pem", "which has more than 1 MiB"),
    ] {
        let expected = format!(
            "4:11: error: sink[#1].ca_file: found \"{file}\", {fault}, expected a file with certificates in PEM, -----BEGIN CERTIFICATE-----"
        );
        assert_eq!(with(file).1, [expected]);
    }
}

#[test]
fn headers_are_headers_and_none_of_ours() {
    for (header, expected) in [
        ("'X Y' = 'a'", "error: headers.X Y: found a header \"X Y\", expected the name of an HTTP header"),
        ("Webhook-Signature = 'a'", "a header that n720d does not set itself"),
        ("Content-Type = 'a'", "a header that n720d does not set itself"),
        ("x-a = 'a', X-A = 'b'", "a header named once"),
        (
            "X-A = \"hunter2\\n\"",
            "found something else (not shown: it may hold a token), expected the value of",
        ),
        ("X-A = 'file:'", "found \"file:\", expected file:PATH"),
        ("X-A = 7", "found a whole number, expected a text"),
        (
            "Authorization = 'Bearer hunter2'",
            "warning: headers.Authorization: found a secret in the file itself",
        ),
        ("X-Api-Key = 'hunter2'", "warning: headers.X-Api-Key: found a secret in the file itself"),
    ] {
        let said = said("webhook", &format!("url = 'https://h'\nheaders = {{ {header} }}\n"));
        assert!(said.len() == 1 && said[0].contains(expected), "{header}: {said:?}");
        assert!(!said[0].contains("hunter2"), "{said:?}");
    }
}

#[test]
fn what_lets_somebody_in_is_not_sent_in_clear() {
    let in_clear = "warning: url: found http://, with a password or token, expected https://: whoever is on the way can \
                    read what lets n720d in";
    let header = "headers = { Authorization = 'env:A' }\n";
    for url in ["http://h/x", "http://10.0.0.1:8080", "http://127.0.0.1.example.net"] {
        assert_eq!(said("webhook", &format!("url = '{url}'\n{header}")), [in_clear], "{url}");
    }
    for url in ["https://h/x", "http://127.0.0.1:9/", "http://localhost", "http://[::1]:80/x", "env:U"] {
        assert_eq!(said("webhook", &format!("url = '{url}'\n{header}")), [""; 0], "{url}");
    }
    assert_eq!(said("webhook", "url = 'http://u:hunter2@h'\n"), [in_clear]);
    assert_eq!(
        said("webhook", "url = 'http://h'\nsecret = 'env:S'\n"),
        [""; 0],
        "a key that signs is not sent"
    );
    assert_eq!(said("ntfy", "url = 'http://h'\ntopic = 't'\ntoken = 'env:S'\n"), [in_clear]);
}

#[test]
fn an_alertmanager_is_told_often_and_given_labels() {
    let sink = sink("type = 'alertmanager'\nurl = 'http://127.0.0.1:9093'\nlabels = { team = 'noc' }\n");
    assert_eq!(sink.repeat, Some(ALERTMANAGER_REPEATS));
    let SinkKindConfig::Alertmanager(config) = sink.kind else { panic!("{sink:?}") };
    assert_eq!(config.labels, [("team".to_owned(), "noc".to_owned())].into());
    for url in ["http://h/api/v2", "http://h/api/v2/alerts/", "http://h/?x=1"] {
        assert!(said("alertmanager", &format!("url = '{url}'"))[0].contains("expected"), "{url}");
    }
    for label in ["2nd", "a-b", "__name__", "ä", "\"\""] {
        let said = said(
            "alertmanager",
            &format!("url = 'http://h'\nlabels = {{ \"{}\" = 'x' }}", label.trim_matches('"')),
        );
        assert!(said.len() == 1 && said[0].contains("expected the name of a label"), "{label}: {said:?}");
    }
    let said = said("alertmanager", "url = 'http://h'\nlabels = { site = 'x' }");
    assert!(said.len() == 1 && said[0].contains("a label other than alertname, site"), "{said:?}");
}

#[test]
fn an_ntfy_topic_may_be_a_secret() {
    let kept =
        sink("type = 'ntfy'\nurl = 'https://ntfy.sh'\ntopic = 'env:TOPIC'\ntoken = 'credential:ntfy'\n");
    let written = sink("type = 'ntfy'\nurl = 'https://ntfy.sh'\ntopic = 'n720'\n");
    let of = |sink: SinkConfig| {
        let SinkKindConfig::Ntfy(ntfy) = sink.kind else { panic!("{sink:?}") };
        (ntfy.topic, ntfy.token)
    };
    assert_eq!(of(kept), (env("TOPIC"), Some(SecretRef::Credential("ntfy".to_owned()))));
    assert_eq!(of(written), (literal("n720"), None));
    assert_eq!(
        said("ntfy", "url = 'https://h'\ntopic = 'hunter/2'\n"),
        [
            "error: topic: found something else (not shown: whoever knows the topic may read it), expected a topic: 1 to 64 of A-Z a-z 0-9 _ -"
        ]
    );
    let twice = "url = 'https://h'\ntopic = 't'\ntoken = 'env:T'\nheaders = { authorization = 'env:A' }\n";
    assert!(said("ntfy", twice)[0].contains("either a token or a header Authorization"));
}

const MAIL: &str = "server = 'mail.example.net'\nfrom = 'n720@example.net'\nto = ['noc@example.net']\n";

#[test]
fn a_mail_server_is_spoken_to_as_its_port_has_it() {
    let of = |rest: &str| {
        let sink = sink(&format!("type = 'email'\n{MAIL}{rest}"));
        let SinkKindConfig::Email(email) = sink.kind else { panic!("{sink:?}") };
        email
    };
    let email = of("user = 'n720'\npassword = 'env:P'\n");
    assert_eq!(email.login, Some(("n720".to_owned(), env("P"))));
    assert_eq!((email.security, email.port), (MailProtection::StartTls, 587));
    assert_eq!((of("security = 'tls'\n").port, of("security = 'none'\n").port), (465, 25));
    assert_eq!((of("port = 2525\n").port, of("").login), (2525, None));
}

#[test]
fn what_cannot_be_meant_of_mail_is_told() {
    for (rest, expected) in [
        (
            "security = 'none'\nuser = 'u'\npassword = 'env:P'\n",
            "error: security: found \"none\", and a password",
        ),
        ("user = 'u'\n", "error: password: found nothing, expected the password of this user, or no user"),
        ("password = 'env:P'\n", "error: user: found nothing, expected whose password it is, or no password"),
        ("port = 465\n", "warning: port: found 465 with \"starttls\", expected security = \"tls\""),
        (
            "port = 587\nsecurity = 'tls'\n",
            "warning: port: found 587 with \"tls\", expected security = \"starttls\"",
        ),
        ("port = 0\n", "error: port: found 0, expected a whole number from 1 to 65535"),
        ("security = 'ssl'\n", "\"starttls\" or \"tls\" or \"none\""),
        ("subject = 'x'\n", "error: subject: found an unknown key"),
    ] {
        let said = said("email", &format!("{MAIL}{rest}"));
        assert!(said.len() == 1 && said[0].contains(expected), "{rest}: {said:?}");
    }
    let nothing = said("email", "");
    assert_eq!(nothing.len(), 3, "{nothing:?}");
    assert!(
        said("email", &MAIL.replace("['noc@example.net']", "[]"))[0].contains("at least one mail address")
    );
    for server in ["smtp://mail", "mail:587", "", "-mail", "a b"] {
        let said = said("email", &MAIL.replace("mail.example.net", server));
        assert!(
            said.len() == 1 && said[0].contains("without smtp:// and without a port"),
            "{server}: {said:?}"
        );
    }
    assert_eq!(said("email", &MAIL.replace("mail.example.net", "2001:db8::25")), [""; 0]);
}

#[test]
fn addresses_are_whole_addresses() {
    for good in [
        "noc@example.net",
        "Night shift <noc@example.net>",
        "\\\"Weber, Eva\\\" <eva@example.net>",
        "Süd <noc@example.net>",
    ] {
        assert_eq!(
            said("email", &MAIL.replace("'noc@example.net'", &format!("\"{good}\""))),
            [""; 0],
            "{good}"
        );
    }
    for bad in [
        "noc",
        "a@b, c@d",
        "a@b c@d",
        "Weber, Eva <eva@example.net>",
        "a@b\\r\\nBcc: c@d",
        "<a@b",
        "",
        "a@@b",
        "nöc@example.net",
    ] {
        let said = said("email", &MAIL.replace("'noc@example.net'", &format!("\"{bad}\"")));
        assert!(said.len() == 1 && said[0].contains("expected one mail address"), "{bad}: {said:?}");
    }
}

#[test]
fn a_command_is_a_program_and_what_it_is_given() {
    let sink = sink("type = 'command'\ncommand = ['/bin/sh', '-c', 'cat >/dev/null']\n");
    let expected = CommandConfig {
        program: "/bin/sh".into(),
        arguments: vec!["-c".to_owned(), "cat >/dev/null".to_owned()],
    };
    assert_eq!(sink.kind, SinkKindConfig::Command(expected));
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("page");
    fs::write(&script, "").unwrap();
    for (command, expected) in [
        ("['page']".to_owned(), "error: command[#1]: found \"page\", expected the program's absolute path"),
        ("[]".to_owned(), "error: command: found an empty list"),
        ("'/bin/page'".to_owned(), "error: command: found a text, expected a list of texts"),
        ("['/bin/sh', \"a\\u0000b\"]".to_owned(), "error: command[#2]: found a text with a NUL in it"),
        ("['/no/such/page']".to_owned(), "warning: command[#1]: found \"/no/such/page\", which is not there"),
        ("['/etc']".to_owned(), "warning: command[#1]: found \"/etc\", which is no regular file"),
        (
            format!("['{}']", script.display()),
            "which is not executable, expected a program that n720d may run",
        ),
    ] {
        let said = said("command", &format!("command = {command}\n"));
        assert!(said.len() == 1 && said[0].contains(expected), "{command}: {said:?}");
    }
    assert_eq!(said("command", "").len(), 1);
}
