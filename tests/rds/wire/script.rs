//! A server that answers each call as the test says, and remembers what was asked.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use pgwitness::aws::{Claim, DeletionPolicy, Rds, Snapshot, SourceInstance};
use pgwitness::base::time::Timestamp;
use pgwitness::config::{RdsSource, SnapshotKind, Span, Temporary};
use pgwitness::model::progress;
use tokio::net::TcpListener;

pub const NAME: &str = "pgwitness-20260131t020000z-0123abcd";
pub const RUN: &str = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";
pub const PRODUCTION: &str = "db-PRODUCTION";
pub const TEMPORARY: &str = "db-TEMPORARY";
pub const NOW: &str = "2026-01-31T02:00:00Z";
/// A minute after [`NOW`], as the server dates its answers unless the test says otherwise.
pub const DATE: &str = "Sat, 31 Jan 2026 02:01:00 GMT";

/// The parameters of a call.
pub type Form = BTreeMap<String, String>;

/// What the server says.
pub enum Answer {
    /// HTTP status and body.
    Says(u16, String),
    /// The connection is closed without a word.
    Lost,
}

type Script = Box<dyn FnMut(&str, &Form) -> Answer + Send>;

struct Inner {
    script: Script,
    date: Option<String>,
    asked: Vec<Form>,
}

/// The server, and a client for it.
pub struct Aws {
    pub rds: Rds,
    inner: Arc<Mutex<Inner>>,
}

impl Aws {
    /// Calls of this action so far.
    pub fn asked(&self, action: &str) -> Vec<Form> {
        let inner = self.inner.lock().unwrap();
        inner.asked.iter().filter(|form| form["Action"] == action).cloned().collect()
    }
}

/// A server with this script.
pub async fn aws(script: impl FnMut(&str, &Form) -> Answer + Send + 'static) -> Aws {
    aws_with(|_| {}, None, script).await
}

/// The same with another configuration and a `Date` header.
pub async fn aws_with(
    configure: impl FnOnce(&mut RdsSource),
    date: Option<&str>,
    script: impl FnMut(&str, &Form) -> Answer + Send + 'static,
) -> Aws {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let date = Some(date.unwrap_or(DATE).to_owned());
    let inner = Arc::new(Mutex::new(Inner { script: Box::new(script), date, asked: Vec::new() }));
    let served = inner.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let inner = served.clone();
            let service = service_fn(move |request| answer(request, inner.clone()));
            let server = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(server);
        }
    });
    let mut source = source(&url);
    configure(&mut source);
    let credentials = Credentials::new("AKIAEXAMPLE", "secret", None, None, "test");
    let rds = Rds::connect_as(&source, &progress::no_listener(), Some(credentials)).await.unwrap();
    Aws { rds, inner }
}

async fn answer(request: Request<Incoming>, inner: Arc<Mutex<Inner>>) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let body = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
    let form: Form = form_urlencoded::parse(&body).into_owned().collect();
    let mut inner = inner.lock().unwrap();
    inner.asked.push(form.clone());
    let said = (inner.script)(&form["Action"], &form);
    let Answer::Says(status, body) = said else { return Err(std::io::Error::other("lost")) };
    let mut response = Response::builder().status(status).header("content-type", "text/xml");
    if let Some(date) = &inner.date {
        response = response.header("date", date);
    }
    Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).unwrap()).map_err(|never| match never {})
}

pub fn source(url: &str) -> RdsSource {
    RdsSource {
        instance: "production".into(),
        resource_id: None,
        dbname: "shop".into(),
        region: "ap-southeast-2".into(),
        account: None,
        profile: None,
        endpoint_url: Some(url.into()),
        snapshots: SnapshotKind::Automated,
        wait_for_snapshot: Span::seconds(1),
        max_snapshot_age: Span::seconds(26 * 3600),
        temporary: Temporary {
            prefix: "pgwitness".into(),
            instance_classes: vec!["db.t4g.medium".into(), "db.t3.large".into()],
            subnet_group: "isolated".into(),
            security_groups: vec!["sg-1".into(), "sg-2".into()],
            parameter_group: "pg17".into(),
            publicly_accessible: false,
            storage_type: Some("gp3".into()),
            ca_certificate_identifier: Some("rds-ca-rsa2048-g1".into()),
            ca_bundle: PathBuf::from("/nowhere/bundle.pem"),
            connect_via: None,
            restore_timeout: Span::seconds(60),
            delete_timeout: Span::seconds(60),
            poll_interval: Span::seconds(0),
        },
    }
}

