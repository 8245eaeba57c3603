//! From the sinks of the configuration to what sinks are made from: secrets are resolved here, and nowhere else on the way.
//! Makes no sink.

use crate::alerting::{
    AlertmanagerSettings, CommandSettings, EmailSettings, HttpTarget, MailSecurity, NtfySettings, SinkKind,
    SinkSettings, WebhookSettings,
};
use crate::config::{
    AlertmanagerConfig, CommandConfig, EmailConfig, HttpConfig, MailProtection, NtfyConfig, SinkConfig,
    SinkKindConfig, WebhookConfig,
};
use crate::domain::secret::{Secret, SecretRef};
use crate::secrets;

/// The settings of all sinks.
///
/// # Errors
/// Every secret that is missing, with its sink, its key and what to do, a line each.
pub(super) fn settings(sinks: &[SinkConfig]) -> Result<Vec<SinkSettings>, Vec<String>> {
    let mut missing = Vec::new();
    let of = |sink: &SinkConfig| {
        let kind = Resolver { sink: &sink.name, missing: &mut missing }.kind(&sink.kind);
        SinkSettings { name: sink.name.clone(), timeout: sink.timeout, repeat: sink.repeat, kind }
    };
    let settings = sinks.iter().map(of).collect();
    if missing.is_empty() { Ok(settings) } else { Err(missing) }
}

/// Resolves the secrets of one sink. What is missing is written down, and an empty text taken in its place, so that all of
/// it is told at once.
struct Resolver<'a> {
    sink: &'a str,
    missing: &'a mut Vec<String>,
}

