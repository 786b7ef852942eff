//! stub
use std::sync::Arc;
#[derive(Debug, Default)]
pub struct Core {}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception { Pass, PassWithoutSession, SlowClient }
impl Core {
    pub fn connection_reused(&self) {}
    pub fn connection_opened(&self) {}
    pub fn connections_full(&self) {}
    pub fn odd_session(&self, _: usize) {}
    pub fn exception(&self, _: Exception) {}
}
#[derive(Debug, Default)]
pub struct Metrics { cores: Vec<Arc<Core>> }
impl Metrics { pub fn new(n: usize) -> Self { Self { cores: (0..n).map(|_| Arc::default()).collect() } } pub fn cores(&self) -> &[Arc<Core>] { &self.cores } }
