//! Where log lines go: to the journal with their fields when the service manager listens there, else to standard
//! error. `RUST_LOG` says how much, as `n720d=debug`; of the libraries it shows no more than their news.

use tracing::Metadata;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Filter, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The field prefix in the journal: `journalctl N720D_SITE=acme-berlin`.
const PREFIX: &str = "N720D";

/// The target of the sink `journal`.
const ALERTS: &str = "n720d::alert";

/// What is logged unless `RUST_LOG` says otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) enum Level {
    /// The daemon: changes of state, one line each.
    Info,
    /// A command: only what is odd, its output says the rest.
    Warn,
}

/// Starts logging. Called once, by the command.
pub(super) fn start(level: Level) {
    let default = match level {
        Level::Info => "n720d=info,warn",
        Level::Warn => "warn",
    };
    let asked = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let registry = tracing_subscriber::registry();
    // The variable says that standard error already goes to the journal, as text; fields are better.
    let journal = std::env::var_os("JOURNAL_STREAM").and_then(|_| tracing_journald::layer().ok());
    let started = match journal {
        Some(journal) => registry
            .with(journal.with_field_prefix(Some(PREFIX.to_owned())).with_filter(shown(asked)))
            .try_init(),
        None => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .with_writer(std::io::stderr)
                    .with_target(false)
                    .with_ansi(false)
                    .with_filter(shown(asked)),
            )
            .try_init(),
    };
    if let Err(error) = started {
        super::output::complaint(format_args!("n720d: logging did not start: {error}"));
    }
}

/// What was asked for, as far as it may be said, and alerts in any case: who wants fewer lines has not asked that the sink
/// `journal` takes alerts and drops them.
fn shown<S: 'static>(asked: EnvFilter) -> impl Filter<S> + Send + Sync + 'static {
    let alerts = filter_fn(|metadata: &Metadata<'_>| {
        metadata.target() == ALERTS && *metadata.level() <= tracing::Level::INFO
    });
    asked.and(filter_fn(may_be_said)).or(alerts.with_max_level_hint(LevelFilter::INFO))
}

/// Whether something may be logged at all, whatever `RUST_LOG` asks for. Below their news the libraries log whole pages
/// and requests: the MAC-ID, which opens the provisioning file, and passwords are in them.
fn may_be_said(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with(env!("CARGO_CRATE_NAME")) || *metadata.level() <= tracing::Level::INFO
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn alerts_are_shown_whatever_is_asked_for_and_the_rest_as_asked() {
        for (asked, shown_lines) in [
            ("off", &["alert"][..]),
            ("error", &["alert"]),
            ("n720d::alert=off,n720d=error", &["alert"]),
            ("n720d=info", &["alert", "news"]),
            ("n720d=debug,hyper=trace", &["alert", "news", "detail"]),
        ] {
            let written = Written::default();
            let writer = written.clone();
            let layer = tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .without_time()
                .with_target(false)
                .with_level(false)
                .with_writer(move || writer.clone());
            let registry =
                tracing_subscriber::registry().with(layer.with_filter(shown(EnvFilter::new(asked))));
            tracing::subscriber::with_default(registry, || {
                tracing::info!(target: "n720d::alert", "alert");
                tracing::info!(target: "n720d::alerting", "news");
                tracing::debug!(target: "n720d::alerting", "detail");
                tracing::debug!(target: "hyper", "a page with secrets");
            });
            let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
            assert_eq!(text.lines().map(str::trim).collect::<Vec<_>>(), shown_lines, "{asked}");
        }
    }
}
