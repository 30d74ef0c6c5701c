//! A browser without a window, driven as the WebDriver standard says (W3C), in plain blocking words.
//!
//! JSON over HTTP to a driver on this machine: a library for that would bring two dozen crates for five requests.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::packages::{require, which};

/// A driver and its session; both end with the value.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts driver and browser. None on this machine is a failure, not a skip.
    pub fn start() -> Self {
        let (browser, driver) = programs();
        // Two drivers that look for a free port at the same time may find the same one.
        let started = (0..5).find_map(|_| start_driver(&driver));
        let (driver, port) = started.unwrap_or_else(|| panic!("{driver} does not start"));
        let profile = tempfile::tempdir().unwrap();
        let profile_option = format!("--user-data-dir={}", profile.path().display());
        let mut started = Self { driver, port, session: String::new(), _profile: profile };
        let options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            &profile_option,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "unhandledPromptBehavior": "ignore",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"binary": browser, "args": options},
        }}});
        let session = started.request("POST", "/session", Some(&wanted)).unwrap();
        started.session = session["sessionId"].as_str().unwrap().to_owned();
        started
    }

    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        for line in answer.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()) {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut text = vec![0; length];
        answer.read_exact(&mut text).unwrap();
        let mut answer: Value = serde_json::from_slice(&text).unwrap();
        match answer["value"]["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["value"].take()),
        }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.request("POST", &format!("/session/{}/{path}", self.session), Some(body))
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Opens a file.
    pub fn open(&self, path: &Path) {
        self.post("url", &json!({"url": format!("file://{}", path.canonicalize().unwrap().display())}));
    }

    /// Clicks the first element that this selector finds.
    pub fn click(&self, selector: &str) {
        let element = self.post("element", &json!({"using": "css selector", "value": selector}));
        let id = element.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        self.post(&format!("element/{id}/click"), &json!({}));
    }

    /// Sends keys to the first element that this selector finds, in the code points of WebDriver.
    pub fn press(&self, selector: &str, keys: &str) {
        let element = self.post("element", &json!({"using": "css selector", "value": selector}));
        let id = element.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        self.post(&format!("element/{id}/value"), &json!({"text": keys}));
    }

    /// What a function body returns within the page.
    pub fn ask(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({"script": script, "args": []}))
    }

    /// Everything on the console since the last call, and dialogs.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.post("se/log", &json!({"type": "browser"}));
        let mut lines: Vec<String> = log.as_array().unwrap().iter().map(|entry| entry["message"].to_string()).collect();
        let dialog = self.request("GET", &format!("/session/{}/alert/text", self.session), None);
        lines.extend(dialog.ok().map(|text| format!("dialog: {text}")));
        lines
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Width of the window in CSS pixels, and which half of the style.
    pub fn look(&self, width: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": 900, "screenWidth": width, "screenHeight": 900, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        let features = json!({"media": "screen", "features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// The whole page as a picture.
    pub fn picture(&self, file: &Path) {
        let taken = self.devtools("Page.captureScreenshot", &json!({"captureBeyondViewport": true}));
        write(file, &taken);
    }

    /// The page as it is printed.
    pub fn print(&self, file: &Path) {
        self.devtools("Emulation.setEmulatedMedia", &json!({"media": "", "features": []}));
        let options = json!({"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": false});
        write(file, &self.devtools("Page.printToPDF", &options));
    }
}

/// The driver and its port; `None`: it ended without one.
fn start_driver(program: &str) -> Option<(Child, u16)> {
    let mut driver =
        Command::new(program).arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines.find_map(|line| Some(line.unwrap().split_once("successfully on port ")?.1.to_owned()));
    let Some(port) = port.and_then(|port| port.trim_end_matches('.').parse().ok()) else {
        driver.kill().ok();
        driver.wait().ok();
        return None;
    };
    // Read on: a driver that cannot print would stop.
    std::thread::spawn(move || lines.for_each(drop));
    Some((driver, port))
}

fn write(file: &Path, taken: &Value) {
    let bytes = base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, bytes).unwrap();
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            self.request("DELETE", &format!("/session/{}", self.session), None).ok();
        }
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}

/// Browser and driver, and a font: a bare machine has none of them.
fn programs() -> (String, String) {
    let find = || Some((which(&["chromium", "chromium-browser", "google-chrome"])?, which(&["chromedriver"])?));
    require("Chromium and its driver", &["chromium", "chromium-driver", "fonts-dejavu-core"], find)
}
