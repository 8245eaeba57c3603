//! Where log lines go: to the journal with their fields when the service manager listens there, else to standard
//! error. `RUST_LOG` says how much, as `n720d=debug`; of the libraries it shows no more than their news.

use tracing::Metadata;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The field prefix in the journal: `journalctl N720D_SITE=acme-berlin`.
const PREFIX: &str = "N720D";

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
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(may_be_said));
    // The variable says that standard error already goes to the journal, as text; fields are better.
    let journal = std::env::var_os("JOURNAL_STREAM").and_then(|_| tracing_journald::layer().ok());
    let started = match journal {
        Some(journal) => registry.with(journal.with_field_prefix(Some(PREFIX.to_owned()))).try_init(),
        None => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .with_writer(std::io::stderr)
                    .with_target(false)
                    .with_ansi(false),
            )
            .try_init(),
    };
    if let Err(error) = started {
        super::output::complaint(format_args!("n720d: logging did not start: {error}"));
    }
}

/// Whether something may be logged at all, whatever `RUST_LOG` asks for. Below their news the libraries log whole pages
/// and requests: the MAC-ID, which opens the provisioning file, and passwords are in them.
fn may_be_said(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with(env!("CARGO_CRATE_NAME")) || *metadata.level() <= tracing::Level::INFO
}