/// The envelope of an answer.
pub fn says(action: &str, result: &str) -> Answer {
    let namespace = "http://rds.amazonaws.com/doc/2014-10-31/";
    let body = format!(
        "<{action}Response xmlns=\"{namespace}\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></{action}Response>"
    );
    Answer::Says(200, body)
}

/// An error as AWS words it.
pub fn fails(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
    );
    Answer::Says(status, body)
}

/// `DBInstanceNotFound`
pub fn not_found() -> Answer {
    fails(404, "DBInstanceNotFound", "DBInstance not found")
}

/// An answer of DescribeDBInstances.
pub fn describes(instances: &[String], marker: Option<&str>) -> Answer {
    let marker = marker.map(|marker| format!("<Marker>{marker}</Marker>")).unwrap_or_default();
    says("DescribeDBInstances", &format!("{marker}<DBInstances>{}</DBInstances>", instances.concat()))
}

/// An instance as XML: what is ours, unless `change` says otherwise.
pub fn instance(status: &str, change: &[(&str, &str)]) -> String {
    let mut fields = BTreeMap::from([
        ("DBInstanceIdentifier", NAME),
        ("DbiResourceId", TEMPORARY),
        ("DBInstanceStatus", status),
        ("DBInstanceClass", "db.t4g.medium"),
        ("Engine", "postgres"),
        ("EngineVersion", "17.4"),
        ("MasterUsername", "master"),
        ("AllocatedStorage", "20"),
        ("InstanceCreateTime", "2026-01-31T02:03:04.567Z"),
        ("DeletionProtection", "false"),
        ("DBInstanceArn", "arn:aws:rds:ap-southeast-2:123456789012:db:pgwitness-20260131t020000z-0123abcd"),
        ("Endpoint", "<Address>temporary.example</Address><Port>5432</Port>"),
        ("PendingModifiedValues", ""),
        ("run", RUN),
    ]);
    fields.extend(change.iter().copied());
    let run = fields.remove("run").unwrap_or_default().to_owned();
    let mut xml = String::from("<DBInstance>");
    for (name, value) in fields.iter().filter(|(_, value)| **value != "-") {
        write!(xml, "<{name}>{value}</{name}>").unwrap();
    }
    let tags = [("pgwitness-managed", "true"), ("pgwitness-run-id", &run)];
    xml.push_str("<TagList>");
    for (key, value) in tags {
        write!(xml, "<Tag><Key>{key}</Key><Value>{value}</Value></Tag>").unwrap();
    }
    xml + "</TagList></DBInstance>"
}

/// Production as XML.
pub fn production() -> String {
    instance(
        "available",
        &[
            ("DBInstanceIdentifier", "production"),
            ("DbiResourceId", PRODUCTION),
            ("DeletionProtection", "true"),
            ("Endpoint", "<Address>production.example</Address><Port>5432</Port>"),
            ("run", ""),
        ],
    )
}

pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Production as it was described.
pub fn the_source() -> SourceInstance {
    SourceInstance {
        identifier: "production".into(),
        resource_id: PRODUCTION.into(),
        endpoint: Some(pgwitness::aws::InstanceAddress { host: "production.example".into(), port: 5432 }),
        deletion_protection: true,
        engine_version: "17.4".into(),
        allocated_gib: 20,
        status: "available".into(),
    }
}

pub fn the_snapshot() -> Snapshot {
    Snapshot {
        identifier: "rds:production-2026-01-31".into(),
        created_at: time("2026-01-31T01:00:00Z"),
        kind: "automated".into(),
        engine_version: "17.4".into(),
        resource_id: PRODUCTION.into(),
        master_username: None,
        allocated_gib: 20,
        notes: Vec::new(),
    }
}

/// What the journal says of [`NAME`].
pub fn the_claim() -> Claim {
    Claim {
        identifier: NAME.into(),
        run_id: RUN.into(),
        intended_at: time(NOW),
        resource_id: Some(TEMPORARY.into()),
        source_resource_id: PRODUCTION.into(),
        account: "123456789012".into(),
        region: "ap-southeast-2".into(),
    }
}

pub fn the_guard() -> DeletionPolicy {
    DeletionPolicy {
        prefix: "pgwitness".into(),
        protected: Vec::new(),
        source_instance: "production".into(),
        source_resource_id: Some(PRODUCTION.into()),
        account: "123456789012".into(),
        region: "ap-southeast-2".into(),
    }
}
