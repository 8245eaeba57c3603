//! The control port: HTTP and JSON on loopback, to read devices and to play the people around them.
//!
//! Only translates requests into calls on [`Device`]; README.md lists the paths for people.

use crate::config::Framing;
use crate::device::Device;
use crate::error::SimError;
use crate::http::{self, Form, Request, Response};
use crate::order::{Done, Order};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How long a client may take for its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// A listening control port; it closes when it is dropped.
#[derive(Debug)]
pub struct Control {
    addr: SocketAddr,
    stop: tokio::sync::watch::Receiver<bool>,
    /// Dropping them ends them.
    _tasks: JoinSet<()>,
}

impl Control {
    /// Listens for orders for these devices.
    ///
    /// # Errors
    /// [`SimError::Bind`] if the address is taken, [`SimError::Invalid`] if it is not a loopback address.
    pub async fn start(addr: SocketAddr, devices: Vec<Device>) -> Result<Self, SimError> {
        if !addr.ip().is_loopback() {
            return Err(SimError::Invalid { expected: "a loopback address", found: addr.to_string() });
        }
        let bind = |source| SimError::Bind { what: "control", addr, source };
        let listener = TcpListener::bind(addr).await.map_err(bind)?;
        let addr = listener.local_addr().map_err(bind)?;
        let (stopper, stop) = tokio::sync::watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, Arc::new(devices), Arc::new(stopper)));
        Ok(Self { addr, stop, _tasks: tasks })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits until somebody posts to `/stop`.
    pub async fn stopped(&self) {
        let mut stop = self.stop.clone();
        // An error means that nobody is left who could post it.
        let _closed = stop.wait_for(|stopped| *stopped).await;
    }
}

type Stopper = Arc<tokio::sync::watch::Sender<bool>>;

async fn serve(listener: TcpListener, devices: Arc<Vec<Device>>, stopper: Stopper) {
    let mut talks = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                talks.spawn(talk(stream, Arc::clone(&devices), Arc::clone(&stopper)));
            },
            Some(_) = talks.join_next() => {}
        }
    }
}

async fn talk(mut stream: TcpStream, devices: Arc<Vec<Device>>, stopper: Stopper) {
    let Ok(Some(request)) = tokio::time::timeout(PATIENCE, http::read_request(&mut stream)).await else {
        return;
    };
    let response = answer(&request, &devices);
    let mut bytes = http::head(&response, Framing::Length, false);
    bytes.extend(&response.body);
    // A client that went away is its own business.
    let _gone = stream.write_all(&bytes).await;
    let _gone = stream.shutdown().await;
    if (request.method.as_str(), request.path.as_str()) == ("POST", "/stop") {
        stopper.send_replace(true);
    }
}

fn answer(request: &Request, devices: &[Device]) -> Response {
    match perform(request, devices) {
        Ok(value) => Response::json(200, &value),
        Err((status, why)) => Response::json(status, &json!({ "error": why })),
    }
}

type Failure = (u16, String);

fn perform(request: &Request, devices: &[Device]) -> Result<Value, Failure> {
    let arguments = request.arguments();
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/devices") => Ok(devices.iter().map(listing).collect()),
        ("GET", "/state") => match arguments.get("device") {
            Some(name) => to_value(&find(devices, name)?.snapshot()),
            None => devices.iter().map(|device| to_value(&device.snapshot())).collect(),
        },
        ("GET", "/journal") => journal(devices, &arguments),
        ("POST", "/stop") => Ok(json!({ "ok": true })),
        ("POST", path) => order(path, request, devices),
        ("GET", _) => Err((404, "no such path; see README.md".to_owned())),
        _ => Err((405, "only GET and POST".to_owned())),
    }
}

/// What the binary prints of a device on start, and `/devices` lists.
pub fn listing(device: &Device) -> Value {
    json!({
        "device": device.name(),
        "mac": device.mac(),
        "url": device.url(),
        "sip": device.sip_addr().to_string(),
    })
}

fn journal(devices: &[Device], arguments: &Form) -> Result<Value, Failure> {
    let since = arguments.get("since").map_or(Ok(0), |text| text.parse::<u64>());
    let since = since.map_err(|_| (400, "since must be a number".to_owned()))?;
    let chosen = match arguments.get("device") {
        Some(name) => vec![find(devices, name)?],
        None => devices.iter().collect(),
    };
    let mut entries = Vec::new();
    for device in chosen {
        for entry in device.journal_since(since) {
            let mut value = to_value(&entry)?;
            value["device"] = json!(device.name());
            entries.push(value);
        }
    }
    Ok(Value::Array(entries))
}

/// The path names the order; the device's name stands beside the order's own keys.
fn order(path: &str, request: &Request, devices: &[Device]) -> Result<Value, Failure> {
    let mut body: Map<String, Value> =
        serde_json::from_slice(&request.body).map_err(|error| (400, error.to_string()))?;
    let name = path.trim_start_matches('/');
    if !Order::NAMES.contains(&name) {
        return Err((404, "no such path; see README.md".to_owned()));
    }
    let device = body.remove("device").ok_or((400, "the key device is missing".to_owned()))?;
    let device = find(devices, device.as_str().unwrap_or_default())?;
    body.insert("do".to_owned(), json!(name));
    let order: Order = serde_json::from_value(body.into()).map_err(|error| (400, error.to_string()))?;
    match device.carry_out(&order) {
        Ok(Done::Yes) => Ok(json!({ "ok": true })),
        Ok(Done::Slot(slot)) => Ok(json!({ "slot": slot })),
        Ok(Done::Fault(id)) => Ok(json!({ "id": id })),
        Err(error) => Err((409, error.to_string())),
    }
}

fn find<'a>(devices: &'a [Device], name: &str) -> Result<&'a Device, Failure> {
    let found = devices.iter().find(|device| device.name() == name);
    found.ok_or_else(|| (404, SimError::UnknownDevice(name.to_owned()).to_string()))
}

fn to_value(value: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| (500, error.to_string()))
}
