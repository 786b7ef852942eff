//! When each metric is a reason to worry, for docs/metrics.md.

/// The groups of the document, and the metrics of each in their order: name, and when to worry.
pub(super) const GROUPS: [(&str, &[(&str, &str)]); 8] = [
    (
        "Is anything wrong?",
        &[
            (
                "onelane_exclusion_exceptions_total",
                "At any: each may be a lost update. `hold_limit_release` and `hold_limit_abort` want a faster page or a higher limit, `pass` and `pass_without_session` are what you configured, `slow_client` is harmless where the application writes its session before the response.",
            ),
            (
                "onelane_session_cookies_odd_total",
                "When any reason but `empty` (a logout) goes on: these requests have no lane. Compare `session:` with what the application sets; `onelane explain` shows how a cookie is read.",
            ),
            (
                "onelane_read_wrote_total",
                "At any: what these requests wrote may be lost. Write `access: write` for the route.",
            ),
            (
                "onelane_forwarded_untrusted_total",
                "When it grows with all requests: that is your balancer, and the whole site is one client to every limit. The log names the address to add to `client.trusted_proxies`. Single ones are clients that try it.",
            ),
        ],
    ),
    (
        "Requests",
        &[
            (
                "onelane_requests_total",
                "When the share of `code=\"5xx\"`, or of `outcome=\"broken_off\"` or `client_gone_inside`, grows. An outcome or class that has not occurred has no series.",
            ),
            (
                "onelane_refusals_total",
                "At `queue_full`, `wait_timeout`, `waiters_full`: a lane does not move on as fast as requests come. At `upstream_*`: the application. At `rate_limited` and its kind: see that it is no one who should pass. Those of broken requests are the internet's noise.",
            ),
            (
                "onelane_clients_gone_total",
                "When `where=\"waiting\"` grows: people lose patience. `inside` is usual where pages are slow: nobody waits for the answer, but the application works on.",
            ),
        ],
    ),
    (
        "Lanes",
        &[
            (
                "onelane_lanes",
                "When it stays far above the number of users that click at the same time.",
            ),
            (
                "onelane_holders",
                "When it stays at the number of requests that the application can work on.",
            ),
            (
                "onelane_waiters",
                "When it grows for minutes: something holds its lane. `/evidence` and the wait by route tell more.",
            ),
            (
                "onelane_wait_seconds",
                "When the 95th percentile of a route is above what its users bear. The bucket `le=\"0.0\"` has those that did not wait at all.",
            ),
            (
                "onelane_hold_seconds",
                "When a route's sum grows faster than the others': it is what others wait for. `rate(onelane_hold_seconds_sum)` is how many lanes it holds on average.",
            ),
            (
                "onelane_arrival_position",
                "When it comes near `queue.limit`: the next is refused.",
            ),
            (
                "onelane_hold_limits_reached_total",
                "At any: a page ran longer than the application itself allows, or the limit is too low for the route.",
            ),
            (
                "onelane_held_over_limit_total",
                "At any: with `on_hold_limit: wait` all others of that session wait for it.",
            ),
            (
                "onelane_reentrance_total",
                "At `refused` or `forged`. `stale` means that a page calls its own site after its answer.",
            ),
            (
                "onelane_session_cookies_withheld_total",
                "Not at all: a login changed the id while other requests of its session waited, as where a page logs in by script, and the user stayed logged in.",
            ),
        ],
    ),
    (
        "Observe mode and companions",
        &[
            (
                "onelane_would_wait_total",
                "Not at all: it is how many would have waited, and do wait in the application now.",
            ),
            (
                "onelane_would_refuse_total",
                "Before you say `enforce`: raise `queue.limit`, or find out who sends so many at once.",
            ),
            (
                "onelane_nested_total",
                "Not at all: these routes seem to take no lock and may be `read` or `none`. `onelane advise` says it in YAML.",
            ),
            (
                "onelane_session_reports_total",
                "When all are `silent` although a companion is installed: it does not run, or has another secret.",
            ),
        ],
    ),
    (
        "Clients",
        &[
            (
                "onelane_connections",
                "When it comes near `limits.connections`: the next are closed at once.",
            ),
            (
                "onelane_connections_accepted_total",
                "When it is near the number of requests: clients do not keep their connections.",
            ),
            (
                "onelane_connections_ended_total",
                "When it grows: `client_connections` and `resets` are floods or a wrong limit, `unread` slow or dead clients, `tls_handshake` see below.",
            ),
            (
                "onelane_proxy_headers_refused_total",
                "At any, when your balancer sends PROXY headers: `untrusted` wants its address in `client.trusted_proxies`, `missing` its setting.",
            ),
            (
                "onelane_tls_handshakes_total",
                "When `failed` is a large share: clients do not take the certificate. Scanners always fail some.",
            ),
            (
                "onelane_throttle_decisions_total",
                "When `refused` hits clients who should pass; look at `would_throttle` before you enforce a rule.",
            ),
            (
                "onelane_throttle_clients",
                "When it stays at its bound, 102,400 for each rule: see the next.",
            ),
            (
                "onelane_throttle_shared_total",
                "When it grows: more networks come than are told apart, and newcomers share one meter.",
            ),
        ],
    ),
    (
        "The application",
        &[
            (
                "onelane_upstream_response_seconds",
                "When it rises: the application itself is slower, whatever the lanes do.",
            ),
            (
                "onelane_upstream_connect_seconds",
                "When it is above some milliseconds: the application accepts late, is recycled, or `max_connections` is too low.",
            ),
            (
                "onelane_upstream_errors_total",
                "At any that goes on: `unreachable` it is not there, `reset` and `broken_off` it breaks off (a crash, a recycle), `timed_out` and `late` it is too slow, `busy` `max_connections` is too low, `invalid` it is no HTTP.",
            ),
            (
                "onelane_upstream_connections_opened_total",
                "When it is near the number of requests: the application closes its connections; raise its keep-alive above `keep_alive`.",
            ),
            (
                "onelane_upstream_connections_reused_total",
                "When it is far below the number of requests: as above. A write takes a kept connection only when it has just been used.",
            ),
            (
                "onelane_upstream_connections_bound_total",
                "Not at all: one for each client connection with Windows authentication.",
            ),
            (
                "onelane_upstream_requests_total",
                "When one node gets nearly all: the affinity cookie binds too many to it.",
            ),
            (
                "onelane_upstream_healthy",
                "At 0: the node gets no requests.",
            ),
            (
                "onelane_affinity_lost_total",
                "At any that goes on: a session in the memory of the node that was down is lost.",
            ),
        ],
    ),
    (
        "Memory, disk, certificates, log",
        &[
            (
                "onelane_buffer_memory_bytes",
                "When it stays at `limits.buffer_memory`: requests go on without read-ahead, so slow uploads hold their lanes, and reach the application.",
            ),
            (
                "onelane_spool_bytes",
                "When it stays at `limits.spool_disk`: as above.",
            ),
            (
                "onelane_spool_errors_total",
                "At any: the folder for temporary files is not writable, or the disk is full.",
            ),
            (
                "onelane_certificate_expiry_seconds",
                "When it is less than two weeks ahead.",
            ),
            (
                "onelane_certificate_reloads_total",
                "At `failed`: the files were changed, but cannot be served; the log says why.",
            ),
            (
                "onelane_log_lines_dropped_total",
                "At any: standard output is read too slowly, and the access log has gaps. No request waits for it.",
            ),
            (
                "onelane_trace_spans_total",
                "At `dropped` or `failed`: the collector is slow, away or unwilling; the log says why. No request waits for it.",
            ),
        ],
    ),
    (
        "The process",
        &[
            (
                "onelane_config_reloads_total",
                "At `failed` or `refused`: the old configuration goes on; the log says what is wrong.",
            ),
            (
                "onelane_admin_tokens_refused_total",
                "At any that you cannot explain: somebody guesses at `admin.token`, or a scraper has an old one. `limited` \
                 were not even compared.",
            ),
            (
                "onelane_config_last_reload_successful",
                "At 0: what is in the file is not in force, and a restart would fail or change it.",
            ),
            (
                "onelane_config_last_reload_success_timestamp_seconds",
                "When it is older than your last change.",
            ),
            (
                "onelane_build_info",
                "When several versions run, and it is no upgrade.",
            ),
            (
                "process_start_time_seconds",
                "When it changes and nobody has restarted it.",
            ),
            (
                "process_cpu_seconds_total",
                "When its rate comes near the number of cores.",
            ),
            (
                "process_resident_memory_bytes",
                "When it grows for days. An idle connection takes about 20 KB, buffers have a bound of their own.",
            ),
            ("process_open_fds", "When it comes near `process_max_fds`."),
            (
                "process_max_fds",
                "When it is less than twice `limits.connections`: then fewer clients are taken.",
            ),
        ],
    ),
];
