//! Two applications of one process, on a port and on the Unix socket that `UNIX_SOCKET` names. Each token is good for both,
//! since they share a gate.

use std::{error::Error, time::Duration};

use actix_web::{
    HttpServer,
    rt::{
        signal::unix::{SignalKind, signal},
        spawn,
    },
};
use futures_util::future::{join, try_join};
use hallpass::Gate;
use hallpass_streams::{OpenFor, app, site};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let gate = Gate::from_env()?;
    let (by_network, by_socket) = (
        site(&gate, OpenFor(Duration::from_secs(60)))?,
        site(&gate, OpenFor(Duration::from_secs(3600)))?,
    );
    let network = HttpServer::new(move || app(&by_network)).bind(gate.bind_address())?;
    let path = std::env::var("UNIX_SOCKET").unwrap_or_else(|_| "streams.sock".to_owned());
    let socket = HttpServer::new(move || app(&by_socket)).workers(1).bind_uds(path)?;
    for address in network.addrs() {
        println!("listening on http://{address}");
    }
    // On a signal, the first server that is done would end the process, and with it what is still open at the other one.
    let (network, socket) = (network.disable_signals().run(), socket.disable_signals().run());
    let (one, other) = (network.handle(), socket.handle());
    let mut terminate = signal(SignalKind::terminate())?;
    spawn(async move {
        terminate.recv().await;
        gate.stop();
        join(one.stop(true), other.stop(true)).await;
    });
    try_join(network, socket).await?;
    Ok(())
}
