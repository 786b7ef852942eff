//! What becomes of spans: counted, and warned of where they are lost.
//!
//! Guarantees: each span that is taken is counted once, as exported, dropped or failed; the spans that wait, those on their
//! way included, are bounded; warnings come from the thread that sends, once a minute at most.
//! Does not do: send; OpenTelemetry's exporter does, and repeats what a collector asks to have repeated.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as Export};

use super::collector::Collector;
use crate::metrics::{self, SpanResult};

/// The spans that wait, by their number.
#[derive(Debug)]
pub(super) struct Queue {
    most: usize,
    waiting: AtomicUsize,
    /// Dropped since that was last said.
    dropped: AtomicUsize,
    metrics: Arc<metrics::Core>,
}

/// Sends, and counts what came of it.
#[derive(Debug)]
pub(super) struct Counted {
    sender: SpanExporter,
    collector: Arc<Collector>,
    queue: Arc<Queue>,
    unsaid: Mutex<Unsaid>,
}

/// What was lost and not warned of yet.
#[derive(Debug, Default)]
struct Unsaid {
    last: Option<Instant>,
    failed: usize,
    dropped: usize,
}

impl Queue {
    pub(super) fn new(most: usize, metrics: Arc<metrics::Core>) -> Self {
        Self {
            most,
            waiting: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            metrics,
        }
    }

    /// Whether there is room for `spans` more, which are taken then; else they are dropped.
    pub(super) fn take(&self, spans: usize) -> bool {
        if self.waiting.fetch_add(spans, Ordering::Relaxed) + spans <= self.most {
            return true;
        }
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
        self.dropped.fetch_add(spans, Ordering::Relaxed);
        self.metrics.spans(SpanResult::Dropped, spans);
        false
    }

    /// What still waits is not sent any more.
    pub(super) fn give_up(&self, error: &OTelSdkError) {
        let spans = self.waiting.load(Ordering::Relaxed);
        tracing::warn!(
            spans,
            "the last spans were not sent before the end: {error}"
        );
    }

    fn is_done(&self, spans: usize) {
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
    }
}

impl Counted {
    pub(super) fn new(sender: SpanExporter, collector: Arc<Collector>, queue: Arc<Queue>) -> Self {
        Self {
            sender,
            collector,
            queue,
            unsaid: Mutex::default(),
        }
    }

    /// Says whose spans they are.
    pub(super) fn describe(&mut self, resource: &Resource) {
        self.sender.set_resource(resource);
    }

    /// Counts what became of `spans`, of which `failed` were not taken.
    fn ended(&self, spans: usize, failed: usize, fault: Option<String>) {
        let metrics = &self.queue.metrics;
        metrics.spans(SpanResult::Exported, spans - failed);
        metrics.spans(SpanResult::Failed, failed);
        self.queue.is_done(spans);
        let dropped = self.queue.dropped.swap(0, Ordering::Relaxed);
        let mut unsaid = self.unsaid.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((failed, dropped)) = unsaid.add(failed, dropped, Instant::now()) {
            let (endpoint, fault) = (self.collector.url(), fault.unwrap_or_else(slow));
            tracing::warn!(
                %endpoint,
                failed,
                dropped,
                "spans are lost on the way to the collector: {fault} (warned once a minute)"
            );
        }
    }
}

impl Export for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.sender.export(batch).await;
        let last = self.collector.take_last();
        match &result {
            Ok(()) if last.rejected == 0 => self.ended(spans, 0, None),
            Ok(()) => self.ended(spans, last.rejected.min(spans), Some(UNWANTED.to_owned())),
            Err(error) => {
                let fault = last.fault.unwrap_or_else(|| error.to_string());
                self.ended(spans, spans, Some(fault));
            }
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.sender.shutdown_with_timeout(timeout)
    }
}

impl Unsaid {
    /// What to say now of all that was lost, `failed` and `dropped` of it just now.
    fn add(&mut self, failed: usize, dropped: usize, now: Instant) -> Option<(usize, usize)> {
        self.failed += failed;
        self.dropped += dropped;
        let is_early = self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < EVERY);
        if is_early || self.failed + self.dropped == 0 {
            return None;
        }
        self.last = Some(now);
        Some((
            std::mem::take(&mut self.failed),
            std::mem::take(&mut self.dropped),
        ))
    }
}

fn slow() -> String {
    "it takes them more slowly than they come; lower tracing.sample_rate".to_owned()
}

const UNWANTED: &str = "it does not want some of them (partialSuccess)";

/// As all warnings whose cause may come with each request.
const EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Labels, Metrics};

    #[test]
    fn what_does_not_fit_is_dropped_whole_and_room_comes_back() {
        let metrics = Metrics::new(1, Labels::default());
        let queue = Queue::new(5, metrics.core(0));
        assert!(queue.take(3));
        assert!(!queue.take(3));
        assert!(queue.take(2));
        queue.is_done(3);
        assert!(queue.take(3));
        let text = metrics.encode(Default::default());
        let dropped = "onelane_trace_spans_total{result=\"dropped\"} 3\n";
        assert!(text.contains(dropped), "{text}");
    }

    #[test]
    fn losses_are_said_at_once_and_then_together_once_a_minute() {
        let (mut unsaid, start) = (Unsaid::default(), Instant::now());
        let mut at = |second, failed, dropped| {
            unsaid.add(failed, dropped, start + Duration::from_secs(second))
        };
        assert_eq!(at(0, 0, 0), None);
        assert_eq!(at(1, 3, 0), Some((3, 0)));
        assert_eq!(at(2, 4, 1), None);
        assert_eq!(at(60, 0, 1), None);
        assert_eq!(at(61, 0, 0), Some((4, 2)));
        assert_eq!(at(200, 0, 0), None);
    }
}
