//! stub
#[derive(Debug)]
pub struct AccessLog;
impl AccessLog {
    pub fn off() -> Self { Self }
    pub fn json(_: tracing_appender::non_blocking::NonBlocking) -> Self { Self }
    pub fn text(_: tracing_appender::non_blocking::NonBlocking) -> Self { Self }
}
