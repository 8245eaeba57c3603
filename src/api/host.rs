//! Protection against DNS rebinding: a page in somebody's browser whose name was made to point at this machine must not
//! read the API of a server that is bound to loopback. Nothing else is checked here.

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use super::wire::{Refusal, RefusalKind};

/// If `bound` is a loopback address, lets only requests through whose Host is `localhost`, a loopback address or
/// `bound`, with any port; requests without a Host are not from a browser and pass. Bound to anything else, the
/// server is reachable under names that it cannot know, and everything passes.
pub fn only_local_names(router: Router, bound: IpAddr) -> Router {
    if bound.is_loopback() { router.layer(from_fn_with_state(bound, check)) } else { router }
}

async fn check(State(bound): State<IpAddr>, request: Request, next: Next) -> Response {
    let header = request.headers().get(HOST).map(|host| host.to_str().unwrap_or("?"));
    let named = request.uri().authority().map(axum::http::uri::Authority::as_str).or(header);
    match named {
        Some(host) if !is_local(host, bound) => {
            Refusal::new(RefusalKind::ForeignHost, "this server is bound to loopback: ask for localhost")
                .into_response()
        }
        Some(_) | None => next.run(request).await,
    }
}

fn is_local(host: &str, bound: IpAddr) -> bool {
    let name = without_port(host);
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address == bound)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names_pass_with_and_without_port() {
        let bound = "127.0.0.5".parse().unwrap();
        for host in
            ["localhost", "LOCALHOST:8721", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:8721", "127.0.0.5:1"]
        {
            assert!(is_local(host, bound), "{host}");
        }
    }

    #[test]
    fn names_that_may_point_anywhere_do_not() {
        let bound = "127.0.0.1".parse().unwrap();
        for host in [
            "example.net",
            "localhost.example.net",
            "localhost:80.example.net",
            "127.0.0.1.example.net:8721",
            "10.0.0.1",
            "[fe80::1]",
            "",
            "?",
            ":8721",
            "user@localhost",
            "0x7f.1",
        ] {
            assert!(!is_local(host, bound), "{host}");
        }
    }
}
