//! From the sinks of the configuration to what sinks are made from: secrets are resolved here, and nowhere else on the way.
//! Makes no sink.

use crate::alerting::{
    AlertmanagerSettings, CommandSettings, EmailSettings, HttpTarget, MailSecurity, NtfySettings, SinkKind,
    SinkSettings, WebhookFormat, WebhookSettings,
};
use crate::config::{
    AlertmanagerConfig, BodyConfig, CommandConfig, EmailConfig, HttpConfig, MailProtection, NtfyConfig,
    SinkConfig, SinkKindConfig, WebhookConfig,
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
            format: match &webhook.body {
                BodyConfig::Native => WebhookFormat::Native,
                BodyConfig::Slack => WebhookFormat::Slack,
                BodyConfig::Teams => WebhookFormat::Teams,
                BodyConfig::Template { source, content_type } => {
                    WebhookFormat::Template { source: source.clone(), content_type: content_type.clone() }
                }
            },
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
