//! Events as the JSON lines of hclog, the format of the CLI's plugin library.
//!
//! The CLI crashes on a special key that is not a string, shows a line as raw text if its time has other than six
//! fraction digits, and does the same with lines of 64 KiB.

use std::fmt::Write as _;
use std::time::SystemTime;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::levels::Levels;
use super::masking::{HIDDEN, is_secret_name, masked};

/// The CLI's limit is 64 KiB including the line end.
const LINE_LIMIT: usize = 63 * 1024;

/// The longest text of one message or field. A control character becomes six bytes, so that the message alone always
/// fits.
const TEXT_LIMIT: usize = 8 * 1024;

/// The name of the field that tells that others did not fit.
const DROPPED_FIELDS: &str = "dropped_fields";

/// Room for [`DROPPED_FIELDS`] and the closing brace.
const DROPPED_RESERVE: usize = 64;

/// Writes every event that `levels` allow as one line to `write`.
#[derive(Debug)]
pub(super) struct HclogLayer<W> {
    levels: Levels,
    write: W,
}

impl<W: Fn(&[u8]) + 'static> HclogLayer<W> {
    pub(super) fn new(levels: Levels, write: W) -> HclogLayer<W> {
        HclogLayer { levels, write }
    }
}

impl<S, W> Layer<S> for HclogLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&[u8]) + 'static,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.levels.allow(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.levels.allow(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Spans of any level count; see `Levels::allow`. Events are decided once per place in the code.
        Some(LevelFilter::TRACE)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.0.extend(of_span.0.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        event.record(&mut fields);
        let metadata = event.metadata();
        let module = self.levels.origin(metadata.target()).module();
        (self.write)(line(*metadata.level(), module, SystemTime::now(), fields).as_bytes());
    }
}

/// What was recorded, by name; an event's fields win over its spans', and an inner span's over an outer one's.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        let name = field.name().strip_prefix("r#").unwrap_or(field.name());
        let value = if is_secret_name(name) { Value::from(HIDDEN) } else { value.into() };
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no NaN and no infinity.
        if value.is_finite() {
            self.insert(field, value);
        } else {
            self.insert(field, value.to_string());
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(error) = source {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {error}");
            source = error.source();
        }
        self.insert(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }
}

