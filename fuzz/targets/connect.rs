//! A head on the proxy's port: what hyper lets through is taken apart without a panic, and an authority that was understood
//! means the same when it is written anew.
#![no_main]

use std::convert::Infallible;

use daylight::host::Destination;
use daylight::identity::Users;
use daylight::wire::http::guard;
use daylight_fuzz::block_on;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use libfuzzer_sys::fuzz_target;

/// hyper's own fuzzing is not repeated: longer heads bring nothing new.
const HEAD_MAX_BYTES: usize = 2048;

fuzz_target!(|bytes: &[u8]| {
    let bytes = &bytes[..bytes.len().min(HEAD_MAX_BYTES)];
    let users = Users::new(Vec::new()).unwrap();
    let io = TokioIo::new(tokio::io::join(bytes, tokio::io::sink()));
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        look(&request);
        let users = &users;
        async move {
            drop(users.identify(request.headers(), [127, 0, 0, 1].into()).await);
            Ok::<_, Infallible>(hyper::Response::new(String::new()))
        }
    });
    drop(block_on(hyper::server::conn::http1::Builder::new().serve_connection(io, service)));
});

fn look<B>(request: &hyper::Request<B>) {
    let Some(authority) = request.uri().authority() else { return };
    for default_port in [None, Some(443)] {
        let Ok(destination) = Destination::parse(authority.as_str(), default_port) else { continue };
        let again = Destination::parse(&destination.authority(0), None);
        assert_eq!(again.as_ref(), Ok(&destination), "{authority}");
        let mut head = hyper::Request::new(());
        *head.method_mut() = request.method().clone();
        *head.uri_mut() = request.uri().clone();
        *head.headers_mut() = request.headers().clone();
        if let Ok(guarded) = guard::check(head, &destination) {
            assert!(guarded.parts().headers.get_all("host").iter().count() <= 1);
        }
    }
}
