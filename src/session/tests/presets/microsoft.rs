//! Sitecore, ASP.NET Core and Classic ASP.

use super::*;

#[test]
fn sitecore_cookies_are_aspnets_escaped_or_not() {
    check(
        Preset::Sitecore.sources(None),
        &[
            (
                "plain",
                "ASP.NET_SessionId=lit3py55t21z5v55vlm25s55",
                Id(ASPNET),
            ),
            (
                "escaped, which System.Web alone does not decode",
                "ASP.NET_SessionId=%6cit3py55t21z5v55vlm25s55",
                Id(ASPNET),
            ),
            (
                "any case",
                "asp.net_sessionid=LIT3PY55T21Z5V55VLM25S55",
                Id(ASPNET),
            ),
            (
                "not base32",
                "ASP.NET_SessionId=lit3py55t21z5v55vlm25s59",
                SHORT,
            ),
            (
                "names may hold #",
                "website#lang=en; ASP.NET_SessionId=lit3py55t21z5v55vlm25s55",
                Id(ASPNET),
            ),
            (
                "the contact is no session of its own",
                "SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be|False",
                Nothing,
            ),
            (
                "nor is the visit",
                "SC_ANALYTICS_SESSION_COOKIE=55C870C6BC8C43AC8E307439915915FD|1|lit3py55t21z5v55vlm25s55",
                Nothing,
            ),
            (
                "nor the server",
                "ARRAffinity=a75f436fe1433e0a6050400ba97bd8e396794446f858ac4ca1d1981bfcf7c0d8",
                Nothing,
            ),
        ],
    );
}

#[test]
fn a_sitecore_contact_stays_one_whatever_it_is_classified_as() {
    let contact = "611a20207bf14802a1bf1a0aa6e671be";
    let shared = Source {
        lane: LaneName::default(),
        ..Preset::Sitecore.shared().unwrap()
    };
    check(
        vec![shared],
        &[
            (
                "a robot",
                "SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be|False",
                Id(contact),
            ),
            (
                "a person",
                "SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be|True",
                Id(contact),
            ),
            (
                "an escaped |",
                "SC_ANALYTICS_GLOBAL_COOKIE=611a20207bf14802a1bf1a0aa6e671be%7CTrue",
                Id(contact),
            ),
            (
                "as DMS wrote it",
                "SC_ANALYTICS_GLOBAL_COOKIE=611A20207BF14802A1BF1A0AA6E671BE",
                Id(contact),
            ),
            (
                "a GUID with hyphens",
                "SC_ANALYTICS_GLOBAL_COOKIE=590d7188-2907-41ba-91c3-d5a95c1866a4|True",
                Odd(OddReason::TooLong),
            ),
            (
                "only a classification",
                "SC_ANALYTICS_GLOBAL_COOKIE=|True",
                Odd(OddReason::Empty),
            ),
        ],
    );
    assert!(
        Preset::ALL
            .iter()
            .all(|preset| preset.shared().is_none() || *preset == Preset::Sitecore)
    );
}

#[test]
fn aspnetcore_cookies_are_read_by_the_last_of_the_name() {
    let id = "CfDJ8NcGdSzUZ81Hlh0bgChgkkqkNnWu5HZi6WUdUgt+2P2B4P+kZJxscMXuiqUZKH5k/u4BOHyCJCR1HMQ6Zu2mIAeib54z7M6tj9Tf0M53XcugXok6QWHgGkmRXowprmY";
    check(
        Preset::AspNetCore.sources(None),
        &[
            (
                "escaped, as Response.Cookies writes it",
                ".AspNetCore.Session=CfDJ8NcGdSzUZ81Hlh0bgChgkkqkNnWu5HZi6WUdUgt%2B2P2B4P%2BkZJxscMXuiqUZKH5k%2Fu4BOHyCJCR1HMQ6Zu2mIAeib54z7M6tj9Tf0M53XcugXok6QWHgGkmRXowprmY",
                Id(id),
            ),
            (
                "the name ignores case, and + stays",
                ".aspnetcore.session=CfDJ8NcGdSzUZ81Hlh0bgChgkkqkNnWu5HZi6WUdUgt+2P2B4P+kZJxscMXuiqUZKH5k/u4BOHyCJCR1HMQ6Zu2mIAeib54z7M6tj9Tf0M53XcugXok6QWHgGkmRXowprmY",
                Id(id),
            ),
            (
                "the last one",
                ".AspNetCore.Session=CfDJ8aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; .AspNetCore.Session=CfDJ8NcGdSzUZ81Hlh0bgChgkkqkNnWu5HZi6WUdUgt+2P2B4P+kZJxscMXuiqUZKH5k/u4BOHyCJCR1HMQ6Zu2mIAeib54z7M6tj9Tf0M53XcugXok6QWHgGkmRXowprmY",
                Id(id),
            ),
            ("not encrypted", ".AspNetCore.Session=sess1", SHORT),
            (
                "quotes stay",
                ".AspNetCore.Session=\"CfDJ8aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
                SHORT,
            ),
            (
                "another cookie of ASP.NET Core",
                ".AspNetCore.Antiforgery.b8-pDmTq1XM=CfDJ8AuMt_3FvyxIgNOR82PHE4kGyR",
                Nothing,
            ),
        ],
    );
}

#[test]
fn classic_asp_cookies_have_a_name_by_worker_process() {
    let id = "ODPGCOOBHENBFLMKIFMAHGAA";
    check(
        Preset::ClassicAsp.sources(None),
        &[
            (
                "plain",
                "x=1; ASPSESSIONIDSQQQRATR=ODPGCOOBHENBFLMKIFMAHGAA",
                Id(id),
            ),
            (
                "that of a process before the last recycle stays first, and stays the key",
                "ASPSESSIONIDSQQQRATR=ODPGCOOBHENBFLMKIFMAHGAA; ASPSESSIONIDSSTRQBSQ=FCIHPMOBFDOHHAEIOOFJIPHK",
                Id(id),
            ),
            (
                "small letters are not asp.dll's",
                "ASPSESSIONIDSQQQRATR=odpgcoobhenbflmkifmahgaa",
                SHORT,
            ),
            (
                "a valid one behind another",
                "ASPSESSIONIDX=1; ASPSESSIONIDSQQQRATR=ODPGCOOBHENBFLMKIFMAHGAA",
                Id(id),
            ),
            ("emptied", "ASPSESSIONIDSQQQRATR=", Odd(OddReason::Empty)),
            (
                "ASP.NET's is another session",
                "ASP.NET_SessionId=lit3py55t21z5v55vlm25s55",
                Nothing,
            ),
        ],
    );
    check(
        Preset::ClassicAsp.sources(Some("ASPSESSIONIDSSTRQBSQ")),
        &[(
            "the one that was named",
            "ASPSESSIONIDAAAAAAAA=FCIHPMOBFDOHHAEIOOFJIPHK; ASPSESSIONIDSSTRQBSQ=ODPGCOOBHENBFLMKIFMAHGAA",
            Id(id),
        )],
    );
}
