//! The applications' pages do what the table in `applications` says, without a proxy.

use crate::applications::{Application, Page, aspnetcore, django, java, laravel, node, php, rails};
use crate::http::Client;

#[track_caller]
fn serves_its_pages(application: &Application) {
    let name = application.name;
    let new = Client::new(application.address);
    let get = |client: &mut Client, page| {
        let answer = client.get(&application.page(page, 1)).unwrap();
        assert_eq!(answer.status, 200, "{name} {page:?}");
        answer.body
    };
    let mut user = new.clone();
    assert_eq!(get(&mut user, Page::None), "none", "{name}");
    assert!(user.cookies().is_empty(), "{name} has made a session");
    assert_eq!(get(&mut user, Page::Write), "1", "{name}");
    assert_eq!(get(&mut user, Page::Write), "2", "{name}");
    assert_eq!(get(&mut user, Page::Read), "2", "{name}");
    let before = user.cookies().clone();
    assert_eq!(get(&mut user, Page::Login), "2", "{name}");
    assert_ne!(&before, user.cookies(), "{name} has kept the id");
    assert_eq!(get(&mut user, Page::Inner), "3", "{name}");
    assert_eq!(get(&mut user, Page::Read), "3", "{name}");
    assert_eq!(get(&mut new.clone(), Page::Write), "1", "{name}");
    assert_eq!(application.stats().unwrap().overlaps, 0, "{name}");
}

#[test]
fn php_serves_its_pages() {
    for sessions in [
        php::Sessions::Files,
        php::Sessions::Redis,
        php::Sessions::LockedRedis,
    ] {
        serves_its_pages(&php::start(sessions, php::Options::default()).unwrap());
    }
}

/// Its sign-in is a cookie of its own, and the session keeps its id.
#[test]
fn aspnetcore_serves_its_pages() {
    serves_its_pages(&aspnetcore::start(aspnetcore::Options::default()).unwrap());
}

#[test]
fn django_serves_its_pages() {
    serves_its_pages(&django::start().unwrap());
}

#[test]
fn express_serves_its_pages() {
    serves_its_pages(&node::start().unwrap());
}

#[test]
fn laravel_serves_its_pages() {
    for cookie in [laravel::Cookie::Encrypted, laravel::Cookie::Plain] {
        serves_its_pages(&laravel::start(cookie).unwrap());
    }
}

#[test]
fn rails_serves_its_pages() {
    serves_its_pages(&rails::start(rails::Sessions::Cache).unwrap());
}

#[test]
fn tomcat_and_jetty_serve_their_pages() {
    for container in [java::Container::Tomcat, java::Container::Jetty] {
        serves_its_pages(&java::start(container).unwrap());
    }
}
