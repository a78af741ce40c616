//! The API server's REST interface, by way of `kubectl proxy`: plain HTTP within this machine.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

/// Who applies: fields that the same manager applied before and leaves out now are removed, as `kubectl apply` does.
const MANAGER: &str = "fieldManager=meshfix&force=true&fieldValidation=Strict";

/// The server, and the kinds that it serves.
pub(crate) struct Client {
    address: String,
    kinds: BTreeMap<(String, String), Kind>,
}

/// Where the resources of a kind are.
pub(crate) struct Kind {
    root: String,
    plural: String,
    pub(crate) namespaced: bool,
}

/// The server's answer to what it does not take.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) message: String,
}

impl Client {
    pub(crate) fn new(address: String) -> Client {
        Client { address, kinds: BTreeMap::new() }
    }

    /// The kind of this API version, if the server has it.
    pub(crate) fn kind(&self, api_version: &str, kind: &str) -> Option<&Kind> {
        self.kinds.get(&(api_version.to_owned(), kind.to_owned()))
    }

    /// Whether the server has a kind of this name in any version.
    pub(crate) fn serves(&self, kind: &str) -> bool {
        self.kinds.keys().any(|(_, have)| have == kind)
    }

    /// Asks the server for its kinds.
    pub(crate) fn discover(&mut self) -> Result<(), Refusal> {
        for root in ["/api", "/apis"] {
            let groups = self.request("GET", root, None)?;
            for group in list(&groups, "items") {
                let name = text(group, "/metadata/name");
                for version in list(group, "versions") {
                    let version_name = text(version, "/version");
                    let api_version =
                        if name.is_empty() { version_name.to_owned() } else { format!("{name}/{version_name}") };
                    for resource in list(version, "resources") {
                        let kind = Kind {
                            root: format!("{root}/{api_version}"),
                            plural: text(resource, "/resource").to_owned(),
                            namespaced: text(resource, "/scope") == "Namespaced",
                        };
                        let key = (api_version.clone(), text(resource, "/responseKind/kind").to_owned());
                        self.kinds.entry(key).or_insert(kind);
                    }
                }
            }
        }
        Ok(())
    }

    /// Creates a resource, or only asks whether it could be; its path.
    pub(crate) fn create(&self, value: &Value, dry_run: bool) -> Result<String, Refusal> {
        let path = self.folder(value)?;
        let query = if dry_run { "fieldValidation=Strict&dryRun=All" } else { "fieldValidation=Strict" };
        let made = self.request("POST", &format!("{path}?{query}"), Some(value))?;
        Ok(format!("{path}/{}", text(&made, "/metadata/name")))
    }

    /// Applies a resource on the server's side; its path.
    pub(crate) fn apply(&self, value: &Value) -> Result<String, Refusal> {
        let path = format!("{}/{}", self.folder(value)?, escaped(text(value, "/metadata/name")));
        self.request("PATCH", &format!("{path}?{MANAGER}"), Some(value))?;
        Ok(path)
    }

    /// Deletes what `create` or `apply` made.
    pub(crate) fn delete(&self, path: &str) -> Result<(), Refusal> {
        let now = json!({"gracePeriodSeconds": 0, "propagationPolicy": "Background"});
        self.request("DELETE", path, Some(&now)).map(|_| ())
    }

    /// Sends a request; the answer's body.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Refusal> {
        let mut answer = self.exchange(method, path, body);
        // On a busy machine a connection may break; what may be asked twice is asked again.
        let may_be_asked_twice = method != "POST" || path.contains("dryRun=All");
        for _ in 0..3 {
            if answer.is_ok() || !may_be_asked_twice {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
            answer = self.exchange(method, path, body);
        }
        let (code, body) = answer.map_err(|error| Refusal::own(error.to_string()))?;
        let value: Value = serde_json::from_str(&body).unwrap_or(Value::String(body));
        if (200..300).contains(&code) {
            return Ok(value);
        }
        let message = value.get("message").or(Some(&value)).and_then(Value::as_str).unwrap_or_default().to_owned();
        Err(Refusal { code, message })
    }

    fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<(u16, String)> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let content = if method == "PATCH" { "application/apply-patch+yaml" } else { "application/json" };
        let accept = if method == "GET" && path.starts_with("/api") {
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        } else {
            "application/json"
        };
        let mut stream = TcpStream::connect(&self.address)?;
        // With HTTP/1.0 the answer ends where the connection ends.
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nAccept: {accept}\r\nContent-Type: {content}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
        Ok((code, body.to_owned()))
    }

    /// The path that resources like this one are created at.
    fn folder(&self, value: &Value) -> Result<String, Refusal> {
        let (api_version, kind) = (text(value, "/apiVersion"), text(value, "/kind"));
        let Some(Kind { root, plural, namespaced }) = self.kind(api_version, kind) else {
            return Err(Refusal::own(format!("{api_version} {kind} is not served")));
        };
        let namespace = escaped(text(value, "/metadata/namespace"));
        Ok(if *namespaced { format!("{root}/namespaces/{namespace}/{plural}") } else { format!("{root}/{plural}") })
    }
}

impl Refusal {
    /// Not the server's word: the request never got an answer.
    fn own(message: String) -> Refusal {
        Refusal { code: 0, message }
    }

    /// Whether the server has judged. What does not fit its schema, or says which version of it is stored, fails as if
    /// the server itself had failed.
    pub(crate) fn is_answer(&self) -> bool {
        ((400..500).contains(&self.code) && self.code != 429)
            || self.message.starts_with("failed to create typed patch object")
            || self.message.starts_with("resourceVersion should not be set")
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Some messages hold a whole Job; what is wrong stands at their ends.
        let characters: Vec<char> = self.message.chars().collect();
        if characters.len() < 300 {
            return write!(f, "{} {}", self.code, self.message);
        }
        let text = |part: &[char]| part.iter().collect::<String>();
        write!(f, "{} {} ... {}", self.code, text(&characters[..150]), text(&characters[characters.len() - 100..]))
    }
}

/// The text at a JSON pointer, empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// A part of a path, with all but the characters of names escaped.
fn escaped(part: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    part.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