/// One line with its end.
fn line(level: Level, module: &str, time: SystemTime, Fields(mut fields): Fields) -> String {
    let message = match fields.remove("message") {
        Some(Value::String(message)) => message,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let mut line = format!(
        r#"{{"@level":"{}","@message":{},"@module":"{module}","@timestamp":"{}""#,
        level_name(level),
        json_text(&message),
        timestamp(time)
    );
    let mut dropped = 0_usize;
    for (name, value) in fields {
        let value = match value {
            Value::String(text) => json_text(&text),
            other => other.to_string(),
        };
        // Names with `@` are the format's own.
        let piece = format!(",{}:{value}", json_text(name.trim_start_matches('@')));
        if line.len() + piece.len() + DROPPED_RESERVE <= LINE_LIMIT {
            line.push_str(&piece);
        } else {
            dropped += 1;
        }
    }
    if dropped > 0 {
        // Writing to a string cannot fail.
        let _ = write!(line, r#","{DROPPED_FIELDS}":{dropped}"#);
    }
    line.push_str("}\n");
    line
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::TRACE => "trace",
        Level::DEBUG => "debug",
        Level::INFO => "info",
        Level::WARN => "warn",
        Level::ERROR => "error",
    }
}

/// A JSON string without secrets, cut to its limit. Masking comes first: a cut secret would not be recognised.
fn json_text(text: &str) -> String {
    let text = masked(text);
    let text = if text.len() <= TEXT_LIMIT {
        text
    } else {
        let end = text.floor_char_boundary(TEXT_LIMIT);
        format!("{}… ({} bytes)", &text[..end], text.len()).into()
    };
    Value::from(text).to_string()
}

/// RFC 3339 in UTC with six fraction digits.
fn timestamp(time: SystemTime) -> String {
    let time = prost_types::Timestamp::from(time);
    let seconds = prost_types::Timestamp { seconds: time.seconds, nanos: 0 }.to_string();
    format!("{}.{:06}Z", seconds.trim_end_matches('Z'), time.nanos / 1000)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use proptest::prelude::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::super::masking::mask;
    use super::*;

    /// The lines that `emit` writes at the level.
    fn lines(level: &str, emit: impl FnOnce()) -> Vec<Value> {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&written);
        let levels = Levels::from_env("acme/anvil", &["anvil"], |key| (key == "TF_LOG").then(|| level.to_owned()));
        let layer = HclogLayer::new(levels, move |line: &[u8]| {
            assert!(line.len() < 64 * 1024 && line.ends_with(b"\n"));
            sink.lock().unwrap().push(serde_json::from_slice(line).unwrap());
        });
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), emit);
        std::mem::take(&mut written.lock().unwrap())
    }

    #[test]
    fn spans_and_fields_are_one_flat_object() {
        let lines = lines("trace", || {
            let rpc = tracing::info_span!(target: "tfplug", "rpc", tf_rpc = "Apply", tf_req_id = "a", late = tracing::field::Empty);
            let _rpc = rpc.enter();
            rpc.record("late", 7);
            let _inner = tracing::info_span!(target: "anvil", "inner", tf_req_id = "b").entered();
            tracing::warn!(target: "anvil::forge", count = 3_u64, ratio = f64::NAN, ok = true, "struck {}", "twice");
        });
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!(line["@level"], "warn");
        assert_eq!(line["@module"], "provider");
        assert_eq!(line["@message"], "struck twice");
        assert_eq!(line["tf_rpc"], "Apply");
        assert_eq!(line["tf_req_id"], "b");
        assert_eq!(line["late"], 7);
        assert_eq!(line["count"], 3);
        assert_eq!(line["ratio"], "NaN");
        assert_eq!(line["ok"], true);
    }

    #[test]
    fn below_the_level_nothing_is_written_but_spans_still_count() {
        let lines = lines("error", || {
            let _rpc = tracing::debug_span!(target: "tfplug", "rpc", tf_rpc = "Apply").entered();
            tracing::warn!(target: "anvil", "not this");
            tracing::error!(target: "anvil", "this");
        });
        assert_eq!(lines.len(), 1);
        assert_eq!((&lines[0]["@message"], &lines[0]["tf_rpc"]), (&Value::from("this"), &Value::from("Apply")));
    }

    #[test]
    fn secrets_are_hidden_by_name_and_by_value() {
        mask("correct horse battery staple");
        let lines = lines("trace", || {
            tracing::info!(
                target: "anvil",
                admin_password = "one",
                Authorization = 2,
                url = "https://x/?q=correct%20horse%20battery%20staple",
                "got correct horse battery staple"
            );
        });
        let text = lines[0].to_string();
        assert!(!text.contains("horse"), "{text}");
        assert_eq!(lines[0]["admin_password"], HIDDEN);
        assert_eq!(lines[0]["Authorization"], HIDDEN);
        assert_eq!(lines[0]["@message"], format!("got {HIDDEN}"));
    }

    #[test]
    fn errors_are_written_with_their_sources() {
        let inner = std::io::Error::other("disk is full");
        let outer: Box<dyn std::error::Error> = Box::new(std::io::Error::other(inner));
        let lines = lines("trace", || tracing::error!(target: "anvil", error = &*outer, "failed"));
        assert!(lines[0]["error"].as_str().unwrap().contains("disk is full"));
    }

    #[test]
    fn the_time_has_six_fraction_digits() {
        let at = |nanos| {
            timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + Duration::from_nanos(nanos))
        };
        assert_eq!(at(0), "2023-11-14T22:13:20.000000Z");
        assert_eq!(at(999_999_999), "2023-11-14T22:13:20.999999Z");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// Any texts in any number give one valid line below the limit, with string special keys.
        #[test]
        fn lines_are_valid_and_short(
            message in ".{0,20}", repeat in 1_usize..1000,
            fields in proptest::collection::btree_map("@?[a-z@\"\\\\]{1,12}", ".{0,60}", 0..20),
        ) {
            let mut recorded = Fields::default();
            recorded.0.insert("message".to_owned(), message.repeat(repeat).into());
            for (name, text) in fields {
                recorded.0.insert(name, text.repeat(100).into());
            }
            let line = line(Level::INFO, "provider", SystemTime::UNIX_EPOCH, recorded);
            prop_assert!(line.len() < 64 * 1024);
            prop_assert_eq!(line.matches('\n').count(), 1);
            let value: Value = serde_json::from_str(&line).unwrap();
            for key in ["@level", "@message", "@module", "@timestamp"] {
                prop_assert!(value[key].is_string());
            }
        }
    }
}
