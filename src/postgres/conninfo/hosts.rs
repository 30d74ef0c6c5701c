//! The list of servers to try: `host`, `hostaddr` and `port` side by side.
//!
//! Names are resolved when connecting, so that each attempt uses the current address.

use std::net::IpAddr;
use std::path::Path;

use super::DEFAULT_SOCKET_DIRECTORIES;
use super::parse::Parameters;
use super::uri;
use crate::base::error::{Error, Result};

/// One server to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSpec {
    /// Host name, address, or the directory of the socket (starts with `/`); empty if only `hostaddr` is given.
    pub host: String,
    /// The address to connect to instead of looking up `host`, which is then only verified.
    pub hostaddr: Option<IpAddr>,
    /// The port, also of a socket (it is part of the file name).
    pub port: u16,
}

impl HostSpec {
    /// The directory, if this is a socket on this machine.
    pub fn socket_directory(&self) -> Option<&Path> {
        (self.hostaddr.is_none() && self.host.starts_with('/')).then(|| Path::new(&self.host))
    }

    /// What passwords are filed under and certificates must name: the host, or the address where no host is given.
    pub fn name(&self) -> &str {
        &self.host
    }

    /// As it stands in a URI: `host:5432`, `[::1]:5432`, `%2Frun%2Fpostgresql:5432`.
    pub fn in_uri(&self) -> String {
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]:{}", self.port),
            _ => format!("{}:{}", uri::encode(&self.host), self.port),
        }
    }
}

/// Where a server on this machine listens: the first usual directory with a socket of that port, else the first that exists.
pub fn default_host(ports: &str) -> String {
    let port = ports.split(',').next().unwrap_or_default();
    let with_socket = |directory: &&&str| Path::new(directory).join(format!(".s.PGSQL.{port}")).exists();
    let found = DEFAULT_SOCKET_DIRECTORIES.iter().find(with_socket);
    let found = found.or_else(|| DEFAULT_SOCKET_DIRECTORIES.iter().find(|directory| Path::new(directory).is_dir()));
    found.map_or("localhost", |directory| directory).to_owned()
}

/// Pairs up the lists. A list of one port serves every host; any other difference in length is an error.
pub fn hosts(parameters: &Parameters) -> Result<Vec<HostSpec>> {
    let list = |keyword: &str| parameters.get(keyword).map(|value| value.split(',').map(str::trim).collect::<Vec<_>>());
    let ports = list("port").unwrap_or_else(|| vec![""]);
    let (names, addresses) = (list("host"), list("hostaddr"));
    let count = names.as_ref().or(addresses.as_ref()).map_or(1, Vec::len);
    same_length("hostaddr", addresses.as_ref().map_or(count, Vec::len), count)?;
    if ports.len() != 1 {
        same_length("port", ports.len(), count)?;
    }
    let item = |list: &Option<Vec<&str>>, index: usize| {
        list.as_ref().and_then(|list| list.get(index).copied()).unwrap_or_default().to_owned()
    };
    (0..count)
        .map(|index| host(item(&names, index), &item(&addresses, index), ports[index.min(ports.len() - 1)]))
        .collect()
}

fn same_length(keyword: &str, got: usize, hosts: usize) -> Result<()> {
    if got == hosts { Ok(()) } else { Err(Error::new(format!("{got} values of {keyword} for {hosts} hosts"))) }
}

fn host(name: String, address: &str, port: &str) -> Result<HostSpec> {
    let port = if port.is_empty() { "5432" } else { port };
    let port: Option<u16> = port.parse().ok().filter(|port| *port != 0);
    let port = port.ok_or_else(|| Error::new("port is not a number from 1 to 65535"))?;
    let hostaddr = match address {
        "" => None,
        text => Some(text.parse().map_err(|_| Error::new(format!("hostaddr {text:?} is not an address")))?),
    };
    if name.starts_with('@') {
        return Err(Error::new("abstract sockets (a host that starts with @) are not supported"));
    }
    let host = match (name.is_empty(), hostaddr) {
        (false, _) => name,
        (true, Some(address)) => IpAddr::to_string(&address),
        (true, None) => default_host(&port.to_string()),
    };
    Ok(HostSpec { host, hostaddr, port })
}