impl Resolver<'_> {
    fn kind(&mut self, kind: &SinkKindConfig) -> SinkKind {
        match kind {
            SinkKindConfig::Journal => SinkKind::Journal,
            SinkKindConfig::Webhook(webhook) => SinkKind::Webhook(self.webhook(webhook)),
            SinkKindConfig::Alertmanager(AlertmanagerConfig { target, labels }) => {
                let target = self.target(target);
                SinkKind::Alertmanager(AlertmanagerSettings { target, labels: labels.clone() })
            }
            SinkKindConfig::Ntfy(NtfyConfig { target, topic, token }) => SinkKind::Ntfy(NtfySettings {
                target: self.target(target),
                topic: self.secret("topic", topic),
                token: token.as_ref().map(|token| self.secret("token", token)),
            }),
            SinkKindConfig::Email(email) => SinkKind::Email(self.email(email)),
            SinkKindConfig::Command(CommandConfig { program, arguments }) => {
                SinkKind::Command(CommandSettings { program: program.clone(), arguments: arguments.clone() })
            }
        }
    }

    fn webhook(&mut self, webhook: &WebhookConfig) -> WebhookSettings {
        WebhookSettings {
            target: self.target(&webhook.target),
            secret: webhook.secret.as_ref().map(|secret| self.secret("secret", secret)),
            format: (&webhook.body).into(),
        }
    }

    fn email(&mut self, email: &EmailConfig) -> EmailSettings {
        let login = email.login.as_ref();
        EmailSettings {
            server: email.server.clone(),
            port: email.port,
            security: match email.security {
                MailProtection::StartTls => MailSecurity::StartTls,
                MailProtection::Tls => MailSecurity::Tls,
                MailProtection::None => MailSecurity::None,
            },
            login: login.map(|(user, password)| (user.clone(), self.secret("password", password))),
            from: email.from.clone(),
            to: email.to.clone(),
            authorities: email.authorities.clone(),
        }
    }

    fn target(&mut self, target: &HttpConfig) -> HttpTarget {
        let HttpConfig { url, headers, authorities } = target;
        let url = self.secret("url", url);
        let header = |(name, value): &(String, SecretRef)| {
            (name.clone(), self.secret(&format!("headers.{name}"), value))
        };
        HttpTarget { url, headers: headers.iter().map(header).collect(), authorities: authorities.clone() }
    }

    fn secret(&mut self, key: &str, reference: &SecretRef) -> Secret {
        secrets::resolve(reference).unwrap_or_else(|error| {
            self.missing.push(format!("alert sink {}: {key}: {}", self.sink, super::chain(&error)));
            Secret::new("")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use super::*;
    use crate::alerting::WebhookFormat;
    use crate::config::{BodyConfig, WebhookPlaces};

    /// A reference to a file that only its owner can read.
    fn kept(folder: &Path, text: &str) -> SecretRef {
        let path = folder.join(text);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        SecretRef::File(path)
    }

    fn missing(name: &str) -> SecretRef {
        SecretRef::File(PathBuf::from(format!("/no/such/{name}")))
    }

    fn sink(name: &str, kind: SinkKindConfig) -> SinkConfig {
        SinkConfig { name: name.into(), timeout: Duration::from_secs(3), repeat: None, kind }
    }

    fn target(url: SecretRef, headers: Vec<(String, SecretRef)>) -> HttpConfig {
        HttpConfig { url, headers, authorities: Some(b"PEM".to_vec()) }
    }

    fn email(password: SecretRef) -> EmailConfig {
        EmailConfig {
            server: "mail.example.net".into(),
            port: 465,
            security: MailProtection::Tls,
            login: Some(("n720".into(), password)),
            from: "n720@example.net".into(),
            to: vec!["noc@example.net".into()],
            authorities: None,
        }
    }

    #[test]
    fn every_secret_is_resolved() {
        let folder = tempfile::tempdir().unwrap();
        let kept = |text| kept(folder.path(), text);
        let webhook = WebhookConfig {
            target: target(kept("url"), vec![("X-Token".into(), kept("token"))]),
            secret: Some(kept("key")),
            body: BodyConfig::Template { source: "{{ title }}".into(), content_type: "text/plain".into() },
            places: WebhookPlaces::default(),
        };
        let ntfy = NtfyConfig {
            target: target(kept("url"), vec![]),
            topic: kept("topic"),
            token: Some(kept("token")),
        };
        let alertmanager = AlertmanagerConfig {
            target: target(kept("url"), vec![]),
            labels: [("a".into(), "b".into())].into(),
        };
        let command = CommandConfig { program: "/bin/page".into(), arguments: vec!["x".into()] };
        let all = [
            SinkConfig {
                repeat: Some(Duration::from_secs(7)),
                ..sink("hook", SinkKindConfig::Webhook(webhook))
            },
            sink("phone", SinkKindConfig::Ntfy(ntfy)),
            sink("am", SinkKindConfig::Alertmanager(alertmanager)),
            sink("mail", SinkKindConfig::Email(email(kept("password")))),
            sink("page", SinkKindConfig::Command(command)),
            sink("log", SinkKindConfig::Journal),
        ];
        let http =
            |headers| HttpTarget { url: Secret::new("url"), headers, authorities: Some(b"PEM".to_vec()) };
        let kinds = [
            SinkKind::Webhook(WebhookSettings {
                target: http(vec![("X-Token".into(), Secret::new("token"))]),
                secret: Some(Secret::new("key")),
                format: WebhookFormat::Template {
                    source: "{{ title }}".into(),
                    content_type: "text/plain".into(),
                },
            }),
            SinkKind::Ntfy(NtfySettings {
                target: http(vec![]),
                topic: Secret::new("topic"),
                token: Some(Secret::new("token")),
            }),
            SinkKind::Alertmanager(AlertmanagerSettings {
                target: http(vec![]),
                labels: [("a".into(), "b".into())].into(),
            }),
            SinkKind::Email(EmailSettings {
                server: "mail.example.net".into(),
                port: 465,
                security: MailSecurity::Tls,
                login: Some(("n720".into(), Secret::new("password"))),
                from: "n720@example.net".into(),
                to: vec!["noc@example.net".into()],
                authorities: None,
            }),
            SinkKind::Command(CommandSettings { program: "/bin/page".into(), arguments: vec!["x".into()] }),
            SinkKind::Journal,
        ];
        let settings = settings(&all).unwrap();
        let found: Vec<SinkKind> = settings.iter().map(|settings| settings.kind.clone()).collect();
        assert_eq!(found, kinds);
        assert_eq!(settings[0].repeat, Some(Duration::from_secs(7)));
        assert!(settings.iter().all(|settings| settings.timeout == Duration::from_secs(3)));
    }

    #[test]
    fn all_that_is_missing_is_told_with_its_sink_and_key() {
        let headers = vec![("X-Token".to_owned(), missing("token"))];
        let webhook = WebhookConfig {
            target: target(SecretRef::Literal(Secret::new("https://h/hunter2")), headers),
            secret: Some(missing("key")),
            body: BodyConfig::Native,
            places: WebhookPlaces::default(),
        };
        let all = [
            sink("hook", SinkKindConfig::Webhook(webhook)),
            sink("log", SinkKindConfig::Journal),
            sink("mail", SinkKindConfig::Email(email(missing("password")))),
        ];
        let missing = settings(&all).unwrap_err();
        let begins = [
            "alert sink hook: headers.X-Token: secret file:/no/such/token cannot be read",
            "alert sink hook: secret: secret file:/no/such/key",
            "alert sink mail: password: secret file:/no/such/password",
        ];
        let missing_texts: Vec<&str> = missing.iter().map(String::as_str).collect();
        for begin in begins {
            assert!(missing_texts.iter().any(|line| line.starts_with(begin)), "{begin}: {missing:#?}");
        }
        assert_eq!(missing.len(), begins.len());
        assert!(!missing.concat().contains("hunter2"));
    }
}
