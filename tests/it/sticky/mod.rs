//! Several upstreams: a session stays at the node that has it, and leaves it only when that is gone.

mod affinity;
mod failing;
mod health;
mod learned;

use std::net::SocketAddr;

use crate::support::{Proxy, Request, Reserved, Response, Step, Upstream, answer, eventually};

/// Nodes that answer with their names, `n0`, `n1` and so on, and Onelane in front of them.
struct Farm {
    nodes: Vec<Upstream>,
    proxy: Proxy,
}

impl Farm {
    /// `keys` are more keys of each node, such as `fail_timeout: 1s`; `yaml` is more of the configuration.
    #[track_caller]
    fn start(count: usize, keys: &str, yaml: &str) -> Self {
        let nodes: Vec<_> = (0..count).map(|_| Upstream::start()).collect();
        for (number, node) in nodes.iter().enumerate() {
            answers_its_name(node, number);
        }
        let addresses: Vec<_> = nodes.iter().map(Upstream::address).collect();
        let proxy = Proxy::start(&configuration(&addresses, keys, yaml));
        Self { nodes, proxy }
    }

    /// Another Onelane in front of the same nodes, as after a restart.
    #[track_caller]
    fn restart(&mut self, keys: &str, yaml: &str) {
        let addresses: Vec<_> = self.nodes.iter().map(Upstream::address).collect();
        self.proxy = Proxy::start(&configuration(&addresses, keys, yaml));
    }

    #[track_caller]
    fn call(&self, request: &Request) -> Response {
        self.proxy.call(request)
    }

    /// The cookie that names node `number`, as a client gets it.
    #[track_caller]
    fn cookie_of(&self, number: usize) -> String {
        let name = name(number);
        let responses = (0..100).map(|_| self.call(&Request::get("/cookie")));
        responses
            .filter(|response| response.text() == name)
            .find_map(|response| given(&response))
            .expect("each node has its turn")
    }

    /// How many requests each node has got, without health checks.
    fn arrived(&self) -> Vec<usize> {
        let count = |node: &Upstream| {
            let targets = node.targets();
            targets.iter().filter(|target| *target != HEALTH).count()
        };
        self.nodes.iter().map(count).collect()
    }

    fn is_healthy(&self, number: usize) -> bool {
        let metrics = self.proxy.metrics();
        metrics.labelled("onelane_upstream_healthy", "upstream", &name(number)) == 1
    }

    #[track_caller]
    fn until_healthy(&self, number: usize, healthy: bool) {
        eventually(&format!("healthy of {} is {healthy}", name(number)), || {
            self.is_healthy(number) == healthy
        });
    }

    fn lost(&self) -> usize {
        self.proxy.metrics().count("onelane_affinity_lost_total")
    }

    /// Ends node `number`; its address refuses connections from then on, and stays its own.
    #[track_caller]
    fn end(&mut self, number: usize) -> Reserved {
        let node = std::mem::replace(&mut self.nodes[number], Upstream::start());
        let address = node.address();
        drop(node);
        eventually("the node refuses connections", || {
            std::net::TcpStream::connect(address).is_err()
        });
        Upstream::reserve_again(address)
    }

    /// Starts node `number` again where it was.
    fn start_again(&mut self, number: usize, place: Reserved) {
        let node = place.start();
        answers_its_name(&node, number);
        self.nodes[number] = node;
    }
}

fn name(number: usize) -> String {
    format!("n{number}")
}

fn answers_its_name(node: &Upstream, number: usize) {
    node.on("*", [Step::ReadBody, Step::Send(answer(200, name(number)))]);
}

fn configuration(nodes: &[SocketAddr], keys: &str, yaml: &str) -> String {
    let mut text = BASE.to_owned();
    for (number, address) in nodes.iter().enumerate() {
        let name = name(number);
        text += &format!("  - {{ name: {name}, url: 'http://{address}', {keys} }}\n");
    }
    text + yaml
}

/// The affinity cookie that a response sets, as a client sends it back.
fn given(response: &Response) -> Option<String> {
    let lines = response.head.all("set-cookie");
    let line = lines
        .iter()
        .find(|line| line.starts_with("onelane_node="))?;
    line.split(';').next().map(str::to_owned)
}

/// A request of the session `sid`, perhaps with an affinity cookie.
fn of_session(sid: &str, affinity: Option<&str>) -> Request {
    let affinity = affinity.map_or_else(String::new, |cookie| format!("; {cookie}"));
    Request::post("/page", "x=1").header("Cookie", format!("sid={sid}{affinity}"))
}

const HEALTH: &str = "/health";

const BASE: &str = "listen: 127.0.0.1:0
admin: { listen: '127.0.0.1:0' }
session: { keys: [{ name: sid, cookie: sid }], secret: the secret }
drain_timeout: 5s
log: { format: text, access: false }
upstreams:
";
