//! The log on stderr: lines for people, or an object a line for programs.
//!
//! Both have the same lines with the same words, so that what is redacted in one is in the other. `RINGBACK_LOG` says how
//! much is told whatever the configuration says.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::{Clock, SystemClock};
use crate::settings::{LogFormat, LogLevel, Logging};

/// Begins it; what was told before is lost. Only the first call counts.
pub fn begin(logging: Logging) {
    let asked = std::env::var("RINGBACK_LOG").ok().and_then(|level| level.parse().ok());
    let level = asked.unwrap_or(match logging.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    });
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level).with_ansi(false);
    let _ = match logging.format {
        LogFormat::Human => log.try_init(),
        LogFormat::Json => log.event_format(Json).try_init(),
    };
}

/// `{"at":"…","level":"info","message":"…","target":"ringback::daemon"}`, and whatever else a line names.
struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let about = event.metadata();
        let mut line = Line(Map::new());
        let at = serde_json::to_value(SystemClock.now()).map_err(|_| fmt::Error)?;
        line.0.insert("at".to_owned(), at);
        line.0.insert("level".to_owned(), about.level().as_str().to_ascii_lowercase().into());
        line.0.insert("target".to_owned(), about.target().into());
        event.record(&mut line);
        writeln!(out, "{}", Value::Object(line.0))
    }
}

struct Line(Map<String, Value>);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}
