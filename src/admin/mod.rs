//! stub
use std::sync::Arc;
#[derive(Debug)]
pub struct Sources;
impl Sources { pub fn new(_: Arc<crate::metrics::Metrics>, _: &crate::gateway::Shared, _: Vec<crate::server::Handle>) -> Self { Self } }
pub async fn serve(_: tokio::net::TcpListener, _: Arc<Sources>, _: crate::shutdown::Draining) {}
